"""``aezoo train``: from a name and images to a model folder, with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aezoo.cli import options
from aezoo.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Collection

    from aezoo.training.run import Job

_CONFIRMS = ("resume", "data", "root", "loss", "metrics", "start")  # what a person may say of a run that goes on


@click.command("train", no_args_is_help=True)
@click.argument("model", type=options.Name("model", paths=True), required=False)
@options.data
@options.parts
@options.recipe
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on the CPU.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps between checkpoints [default: 250].")
@click.option("--from", "start", type=options.Name("model", paths=True), help="A model to take the first weights from.")
@click.option(
    "--track", type=click.Choice(("tensorboard", "trackio")), multiple=True, help="Log there too; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path), help="The model folder to write [default: runs/MODEL-SEED].")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out, once this one can start.")
@click.option("--resume", type=click.Path(path_type=Path), help="Continue the run in this folder, as it was begun.")
def command(
    model: str | None,
    data: options.Data,
    parts: dict[str, Any],
    recipe: dict[str, Any],
    device: str,
    threads: int | None,
    checkpoint_every: int | None,
    start: str | None,
    track: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    resume: Path | None,
) -> None:
    """Train MODEL: a name, name.tag (that tag's recipe), or a model folder.

    \b
    aezoo train cis680-vae16                              the report's recipe, on CUFS
    aezoo train cis680-vae16 --data ./photos --channels 3 --encoder timm:resnet18
    aezoo train --resume runs/cis680-vae16-0              after any stop, exactly

    Writes a model folder: config, weights, card, metrics, and pictures in figures/. What is not said is as the recipe
    has it. Data that a model folder or a run names by its path is opened once --data PATH confirms it.
    """
    if resume:
        _refuse_others(resume)
    elif model is None:
        raise OptionError("which model? aezoo train NAME, or aezoo train --resume FOLDER; aezoo list shows the names")

    # Only now: a wrong call is answered without waiting for torch.
    from aezoo.cli.screen import Screen
    from aezoo.training import run

    with Screen() as screen:
        if resume:
            folder = resume
            said = {"loss": recipe.get("loss", ""), "metrics": recipe.get("metrics", ()), "start": start or ""}
            result = run.resume(resume, screen, data=data.request or "", root=str(data.root or ""), **said)
        else:
            assert model is not None
            how = {"threads": threads, "checkpoint_every": checkpoint_every, "start": start, "trackers": track}
            job, said = _job(model, data, parts, recipe, {"device": device, **{k: v for k, v in how.items() if v}})
            folder = out or Path("runs") / f"{job.spec.name}-{job.recipe.seed}"
            result = run.start(job, folder, screen, said=said, overwrite=overwrite)
    screen.finish(folder, result)


def _refuse_others(resume: Path) -> None:
    """A run goes on as it was begun.

    Raises:
        OptionError: something else was asked for.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        said = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if said and parameter.name not in _CONFIRMS:
            given = parameter.opts[0] if parameter.opts[0].startswith("-") else context.params[parameter.opts[0]]
            raise OptionError(
                f"--resume {resume} goes on with the settings that it began with, not with {given}: "
                "only --data, --root, --loss, --metric and --from may say again what it names"
            )


def _job(
    model: str, data: options.Data, parts: dict[str, Any], given: dict[str, Any], how: dict[str, Any]
) -> tuple[Job, Collection[str] | None]:
    """The job asked for, the model's recipe with what was said on top; and what was said, of a recipe from a file."""
    import dataclasses

    from aezoo.factory import describe, recipe_of, resolve
    from aezoo.training.run import Job, confirms

    source = resolve(model)
    recipe = recipe_of(source)
    if data.request and not confirms(data.request, recipe.dataset):
        given = {**given, "dataset": data.request}
    if data.binarize:
        given = {**given, "binarize": data.binarize}
    if given:  # another recipe: what the tag's costs and reaches is no longer known
        recipe = dataclasses.replace(recipe, **given, cost="", reaches="")
    job = Job(spec=describe(source.spec, **parts), recipe=recipe, root=str(data.root or ""), **how)
    return job, {*given, *(["dataset"] if data.request else [])} if source.folder else None
