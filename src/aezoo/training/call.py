"""``aezoo.train``: what the command ``aezoo train`` does, as one call."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from aezoo.composition import Source, describe, resolve
from aezoo.elsewhere import meant
from aezoo.errors import OptionError, shown, warn
from aezoo.files import path_of
from aezoo.grammar import parse_loss
from aezoo.plain import PARTS, plain
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec
from aezoo.training import run
from aezoo.training.bars import Bars
from aezoo.training.choice import Choice, choose_recipe
from aezoo.training.job import Job, Result
from aezoo.training.steps import Watcher
from aezoo.weights.folder import begun_with

_PARTS = ("image_size", "channels", *PARTS, "norm")
_SETTINGS = tuple(
    field.name for field in dataclasses.fields(Recipe) if field.name not in ("dataset", "cost", "reaches")
)


def train(
    model: str | os.PathLike[str] | ModelSpec,
    data: str | os.PathLike[str] = "",
    *,
    out: str | os.PathLike[str] = "",
    root: str | os.PathLike[str] = "",
    device: str = "auto",
    begin_with: str = "",
    epochs: float = 0,
    minutes: float = 0,
    threads: int = 0,
    checkpoint_every: int = Job.checkpoint_every,
    track: str | Sequence[str] = (),
    overwrite: bool = False,
    watcher: Watcher | None = None,
    **settings: Any,
) -> Result:
    """Train a model into a model folder, as ``aezoo train`` does, and say what came of it.

    >>> result = aezoo.train("cis680-vae16", data="toyfaces", steps=400, out="runs/faces")
    >>> result
    cis680-vae16 after 400 steps, in runs/faces
    ...
    >>> result.model.encode(images)

    Args:
        model: a name, ``name.tag`` (that tag's recipe), a model folder, or a spec that `aezoo.describe` gives.
        data: a dataset, or the path of a folder of images; by default the recipe's.
        out: the model folder to write; by default ``runs/MODEL-SEED``.
        root: where the datasets lie; by default ``AEZOO_DATA``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        begin_with: a pretrained model (any name of one) to take the first weights from.
        epochs: how long, instead of the recipe's steps.
        minutes: the same on the clock, turned into steps before the run.
        threads: of torch on the CPU; 0: as many as are free.
        checkpoint_every: steps between checkpoints.
        track: ``"tensorboard"``, ``"trackio"`` or both: where the log goes beside the folder.
        overwrite: whether a run that ``out`` holds is replaced, once this one can start.
        watcher: is told how it goes; by default bars show it, where stderr is a terminal.
        **settings: fields of `aezoo.Recipe` in place of the model's own recipe's (``steps=400, lr=1e-3``), and other
            parts and sizes as `aezoo.describe` takes them (``channels=3, encoder="timm:resnet18"``).

    Raises:
        AezooError: what is asked for cannot be, the folder holds a run already, or the run cannot go on.
    """
    if not isinstance(begin_with, str):
        raise OptionError(f"begin_with={shown(begin_with)}: give the name of a pretrained model, or local-dir:PATH")
    _check_watcher(watcher)
    for name in settings:
        if name not in (*_SETTINGS, *_PARTS):
            known = {*_SETTINGS, *_PARTS, *inspect.signature(train).parameters} - {"settings"}
            raise OptionError(f"train has no setting {name!r}: {meant(name, known)}")
    if not isinstance(settings.get("loss", ""), str):
        parse_loss(settings["loss"])  # which says what it is
    parts = {name: value for name, value in settings.items() if name in _PARTS}
    given: dict[str, Any] = {name: plain(value) for name, value in settings.items() if name in _SETTINGS}
    _one_of({"steps": settings.get("steps"), "epochs": epochs, "minutes": minutes})
    job, said, _ = job_of(
        model,
        parts,
        _path(data),
        given,
        root="" if root == "" else str(path_of(root, "root")),
        device=device,
        begin_with=begin_with,
        epochs=epochs,
        minutes=minutes,
        threads=threads,
        checkpoint_every=checkpoint_every,
        trackers=_several("track", track),
    )
    folder = job.default_folder if out == "" else path_of(out, "out")
    with contextlib.nullcontext(watcher) if watcher else Bars() as shown_to, _as_it_was():
        return run.start(job, folder, shown_to, said=said, overwrite=overwrite)


def resume(
    folder: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] = "",
    root: str | os.PathLike[str] = "",
    loss: str = "",
    metrics: str | Sequence[str] = (),
    begin_with: str = "",
    device: str = "",
    steps: int = 0,
    epochs: float = 0,
    minutes: float = 0,
    finish: bool = False,
    watcher: Watcher | None = None,
) -> Result:
    """Go on with a run of `train` after any stop, as ``aezoo train --resume`` does: to the same bytes.

    >>> aezoo.resume("runs/faces")

    Args:
        folder: of the run.
        data, loss, metrics, begin_with: the recorded ones, said again: needed where one reaches outside of what a file
            may ask for.
        root: where the datasets lie; by default ``AEZOO_DATA``.
        device: to go on on, instead of the recorded one.
        steps, epochs: how long the run shall be in all, instead of as recorded; ``minutes``: from here.
        finish: end it where it stands.
        watcher: is told how it goes; by default bars show it, where stderr is a terminal.

    Raises:
        AezooError: as `aezoo.training.run.resume`.
    """
    _check_watcher(watcher)
    _one_of({"steps": steps, "epochs": epochs, "minutes": minutes, "finish": finish})
    said: dict[str, Any] = {
        "loss": loss,
        "metrics": _several("metrics", metrics),
        "begin_with": begin_with,
        "device": device,
    }
    long: dict[str, Any] = {"steps": steps, "epochs": epochs, "minutes": minutes, "finish": finish}
    place = "" if root == "" else str(path_of(root, "root"))
    with contextlib.nullcontext(watcher) if watcher else Bars() as shown_to, _as_it_was():
        return run.resume(folder, shown_to, data=_path(data), root=place, **said, **long)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """What a run sets of torch for the whole process, its threads and its generators, is the caller's again after."""
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            yield
    finally:
        torch.set_num_threads(threads)


def job_of(
    model: str | os.PathLike[str] | ModelSpec, parts: dict[str, Any], data: str, given: dict[str, Any], **how: Any
) -> tuple[Job, set[str] | None, Choice]:
    """What is asked for, as a job: the recipe that fits the images, with what was said on top.

    Args:
        model: its name, with a tag or without, its folder or its spec.
        parts: other parts and sizes, as `aezoo.describe` takes them.
        data: the images; empty: the recipe's.
        given: fields of the recipe.
        **how: other fields of the `Job`.

    Returns:
        The job; which fields of a recipe from a file the caller said, as `aezoo.training.run.start` takes them; where
            the recipe is from.
    """
    source = Source(model, model.default_tag) if isinstance(model, ModelSpec) else resolve(model)
    is_said = how.get("begin_with") or parts.get("encoder")
    if source.folder and not is_said and (began := begun_with(source.folder)):
        warn(f"{source.folder} began with the weights {began}: say --from (begin_with=), or the encoder, again")
    choice = choose_recipe(source, data, tagged=str(model).endswith(f".{source.tag}"))
    recipe = choice.recipe
    if given:  # another recipe: what the tag's costs and reaches is no longer known
        recipe = dataclasses.replace(recipe, **given, cost="", reaches="")
    is_long = "steps" in given or how.get("epochs") or how.get("minutes")
    job = Job(spec=describe(source.spec, **parts), recipe=recipe, from_images=bool(choice.whole and not is_long), **how)
    return job, {*given, *(["dataset"] if data else [])} if source.folder else None, choice


def _one_of(lengths: dict[str, Any]) -> None:
    said = [f"{name}={shown(value, 40)}" for name, value in lengths.items() if value]
    if len(said) > 1:
        raise OptionError(f"{' and '.join(said)} each say how long the run is: give one")


def _several(name: str, given: str | Sequence[str]) -> tuple[str, ...]:
    several = (given,) if isinstance(given, str) else given
    if not isinstance(several, list | tuple):
        raise OptionError(f"{name}={shown(given)}: give a name, or several in a list")
    return tuple(several)


def _check_watcher(watcher: object) -> None:
    if watcher is not None and not isinstance(watcher, Watcher):
        raise OptionError(f"watcher={shown(watcher)} is no aezoo.training.steps.Watcher")


def _path(data: str | os.PathLike[str]) -> str:
    if not isinstance(data, str | os.PathLike):
        raise OptionError(
            f"data={shown(data)}: give a dataset's name or the path of a folder of images, as text; "
            "aezoo.register('dataset', name) gives a class of your own a name"
        )
    return data if isinstance(data, str) else os.path.abspath(os.path.expanduser(data))
