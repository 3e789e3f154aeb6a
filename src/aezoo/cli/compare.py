"""``aezoo compare``: the curves and numbers of several runs, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import console, options
from aezoo.cli.console import Column
from aezoo.errors import OptionError, UnknownNameError, WeightsError, warn

if TYPE_CHECKING:
    from aezoo.training.kept import Kept

_CURVES = ("mse",)  # drawn beside the loss and its terms


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=options.Name("model", paths=True))
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Whose numbers and curves.")
@options.picture(required=False, help="A picture of the curves; without it there is the table alone.")
@options.as_json
def command(runs: tuple[str, ...], split: str, out: Path | None, as_json: bool) -> None:
    """Compare RUNS: folders of 'aezoo train', ended or not, and names with weights.

    Prints what was measured of each at its end (of a run that has not ended, at its last point), and in which settings
    they differ. Of several folders, as a shell's runs/* names them, those that hold no run are left out.

    \b
    aezoo compare runs/a runs/b --out ab.png
    aezoo compare runs/mine cis680-vae16.toyfaces
    """
    from aezoo.figures import Run, comparison, save
    from aezoo.training.kept import differences, is_run, read_run
    from aezoo.training.objective import names_of_terms

    folders = [(name, _folder(name)) for name in runs]
    if there := [each for each in folders if is_run(each[1])]:
        if others := [name for name, folder in folders if not is_run(folder)]:
            warn(f"left out, for they hold no run: {', '.join(others)}")
        folders = there
    found = [read_run(folder, name.rstrip("/")) for name, folder in folders]
    if not any(run.numbers(split) for run in found):
        raise OptionError(f"--split {split}: none of the runs was measured on it; there are train, validation and test")
    differing = differences(found)
    if out:
        # A sum of other terms, or of other weights, is another quantity: then only its terms are drawn.
        terms = [name for run in found for name in names_of_terms(run.recipe, run.spec)]
        shown = [*([] if "loss" in differing else ["loss"]), *terms, *_CURVES]
        logs = [Run(run.name, run.history) for run in found if run.history]
        save(comparison(logs, list(dict.fromkeys(shown)), split=split), out)
    if as_json:
        console.print_json({"differences": differing, "runs": [_json(run) for run in found]})
        return
    _show(found, split)
    if differing or out:
        click.echo()
    values = zip(*differing.values(), strict=True) if differing else [()] * len(found)
    said = [", ".join(f"{name}={value}" for name, value in zip(differing, each, strict=True)) for each in values]
    console.facts([*zip([run.name for run in found], said, strict=True), ("picture", str(out or ""))])
    _warn(found, split)


def _warn(runs: list[Kept], split: str) -> None:
    """Say of which numbers the difference is not that of the models."""
    from aezoo.training.curves import CURVE_IMAGES

    measured = [run for run in runs if split in run.images]
    if others := [run.name for run in measured[1:] if run.measured_on(split) != measured[0].measured_on(split)]:
        who = measured[0].name
        console.warn(f"measured on other images than {who}: {', '.join(others)}; these numbers do not compare")
    going = [run.name for run in runs if not run.metrics]
    if going and len(going) < len(runs):
        console.warn(f"not ended: {', '.join(going)}; numbers of at most {CURVE_IMAGES} images, beside those of all")
    known = [run.ids for run in runs]
    shared = dict.fromkeys(name for ids in known for name in ids)
    if revised := [name for name in shared if len({ids[name] for ids in known if name in ids}) > 1]:
        console.warn(f"another revision of {', '.join(revised)} in some runs; these numbers do not compare")


def _folder(name: str) -> Path:
    """The folder of a run, or of a name's weights."""
    path = Path(name.removeprefix("local-dir:")).expanduser()
    if path.is_dir():
        return path

    from aezoo.composition import resolve, stored
    from aezoo.weights.folder import METRICS

    try:
        return stored(resolve(name), METRICS)[0]
    except (UnknownNameError, WeightsError) as error:
        raise type(error)(f"{name} is no folder of a run, and {error}") from None


def _show(runs: list[Kept], split: str) -> None:
    from aezoo.weights.card import heading

    rows = {run.name: (", ".join(filter(None, (str(run.step), run.state))), run.numbers(split)) for run in runs}
    if len({run.measured_on(split) for run in runs}) == 1 and "mean-image" in runs[0].metrics:
        rows["mean-image"] = ("", runs[0].metrics["mean-image"].get(split, {}))
    names = list(dict.fromkeys(name for _, values in rows.values() for name in values))
    numbers = [
        [name, step, *("" if values.get(key) is None else f"{values[key]:.4g}" for key in names)]
        for name, (step, values) in rows.items()
    ]
    columns = [Column("run", style="cyan"), Column("step", right=True)]
    console.table([*columns, *(Column(heading(name), right=True) for name in names)], numbers)


def _json(run: Kept) -> dict[str, Any]:
    return {
        "run": run.name,
        "step": run.step,
        "state": run.state,
        "settings": run.settings(),
        "metrics": run.metrics or {split: run.numbers(split) for split in ("train", "validation", "test")},
    }
