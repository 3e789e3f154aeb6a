"""``aezoo eval``: the numbers of trained models, beside the baselines and with the protocol."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import options
from aezoo.errors import OptionError


@click.command("eval")
@click.argument("models", nargs=-1, required=True, type=options.Name("model", paths=True))
@options.data
@click.option(
    "--split",
    metavar="NAME",
    help="Only this split: train, validation or test, or all: a folder or array as it is [default: every split of the "
    "model's own data and of a named dataset; all of other images at a path].",
)
@click.option(
    "--metric",
    "--metrics",
    "metrics",
    type=options.Name("metric"),
    multiple=True,
    help="Measure this too, in place of what its recipe adds; repeatable.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Of the posterior samples [default: 0, as cards]."
)
@click.option("--check", is_flag=True, help="Compare with the numbers of the card; exit with 1 where one has drifted.")
@click.option(
    "--as",
    "convention",
    metavar="NAME",
    help="Measure as another harness does: lightningdit, rae, 1d-tokenizer or skimage.",
)
@click.option(
    "--pca/--no-pca",
    default=None,
    help="Principal components of the training images beside, as many as a latent has numbers [default: beside "
    "several models].",
)
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Also keep every image's values, a row an image.",
)
@options.device("cpu", "Where models compute; others round more coarsely than a CPU.")
@click.option("--json", "form", flag_value="json", help="Print JSON: of one model as its metrics.json.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a table for a README.")
@click.option("--csv", "form", flag_value="csv", help="Print a table for a spreadsheet, numbers in full.")
def command(
    models: tuple[str, ...],
    data: options.Data,
    split: str | None,
    metrics: tuple[str, ...],
    seed: int,
    check: bool,
    convention: str | None,
    pca: bool | None,
    scores: Path | None,
    device: str,
    form: str | None,
) -> None:
    """Measure MODELS, names with weights or model folders, on their own data or on --data.

    Gives a run's metrics.json again: float32, seeded posterior samples, baseline included. A path that a
    model folder names as its data is opened once --data PATH confirms it.

    \b
    aezoo eval runs/vae16                        every split that it was trained and tested on
    aezoo eval runs/vae16 --data ./other_photos  the whole folder: none of it was trained on
    aezoo eval vq-f4-tiny fsq-f4-tiny --split test --markdown
    aezoo eval cis680-vae16.cufs --check         are these the numbers of its card?
    aezoo eval kl-f8-tiny --as lightningdit      numbers to hold against that harness's
    """
    from aezoo.cli import measured
    from aezoo.cli.screen import Screen
    from aezoo.training import devices
    from aezoo.training.drift import drifts
    from aezoo.training.evaluated import evaluate_models

    devices.check(device)
    if check and seed:
        raise OptionError(f"--check compares with the card, whose samples are of seed 0, not {seed}")
    if check and convention:
        raise OptionError(f"--check compares with the card, whose numbers are aezoo's own, not {convention}'s")
    if metrics and convention:
        raise OptionError(f"--metric {metrics[0]}: --as {convention} measures what that harness does, and no more")
    with Screen() as screen:
        found = evaluate_models(
            [*dict.fromkeys(models)],
            data=data.request,
            binarize=data.binarize,
            split=split,
            metrics=metrics,
            convention=convention or "",
            pca=len(models) > 1 if pca is None else pca,
            seed=seed,
            root=data.root,
            device=device,
            report=screen.working,
        )
        compared = {each.name: drifts(each) for each in found} if check else {}
    if devices.launched()[0]:
        return  # of several processes one speaks
    verdicts = {name: {"check": measured.verdict(drifts)} for name, drifts in compared.items() if form == "json"}
    measured.show({each.name: each.metrics | verdicts.get(each.name, {}) for each in found}, form or "text")
    if scores:
        measured.write_scores(found, scores)
    lost = [name for name in metrics if any(name not in of.ids for each in found for of in each.found.values())]
    if check:
        measured.show_drifts(compared)
    if lost:
        raise OptionError(f"--metric {lost[0]} could not be measured, as the warning says")
    if not all(drift.passes for each in compared.values() for drift in each):
        click.get_current_context().exit(1)
