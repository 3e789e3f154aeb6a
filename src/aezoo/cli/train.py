"""``aezoo train``: from a name and images to a model folder, with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aezoo.cli import console, options
from aezoo.errors import OptionError

if TYPE_CHECKING:
    from aezoo.training.choice import Choice

# What a person may say of a run that goes on, and of one that ends where it stands.
_CONFIRMS = ("data", "root", "loss", "metrics", "begin_with", "device", "as_json")
_POSITIVE = click.FloatRange(min=0, min_open=True)
_LENGTHS = ("steps", "epochs", "minutes")


@click.command("train")
@click.argument("model", type=options.Name("model", paths=True), required=False)
@options.data
@options.parts
@options.recipe
@click.option("--epochs", type=_POSITIVE, help="Instead of --steps: see each training image so often.")
@click.option("--minutes", type=_POSITIVE, help="Instead of --steps: as many as fit in so long, timed beforehand.")
@options.device(None, "[default: auto]")
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on the CPU.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps between checkpoints [default: 250].")
@click.option(
    "--from",
    "begin_with",
    type=options.Name("model", paths=True),
    help="A model to take the first weights from.",
)
@click.option(
    "--track", type=click.Choice(("tensorboard", "trackio")), multiple=True, help="Log there too; repeatable."
)
@click.option("--out", type=options.Folder(), help="The model folder to write [default: runs/MODEL-SEED].")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out, once this one can start.")
@click.option("--resume", type=options.Folder(), help="Continue the run in this folder, as it was begun.")
@click.option("--finish", type=options.Folder(), help="End the run in this folder where it stands.")
@options.as_json
def command(
    model: str | None,
    data: options.Data,
    parts: dict[str, Any],
    recipe: dict[str, Any],
    device: str | None,
    threads: int | None,
    checkpoint_every: int | None,
    begin_with: str | None,
    track: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    resume: Path | None,
    finish: Path | None,
    epochs: float | None,
    minutes: float | None,
    as_json: bool,
) -> None:
    """Train MODEL: a name, name.tag (that tag's recipe), or a model folder.

    \b
    aezoo train cis680-vae16                              the report's recipe, on CUFS
    aezoo train vae128-tiny --data ./photos --encoder timm:resnet18
    aezoo train --from runs/first --data ./photos         go on from its weights, with its recipe
    aezoo train --resume runs/cis680-vae16-0              after any stop, exactly
    aezoo train --finish runs/cis680-vae16-0              end it where it stands

    Writes a model folder: config, weights, card, metrics, and pictures in figures/. What is not said is as the recipe
    has it. Data that a model folder or a run names by its path is opened once --data PATH confirms it.
    """
    lengths = {"steps": recipe.get("steps"), "epochs": epochs, "minutes": minutes}
    long = {name: value for name, value in lengths.items() if value is not None}
    if len(long) > 1:
        raise OptionError(f"--{' and --'.join(long)} each say how long the run is: give one")
    if resume or finish:
        _refuse_others("--finish" if finish else "--resume", finish or resume)
    elif not (model := model or begin_with):
        raise OptionError("which model? aezoo train NAME, or aezoo train --resume FOLDER; aezoo list shows the names")

    # Only now: a wrong call is answered without waiting for torch.
    from aezoo.cli.screen import Screen
    from aezoo.training import run
    from aezoo.training.call import job_of

    with Screen() as screen:
        if folder := finish or resume:
            said = {
                "loss": recipe.get("loss", ""),
                "metrics": recipe.get("metrics", ()),
                "begin_with": begin_with or "",
            }
            named = {"data": data.request or "", "root": str(data.root or ""), "device": device or ""}
            result = run.resume(folder, screen, **named, **said, **long, finish=bool(finish))
        else:
            assert model is not None
            how = {"threads": threads, "checkpoint_every": checkpoint_every, "trackers": track}
            how |= {"epochs": epochs, "minutes": minutes, "device": device, "begin_with": begin_with}
            how = {"root": str(data.root or ""), **{k: v for k, v in how.items() if v}}
            given = {**recipe, "binarize": data.binarize} if data.binarize else recipe
            job, said, choice = job_of(model, parts, data.request or "", given, **how)
            if choice.whole:
                _tell(choice, given)
            folder = out or job.default_folder
            result = run.start(job, folder, screen, said=said, overwrite=overwrite)
    if not as_json:
        screen.finish(folder, result)
    elif result.metrics:  # not in the processes that only help
        name = result.model.spec.name
        console.print_json({"model": name, "folder": str(folder), "step": result.step, "metrics": result.metrics})


def _refuse_others(flag: str, folder: Path | None) -> None:
    """A run goes on as it was begun; how long it is may be said anew.

    Raises:
        OptionError: something else was asked for.
    """
    context = click.get_current_context()
    allowed = (*_CONFIRMS, *_LENGTHS, "resume") if flag == "--resume" else (*_CONFIRMS, "finish")
    for parameter in context.command.params:
        said = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if said and parameter.name not in allowed:
            given = parameter.opts[0] if parameter.opts[0].startswith("-") else context.params[parameter.opts[0]]
            longer = ", --steps, --epochs or --minutes give it another length" if flag == "--resume" else ""
            raise OptionError(
                f"{flag} {folder} goes on with the settings that it began with, not with {given}: only --data, --root, "
                f"--loss, --metric and --from may say again what it names; --device moves it{longer}"
            )


def _tell(choice: Choice, given: dict[str, Any]) -> None:
    """Say what of a recipe for other images is taken over, and what is not."""
    kept, left = (
        ", ".join(f"{name} {value}" for name, value in settings.items() if name not in given)
        for settings in (choice.kept(), choice.left())
    )
    if kept:
        console.note(f"of the recipe of {choice.origin} stays: {kept}")
    if left:
        console.note(f"of the recipe of {choice.origin}, for its own images: {left}")
