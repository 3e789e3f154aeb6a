"""A trial: one run of a study, kept by its recipe, with the values of each image at some steps.

A trial's folder is a model folder with two things more: ``values/step-<step>.safetensors``, float64 tensors named
``<split>/<measure>``, (n,) or of a metric of the whole set (1,), with ``<split>/groups``, int64 (n,), of images that
are known to be of one thing, and ``trial.json``, written last, with the sha256 of
every file that the study reads. At the last step n is that of all images of the split; before, of training images no
more than there are test images, which at the last step are the first. What is not as it was written is trained again.
Where a trial diverged, ``trial.json`` alone is read, which says so.
While one process is at a trial it holds a lock beside the folder, ``.<name>.lock``, so that no other trains the same; a
process that dies lets go of it.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray
from aezoo.errors import AezooError, DivergedError, OptionError, TrainingError, UnknownNameError, nearest
from aezoo.factory import load
from aezoo.files import write_json
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.blur import gradient_energy, sharpness
from aezoo.metrics.evaluation import Metric, choose, measure
from aezoo.plain import from_json
from aezoo.recipe import Recipe
from aezoo.specs import MetricSpec, ModelSpec
from aezoo.studies import keys
from aezoo.training import checkpoint, health, run
from aezoo.training.data import Splits
from aezoo.training.job import Job
from aezoo.training.log import LOG, Entry
from aezoo.training.results import EVALUATION_SEED, draws_of
from aezoo.training.steps import Watcher
from aezoo.weights.folder import CONFIG, METRICS, STATE, read_state, sha256, write_state

DONE = "trial.json"
BASELINES = ("mean-image", "grey")
"""Measured beside the model: ``<split>/mean-image/<measure>``."""
GROUPS = "groups"
"""Kept beside what is measured."""

_DIAGNOSED = 16  # images, as in training


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run.

    Attributes:
        arm: a readable name for the folder.
        spec: a described model.
        recipe: how it is trained.
        marks: the steps whose values are kept: multiples of the recipe's ``evaluate_every``, or the last step, whose
            values are of the weights that the run keeps, the best ones where the recipe says so. None of a search's.
        measures: metrics that are kept beside the usual ones, ``("nll_is(samples=200)",)``: their values of each image,
            or the one number of the set.

    Raises:
        OptionError: nothing is measured at a mark, or the run may end before it.
    """

    arm: str
    spec: ModelSpec
    recipe: Recipe
    marks: tuple[int, ...] = ()
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        every, steps = self.recipe.evaluate_every, self.recipe.steps
        if odd := [mark for mark in self.marks if mark != steps and (not every or mark % every)]:
            measured = f"every {every} steps and at the last, {steps}" if every else f"at the last step, {steps}"
            raise OptionError(f"{self.arm}: nothing is measured at step {odd[0]}: that is done {measured}")
        if self.recipe.patience and self.on_the_way:
            early = f"patience={self.recipe.patience} may end a run before step {self.on_the_way[0]}"
            raise OptionError(
                f"{self.arm}: {early}: without patience, or with the last step, {steps}, as its only mark"
            )

    @property
    def on_the_way(self) -> tuple[int, ...]:
        """The marks before the last step."""
        return tuple(mark for mark in self.marks if mark != self.recipe.steps)

    @cached_property
    def key(self) -> str:
        """A hash of what decides the weights and the values: parts, loss, recipe, marks, measures. Names do not."""
        return keys.key(self.spec, self.recipe, self.marks, self.measures)

    @property
    def name(self) -> str:
        """Of the folder: arm, seed and key."""
        return f"{self.arm}-{self.recipe.seed}-{self.key}"


@dataclass(frozen=True)
class Finished:
    """A trial that went to its end, or diverged: then nothing was measured.

    Attributes:
        trial: what was asked for.
        folder: where it lies.
        seconds: that it took, measurements included. Of a run in several calls: the last call's, scaled to all steps.
        warnings: what ``aezoo.training.health.diagnose`` says of the trained model, by kind.
        diverged: whether its loss ceased to be finite.
    """

    trial: Trial
    folder: Path
    seconds: float
    warnings: dict[str, str] = field(default_factory=dict)
    diverged: bool = False

    def values(self, split: str, name: str, mark: int | None = None, *, whole: bool = False) -> np.ndarray:
        """The values of each image of a split at a step (None: the last), float64 (n,); of a metric of the set (1,).

        Args:
            split, name, mark: which.
            whole: of all images that were measured at that step; else of those that are at every mark.

        Raises:
            UnknownNameError: they were not measured.
        """
        values = self._marks(self.trial.recipe.steps if mark is None else mark)
        if f"{split}/{name}" not in values:
            near = nearest(f"{split}/{name}", values)
            raise UnknownNameError(f"{self.trial.arm}: no values {split}/{name} were measured: did you mean {near}?")
        return of_images(values, split, name, whole)

    def groups(self, split: str, mark: int | None = None, *, whole: bool = False) -> np.ndarray | None:
        """Which images of a split are of one thing, (n,), those of `values`; None where that is not known."""
        values = self._marks(self.trial.recipe.steps if mark is None else mark)
        return of_images(values, split, GROUPS, whole) if f"{split}/{GROUPS}" in values else None

    def measures(self, split: str = "test", mark: int | None = None) -> list[str]:
        """The names of the values of a split at a step (None: the last)."""
        names = sorted(self._marks(self.trial.recipe.steps if mark is None else mark))  # which a file has in no order
        return [
            name.partition("/")[2] for name in names if name.startswith(f"{split}/") and name != f"{split}/{GROUPS}"
        ]

    @cached_property
    def history(self) -> list[Entry]:
        """The log of the run (batches, and measurements on at most 512 images of each split)."""
        return [json.loads(line) for line in (self.folder / LOG).read_text(encoding="utf-8").splitlines()]

    def curve(self, split: str, name: str) -> tuple[list[int], list[float]]:
        """The steps at which a split was measured, and a value of the log at each."""
        entries = [entry for entry in self.history if entry["split"] == split]
        return [entry["step"] for entry in entries], [entry[name] for entry in entries]

    def loss(self, split: str) -> float:
        """The last loss on images of a split; infinite where it is no number, or the run diverged."""
        last = math.inf if self.diverged else self.curve(split, "loss")[1][-1]
        return last if math.isfinite(last) else math.inf

    @cached_property
    def training(self) -> dict[str, Any]:
        """What the model folder records of the training (hashes of the data, versions, device, threads)."""
        return json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))["training"]

    def model(self) -> Autoencoder:
        """The trained model, in ``eval()`` on the CPU."""
        return load(self.folder)

    def _marks(self, mark: int) -> dict[str, Tensor]:
        if mark not in self._cache:
            self._cache[mark] = read_state(self.folder / _values(mark))
        return self._cache[mark]

    @cached_property
    def _cache(self) -> dict[int, dict[str, Tensor]]:
        return {}


def find(trial: Trial, runs: Path) -> Finished | None:
    """The trial as it was finished in ``runs``; None where it was not, or a file is not as it was written.

    Raises:
        TrainingError: it is there and cannot be read.
    """
    folder = runs / trial.name
    try:
        done = json.loads((folder / DONE).read_text(encoding="utf-8"))
        diverged = bool(done.get("diverged", False))
        if set(done["files"]) != set([] if diverged else _files(trial)):
            return None
        if any(sha256(folder / name) != digest for name, digest in done["files"].items()):
            return None
        return Finished(trial, folder, float(done["seconds"]), dict(done["warnings"]), diverged)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    except OSError as error:  # a disk that fails for a moment: what is there is not to be trained over
        raise TrainingError(f"{folder} cannot be read: {error.strerror or error}") from error


def carry_out(
    trial: Trial, runs: Path, *, root: str = "", device: str = "auto", threads: int = 0, watcher: Watcher
) -> Finished | None:
    """The finished trial: taken where it is there, resumed where it was begun, else trained.

    Args:
        trial: what to train.
        runs: the folder of all trials.
        root, device, threads: as in `aezoo.training.job.Job`.
        watcher: is told of the run.

    Returns:
        None where another process is at it.

    Raises:
        AezooError: what training raises, with the trial's name; but a trial may diverge.
    """
    runs.mkdir(parents=True, exist_ok=True)
    try:
        claim = FileLock(runs / f".{trial.name}.lock").acquire(blocking=False)
    except Timeout:
        return None
    with claim:
        if not (found := find(trial, runs)):
            job = Job(spec=trial.spec, recipe=trial.recipe, root=root, device=device, threads=threads, figures=False)
            _train(trial, runs / trial.name, job, watcher)
            found = find(trial, runs)
            if not found:
                raise TrainingError(f"{runs / trial.name} was written and cannot be read back: is the disk in order?")
        for path in checkpoint.find(found.folder / checkpoint.TRAINING):
            path.unlink(missing_ok=True)
        return found


def _train(trial: Trial, folder: Path, job: Job, watcher: Watcher) -> None:
    recorder = _Recorder(trial, folder, watcher)
    try:
        result = run.resume(folder, recorder, **_said(job)) if _begun(trial, folder) else None
        if not result or not all((folder / _values(mark)).is_file() for mark in trial.on_the_way):
            shutil.rmtree(folder, ignore_errors=True)
            recorder = _Recorder(trial, folder, watcher)
            result = run.start(job, folder, recorder)
    except TrainingError as error:
        if isinstance(error, DivergedError):
            seconds = recorder.seconds(trial.recipe.steps)
            write_json(folder / DONE, {"seconds": seconds, "warnings": {}, "files": {}, "diverged": True})
            return
        reason = str(error).partition("; go on with")[0]  # which is not how a study goes on
        raise type(error)(f"{trial.name}: {reason}") from error
    if trial.recipe.steps in trial.marks:
        write_values(folder / _values(trial.recipe.steps), result.model, result.splits, trial.measures, whole=True)
    few = result.splits.train.batch(range(min(_DIAGNOSED, len(result.splits.train))))
    write_json(
        folder / DONE,
        {
            "seconds": recorder.seconds(trial.recipe.steps),
            "warnings": health.diagnose(result.model, few, result.metrics["train"].get("kl")),
            "files": {name: sha256(folder / name) for name in _files(trial)},
        },
    )


def _said(job: Job) -> dict[str, Any]:
    """What a study asks for is the caller's, whatever a record says."""
    recipe = job.recipe
    loss = recipe.loss or job.spec.loss
    return {
        "data": recipe.dataset,
        "root": job.root,
        "loss": loss,
        "metrics": recipe.metrics,
        "device": job.device,
    }


def _begun(trial: Trial, folder: Path) -> bool:
    """Whether there is a run to go on with: its record is of this trial, it has a checkpoint, and it was not finished
    (then it is damaged).
    """
    try:
        job = from_json(Job, json.loads((folder / run.RECORD).read_text(encoding="utf-8"))["job"])
        if keys.key(job.spec, job.recipe, trial.marks, trial.measures) != trial.key:
            return False
    except (OSError, ValueError, KeyError, TypeError, AezooError):
        return False
    # Without a checkpoint there is nothing to go on with; and a record alone may not ask for what reaches outside.
    return bool(checkpoint.find(folder / checkpoint.TRAINING)) and not (folder / DONE).exists()


class _Recorder(Watcher):
    """Writes the values at the marks on the way, counts the time, and passes on what it is told."""

    def __init__(self, trial: Trial, folder: Path, watcher: Watcher) -> None:
        self.trial, self.folder, self.watcher = trial, folder, watcher
        self._began, self._steps = time.monotonic(), 0

    def begins(self, job: Job, folder: Path) -> None:
        self.watcher.begins(job, folder)

    def working(self, what: str, done: int, total: int) -> None:
        self.watcher.working(what, done, total)

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        self._steps += 1
        self.watcher.step(done, steps, values)

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        step = entries[0]["step"]
        if step in self.trial.on_the_way:
            write_values(self.folder / _values(step), model, splits, self.trial.measures)
        self.watcher.measured(model, splits, entries)

    def seconds(self, steps: int) -> float:
        """Of all the steps, at this call's pace."""
        return round((time.monotonic() - self._began) * (steps / self._steps if self._steps else 1), 1)


def of_images(values: Mapping[str, Tensor], split: str, name: str, whole: bool) -> np.ndarray:
    """Of a file's values those of a name, (n,): of all images, or of as many as there are test images."""
    found = values[f"{split}/{name}"].numpy()
    return found if whole else found[: len(values["test/mse"])]


def write_values(
    path: Path, model: Autoencoder, splits: Splits, measures: tuple[str, ...] = (), *, whole: bool = False
) -> None:
    """Write the values of each image, of the model and of the baselines.

    Of training images no more than there are test images, always the same; ``whole``: of all, those first, but for
    ``measures``, which may take minutes. Of the model ``mse``, where they apply ``bce`` (of seeded samples, as in
    ``metrics.json``), ``bce_mean``, ``bce_excess`` and ``kl``, ``gradient``, the `gradient_energy`, ``sharpness``, the
    `sharpness`, and the metrics ``measures``. Of the baselines ``mse`` and ``bce``; of the images their groups.
    """
    mean_image = MeanImage.fit(splits.train)
    values = {}
    most = len(splits.test)
    for split, every in splits.named().items():
        images = every.some_first(most) if whole else every.some(most)
        values |= {} if images.groups is None else {f"{split}/{GROUPS}": images.groups}
        values |= _measured(f"{split}/", model, every.some(most), [*measures]) if measures else {}
        crossed = ["bce", "bce_mean", *([] if images.is_binary else ["bce_excess"])]
        names = ["mse", *(crossed if "logits" in model.provides else []), *(["kl"] if "kl" in model.provides else [])]
        values |= _measured(f"{split}/", model, images, names, *BLUR)
        for name, baseline in zip(BASELINES, (mean_image, mean_image.grey()), strict=True):
            values |= _measured(f"{split}/{name}/", baseline, images, ["mse", "bce"])
    write_state(path, values, model=model.spec.name)


def _measured(
    prefix: str, model: Autoencoder, images: ImageArray, names: list[str], *more: Metric
) -> dict[str, Tensor]:
    metrics = [*choose(model, images, metrics=names), *more]
    found = measure(model, images, metrics, seed=EVALUATION_SEED, draws=draws_of(model, images))
    of_set = {name: torch.tensor([number], dtype=torch.float64) for name, number in found.of_set.items()}
    return {f"{prefix}{name}": values for name, values in (found.values | of_set).items()}


BLUR = (
    Metric("gradient", gradient_energy, MetricSpec(name="gradient", summary="Gradient energy")),
    Metric("sharpness", sharpness, MetricSpec(name="sharpness", summary="Gradient energy at equal contrast")),
)


def _values(mark: int) -> str:
    return f"values/step-{mark:06d}.safetensors"


def _files(trial: Trial) -> list[str]:
    """What the study reads of a finished trial."""
    return [CONFIG, STATE, METRICS, LOG, *map(_values, trial.marks)]
