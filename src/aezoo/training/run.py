"""A run: what ``aezoo train`` is asked for, recorded so that it can go on after any stop, and carried through."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import data_hash
from aezoo.datasets.pipeline import dataset_spec
from aezoo.errors import AezooError, OptionError, TrainingError
from aezoo.factory import build, create, differing, inert
from aezoo.grammar import parse_loss
from aezoo.plain import from_json, to_json
from aezoo.recipe import Recipe
from aezoo.requests import Origin, refuse_external
from aezoo.specs import ModelSpec
from aezoo.training import checkpoint, claim, engine
from aezoo.training.claim import RECORD
from aezoo.training.data import Splits, load_splits
from aezoo.training.log import Entry
from aezoo.training.objective import read_loss
from aezoo.training.pictures import Pictures
from aezoo.training.results import write_results

_PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "pillow", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for.

    Attributes:
        spec: a described model.
        recipe: how to train it.
        root: where the data lies; empty: ``AEZOO_DATA``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        checkpoint_every: steps between two checkpoints.
        start: a pretrained model (any name of one) to take the first weights from, or empty.
        trackers: ``"tensorboard"``, ``"trackio"``.
        threads: of torch on the CPU; zero: as it is.
        figures: whether pictures are drawn.

    Raises:
        OptionError: a number that is too small.
    """

    spec: ModelSpec
    recipe: Recipe
    root: str = ""
    device: str = "auto"
    checkpoint_every: int = 250
    start: str = ""
    trackers: tuple[str, ...] = ()
    threads: int = 0
    figures: bool = True

    def __post_init__(self) -> None:
        for name, low in (("checkpoint_every", 1), ("threads", 0)):
            if getattr(self, name) < low:
                raise OptionError(f"{name}={getattr(self, name)!r} is not >= {low}")


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    model: Autoencoder
    splits: Splits
    terms: list[str]
    metrics: dict[str, Any]
    history: list[Entry]
    step: int


class Watcher(engine.Watcher):
    """What is told of a whole run; in the main process only."""

    def begins(self, job: Job, folder: Path) -> None:
        """Once it is known that the run can start."""

    def working(self, what: str, done: int, total: int) -> None:
        """While images are decoded or measured."""


def confirms(said: str, recorded: str) -> bool:
    """Whether what a person says of the data is what a file says of it: a shell ends a folder's name with a slash."""
    return said.rstrip("/") == recorded.rstrip("/")


def start(
    job: Job,
    folder: Path,
    watcher: Watcher | None = None,
    *,
    said: Collection[str] | None = None,
    overwrite: bool = False,
) -> Result:
    """Train from the beginning into a new model folder, which is taken once data, device and model are ready.

    Args:
        job: what to train.
        folder: the model folder.
        watcher: is told how it goes.
        said: where the recipe was read from a file, which of its fields the caller said: the rest must be inert.
        overwrite: whether a run that the folder holds is replaced, once this one can start.

    Raises:
        AezooError: the folder is another's or cannot be written, or what `carry_out` raises.
    """
    origin = _origin(job, said)
    read_loss(job.recipe.loss or job.spec.loss, frozenset(job.spec.provides), job.spec.name)
    if _is_main():
        claim.check(folder, overwrite)

    def take(data: dict[str, str]) -> None:
        claim.take(folder, {"job": to_json(job), "data": data}, overwrite)

    return carry_out(job, folder, {}, watcher, origin, take)


def resume(
    folder: Path,
    watcher: Watcher | None = None,
    *,
    data: str = "",
    root: str = "",
    loss: str = "",
    metrics: tuple[str, ...] = (),
    start: str = "",
) -> Result:
    """Continue a run from its newest whole checkpoint, or from step 0 where there is none, as it was recorded.

    The record is a file, and may be anyone's: what it asks for reaches nothing outside.

    Args:
        folder: of the run.
        watcher: is told how it goes.
        data: the recorded dataset, said again: needed where that is a path, or to be downloaded.
        root: where the data lies; empty: ``AEZOO_DATA``, whatever the record says.
        loss, metrics: the recorded ones, said again: needed where one reaches outside.
        start: the model whose weights it began with, said again: needed until there is a checkpoint.

    Raises:
        TrainingError: there is no run, its data is another or has changed, or it was begun with what the record alone
            cannot ask for.
        DataError: its data is not there, or has to be confirmed.
    """
    path = folder / RECORD
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run to resume: it has no {RECORD}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        job, recorded_data = from_json(Job, record["job"]), dict(record["data"])
    except (ValueError, KeyError, TypeError, AezooError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None
    if data and confirms(data, job.recipe.dataset):
        data = job.recipe.dataset
    said = {"dataset": data, "loss": loss, "metrics": metrics, "start": start}
    recorded = {
        "dataset": job.recipe.dataset,
        "loss": job.recipe.loss or job.spec.loss,
        "metrics": job.recipe.metrics,
        "start": job.start,
    }
    for name in [name for name, value in said.items() if value and value != recorded[name]]:
        raise TrainingError(f"{folder} was begun with the {name} {recorded[name] or 'of none'}, not {said[name]}")
    origin = _origin(job, [name for name, value in said.items() if value])
    spec = inert(job.spec, folder)
    if not checkpoint.find(folder / "training"):
        if difference := differing(job.spec, spec):
            raise TrainingError(f"{folder} has no checkpoint yet, and no file may ask for {difference}: begin it again")
        if job.start and not start:
            raise TrainingError(f"{folder} has no checkpoint yet, and begins with {job.start}: confirm it with --from")
    # A checkpoint has the weights that the run began with in it.
    return carry_out(replace(job, spec=spec, root=root, start=start), folder, recorded_data, watcher, origin)


def _origin(job: Job, said: Collection[str] | None) -> Origin:
    """Who names the job's data; what else a file's recipe asks for is checked.

    Raises:
        OptionError: a term or a metric that only the caller may ask for.
    """
    if said is None:
        return "caller"
    if "loss" not in said:
        terms = parse_loss(job.recipe.loss or job.spec.loss)
        refuse_external("loss", [term.component for term in terms], "--loss")
    if "metrics" not in said:
        refuse_external("metric", job.recipe.metrics, "--metric")
    return "caller" if "dataset" in said else "file"


def carry_out(
    job: Job,
    folder: Path,
    recorded_data: dict[str, str],
    watcher: Watcher | None = None,
    origin: Origin = "caller",
    take: Callable[[dict[str, str]], None] = lambda data: None,
) -> Result:
    """Load the data, train from where the folder stands, write the results and draw the pictures.

    Args:
        job: what to train.
        folder: of the run.
        recorded_data: the hash of each split, where the run was begun before.
        watcher: is told how it goes.
        origin: who names the job's data.
        take: called in the main process with the hash of each split, once the run can start.
    """
    watcher = watcher if watcher and _is_main() else Watcher()
    watcher.begins(job, folder)
    threads = job.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    splits = load_splits(
        job.recipe,
        job.spec.image,
        root=job.root or None,
        origin=origin,
        progress=lambda split, done, total: watcher.working(f"reading {split}", done, total),
    )
    data = {name: data_hash(images) for name, images in splits.named().items()}
    if changed := [name for name in recorded_data if recorded_data[name] != data.get(name)]:
        raise TrainingError(f"the {changed[0]} images of {job.recipe.dataset} are not those that this run began with")
    torch.manual_seed(job.recipe.seed)
    model = _first_weights(job) if job.start else build(job.spec)
    pictures = Pictures(folder, watcher) if job.figures and _is_main() else None
    again = _how_to_resume(job, folder)
    model, progress = engine.run(
        model,
        job.recipe,
        splits,
        folder,
        device=job.device,
        checkpoint_every=job.checkpoint_every,
        trackers=job.trackers,
        watcher=pictures or watcher,
        ready=lambda: take(data) if _is_main() else None,
        again=again,
    )
    terms = [term.component.name for term in parse_loss(job.recipe.loss or job.spec.loss)]
    if not _is_main():
        return Result(model, splits, terms, {}, progress.history, progress.done)
    training = {
        "recipe": to_json(job.recipe),
        "step": progress.best_step if job.recipe.keep == "best" else progress.done,
        "data": data,
        **environment(threads, job.device),
    }
    try:
        metrics = write_results(folder, model, splits, job.recipe, training, watcher.working)
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written ({error.strerror or error}); the training is saved: make room, then {again}"
        ) from error
    if pictures:
        pictures.finish(model, splits, progress.history, terms, metrics)
    return Result(model, splits, terms, metrics, progress.history, training["step"])


def _how_to_resume(job: Job, folder: Path) -> str:
    """The options that go on with a run: what its record alone may not name is said again."""
    try:
        dataset_spec(job.recipe.dataset, origin="file")
        data = ""
    except AezooError:
        data = f" --data {shlex.quote(job.recipe.dataset)}"
    return f"--resume {folder}{data}" + (f" --root {shlex.quote(job.root)}" if job.root else "")


def _first_weights(job: Job) -> Autoencoder:
    model = create(job.start, pretrained=True)
    if difference := differing(job.spec, model.spec):
        raise TrainingError(f"{job.start} is made with {difference}: its weights do not fit")
    model.spec = job.spec  # its weights are asked for, not its loss: a folder's is what a file says
    return model


def environment(threads: int, device: str) -> dict[str, Any]:
    """What bytes depend on beside the recipe: versions, revision, threads, device."""
    return {
        "aezoo": metadata.version("aezoo"),
        "revision": _revision(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": threads,
        "device": device,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }


def _revision() -> str:
    """The git revision of a source checkout, or empty."""
    package = Path(__file__).resolve().parents[1]
    if not (package.parents[1] / ".git").exists():
        return ""
    command = ["git", "-C", str(package), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _is_main() -> bool:
    """Whether this is the process that writes; before Accelerate is set up, by what its launchers set."""
    return os.environ.get("RANK", "0") == "0"
