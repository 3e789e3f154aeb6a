"""``aezoo train``: from a name and images to a model folder, with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aezoo.cli import options
from aezoo.errors import OptionError

_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("adam", "adamw"),
    "schedule": ("constant", "linear", "cosine"),
    "precision": ("auto", "float32", "bfloat16"),
    "keep": ("last", "best"),
}


def _recipe_option(flag: str, kind: Any, text: str) -> Any:
    return click.option(flag, type=kind, default=None, help=text)


_RECIPE = (
    _recipe_option("--loss", str, "Sum of terms: 'bce + kl', 'l2 + 0.1*l1'."),
    _recipe_option("--steps", int, "Optimiser steps."),
    _recipe_option("--batch-size", int, "Images a step, over all processes."),
    _recipe_option("--accumulate", int, "Compute each batch in so many parts."),
    _recipe_option("--lr", float, "Learning rate."),
    _recipe_option("--optimizer", click.Choice(_CHOICES["optimizer"]), "Optimiser."),
    _recipe_option("--weight-decay", float, "Weight decay."),
    _recipe_option("--schedule", click.Choice(_CHOICES["schedule"]), "Of the learning rate, after the warm-up."),
    _recipe_option("--warmup", int, "Steps of rising learning rate."),
    _recipe_option("--clip-norm", float, "Largest norm of the gradient."),
    _recipe_option("--ema", float, "Decay of an average of the weights, which is kept instead."),
    _recipe_option("--kl-warmup", int, "Steps over which the weight of the KL rises from zero."),
    _recipe_option("--mirror/--no-mirror", bool, "Flip half of the images left to right."),
    _recipe_option("--validation", float, "Share of the training images to hold out."),
    _recipe_option("--evaluate-every", int, "Steps between measurements [default: 20 in a run]."),
    _recipe_option("--patience", int, "Stop after so many measurements without a lower validation loss."),
    _recipe_option("--keep", click.Choice(_CHOICES["keep"]), "Weights of the last step, or the best on validation."),
    _recipe_option("--precision", click.Choice(_CHOICES["precision"]), "auto: bfloat16 where the device has it."),
    _recipe_option("--compile/--no-compile", bool, "Use torch.compile."),
    _recipe_option("--seed", int, "Of initialisation, order and noise."),
)


def _recipe_options(command: Any) -> Any:
    for option in reversed(_RECIPE):
        command = option(command)
    return command


@click.command("train", no_args_is_help=True)
@click.argument("model", type=options.Name("model", paths=True), required=False)
@options.data
@options.parts
@_recipe_options
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on the CPU.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps between checkpoints [default: 250].")
@click.option("--from", "start", type=options.Name("model", paths=True), help="A model to take the first weights from.")
@click.option(
    "--track", type=click.Choice(("tensorboard", "trackio")), multiple=True, help="Log there too; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path), help="The model folder to write [default: runs/MODEL-SEED].")
@click.option("--resume", type=click.Path(path_type=Path), help="Continue the run in this folder, as it was begun.")
def command(
    model: str | None,
    data: options.Data,
    parts: dict[str, Any],
    device: str,
    threads: int | None,
    checkpoint_every: int | None,
    start: str | None,
    track: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    **recipe: Any,
) -> None:
    """Train MODEL: a name, name.tag (that tag's recipe), or a model folder.

    \b
    aezoo train cis680-vae16                              the report's recipe, on CUFS
    aezoo train cis680-vae16 --data ./photos --channels 3 --encoder timm:resnet18
    aezoo train --resume runs/cis680-vae16-0              after any stop, exactly

    Writes a model folder: config, weights, card, metrics, and pictures in figures/.
    """
    given = {name: value for name, value in recipe.items() if value is not None}
    if resume:
        extra = [
            model,
            *parts,
            *given,
            data.request,
            data.root,
            data.binarize,
            start,
            out,
            threads,
            checkpoint_every,
            *track,
        ]
        if device != "auto" or any(item is not None for item in extra):
            raise OptionError(f"--resume {resume} goes on with the settings that it began with: give no others")
    elif model is None:
        raise OptionError("which model? aezoo train NAME, or aezoo train --resume FOLDER; aezoo list shows the names")

    # Only now: a wrong call is answered without waiting for torch.
    from aezoo.cli.training import Screen
    from aezoo.training import run

    with Screen() as screen:
        if resume:
            folder, result = resume, run.resume(resume, screen)
        else:
            assert model is not None
            how = {"threads": threads, "checkpoint_every": checkpoint_every, "start": start, "trackers": track}
            job = _job(model, data, parts, given, device=device, **{k: v for k, v in how.items() if v is not None})
            folder = out or Path("runs") / f"{job.spec.name}-{job.recipe.seed}"
            result = run.start(job, folder, screen)
    screen.finish(folder, result)


def _job(
    model: str,
    data: options.Data,
    parts: dict[str, Any],
    given: dict[str, Any],
    **how: Any,
) -> Any:
    """The job asked for: the recipe of the model's tag with what was said on top, and the job's other fields."""
    import dataclasses

    from aezoo.factory import describe, recipe_of, resolve
    from aezoo.training.run import Job

    source = resolve(model)
    if data.request:
        given["dataset"] = data.request
    if data.binarize:
        given["binarize"] = data.binarize
    recipe = recipe_of(source)
    if given:  # another recipe: what the tag's costs and reaches is no longer known
        recipe = dataclasses.replace(recipe, **given, cost="", reaches="")
    return Job(spec=describe(source.spec, **parts), recipe=recipe, root=str(data.root or ""), **how)
