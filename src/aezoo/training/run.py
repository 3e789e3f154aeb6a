"""A run: what ``aezoo train`` is asked for, recorded so that it can go on after any stop, and carried through."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import data_hash
from aezoo.errors import AezooError, TrainingError
from aezoo.factory import build, create, differing
from aezoo.files import write_json
from aezoo.grammar import parse_loss
from aezoo.specs import ModelSpec, Recipe, from_json, to_json
from aezoo.training import engine
from aezoo.training.data import Splits, load_splits
from aezoo.training.log import Entry
from aezoo.training.objective import read_loss
from aezoo.training.results import write_results
from aezoo.weights.folder import CONFIG

RECORD = "training/run.json"
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
    """

    spec: ModelSpec
    recipe: Recipe
    root: str = ""
    device: str = "auto"
    checkpoint_every: int = 250
    start: str = ""
    trackers: tuple[str, ...] = ()
    threads: int = 0


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


def start(job: Job, folder: Path, watcher: Watcher | None = None) -> Result:
    """Train from the beginning into a new model folder.

    Raises:
        AezooError: the folder holds a run already or cannot be written, or what `carry_out` raises.
    """
    read_loss(job.recipe.loss or job.spec.loss, frozenset(job.spec.provides), job.spec.name)
    if _is_main():
        for name in (RECORD, CONFIG):
            if (folder / name).exists():
                raise TrainingError(
                    f"{folder} holds a run already: continue it with --resume {folder}, or choose another --out"
                )
        _write_record(folder, job, {})
    return carry_out(job, folder, {}, watcher)


def resume(folder: Path, watcher: Watcher | None = None) -> Result:
    """Continue a run from its newest whole checkpoint, or from step 0 where there is none, as it was recorded.

    Raises:
        TrainingError: there is no run, or its data has changed.
    """
    path = folder / RECORD
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run to resume: it has no {RECORD}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        job = from_json(Job, record["job"])
    except (ValueError, KeyError, AezooError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None
    return carry_out(job, folder, record["data"], watcher)


def carry_out(job: Job, folder: Path, recorded_data: dict[str, str], watcher: Watcher | None = None) -> Result:
    """Load the data, train from where the folder stands, write the results."""
    watcher = watcher if watcher and _is_main() else Watcher()
    watcher.begins(job, folder)
    threads = job.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    splits = load_splits(
        job.recipe,
        job.spec.image,
        root=job.root or None,
        progress=lambda split, done, total: watcher.working(f"reading {split}", done, total),
    )
    data = {name: data_hash(images) for name, images in splits.named().items()}
    if changed := [name for name in recorded_data if recorded_data[name] != data.get(name)]:
        raise TrainingError(f"the {changed[0]} images of {job.recipe.dataset} are not those that this run began with")
    if _is_main() and not recorded_data:
        _write_record(folder, job, data)
    torch.manual_seed(job.recipe.seed)
    model = _first_weights(job) if job.start else build(job.spec)
    model, progress = engine.run(
        model,
        job.recipe,
        splits,
        folder,
        device=job.device,
        checkpoint_every=job.checkpoint_every,
        trackers=job.trackers,
        watcher=watcher,
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
            f"{folder} cannot be written ({error.strerror or error}); the training is saved: "
            f"make room, then --resume {folder}"
        ) from error
    return Result(model, splits, terms, metrics, progress.history, training["step"])


def _first_weights(job: Job) -> Autoencoder:
    model = create(job.start, pretrained=True)
    if difference := differing(job.spec, model.spec):
        raise TrainingError(f"{job.start} is made with {difference}: its weights do not fit")
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


def _write_record(folder: Path, job: Job, data: dict[str, str]) -> None:
    try:
        write_json(folder / RECORD, {"job": to_json(job), "data": data})
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror or error}") from error


def _is_main() -> bool:
    """Whether this is the process that writes; before Accelerate is set up, by what its launchers set."""
    return os.environ.get("RANK", "0") == "0"
