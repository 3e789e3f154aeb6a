"""A result: what one model, baseline or folder of pictures scored on a task, in a JSON file of its own."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aezoo.benchmark.tasks import TASKS, Task, find_task
from aezoo.errors import AezooError, DataError, shown
from aezoo.files import write_whole
from aezoo.plain import from_json, to_json
from aezoo.weights import limits

FORMAT = 1
"""Raised where an older aezoo would misread a file."""
OF_SETS = ("factor_retention", "fd")
"""What a task's metrics of all images together are called in a result."""
TOLERANCE = 1e-3
"""By how much of itself a score may differ when it is made again, of each image: machines round differently, and a
value that lies between two levels of 256 then falls to either side."""
_LEAST = {"mse": 1e-4}  # a score below is held to this much's share; else 0.01
_FACTS = ("kind", "weights", "trained_on", "floats", "bits", "parameters", "macs")
LONGEST = 2000
"""Characters of what is said of a result."""
MEAN_IMAGE = "mean-image"
PCA = re.compile(r"pca-([1-9]\d*)")
_DIGITS = 5  # of the score of an image
_RANGES = {"mse": (0.0, 1.0), "ssim": (-1.0, 1.0)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What was scored, and with what.

    Attributes:
        task: its id.
        images: the sha256 of its images.
        name: of the row.
        kind: a ``"model"``, a ``"baseline"`` fitted to the task's training images, or ``"pictures"`` made elsewhere.
        mse: of each image, to five digits; empty where there is an error.
        ssim: the same.
        factor_retention: of all images, where it was measured.
        fd: the same.
        metrics: the id of each metric: package, name, options, revision.
        floats: of an image's latent.
        bits: that its codes take; 0 where it has none.
        parameters: of the model.
        macs: multiply-accumulates for one image of the task.
        weights: the sha256 of their file; of pictures, of their pixels.
        trained_on: the dataset of the model's recipe.
        ms: milliseconds of one core for an image.
        reference_ms: those of the reference in the same run: beside another machine's only the ratio says something.
        processor: that took them.
        versions: of aezoo, torch and the package that brings the model.
        error: why it could not be scored.
        format: of the file.

    Raises:
        DataError: it says what cannot be: another number of scores than images, a score out of its range.
    """

    task: str
    images: str
    name: str
    kind: Literal["model", "baseline", "pictures"]
    mse: tuple[float, ...] = ()
    ssim: tuple[float, ...] = ()
    factor_retention: float | None = None
    fd: float | None = None
    metrics: tuple[str, ...] = ()
    floats: int | None = None
    bits: float = 0.0
    parameters: int | None = None
    macs: int | None = None
    weights: str = ""
    trained_on: str = ""
    ms: float | None = None
    reference_ms: float | None = None
    processor: str = ""
    versions: tuple[str, ...] = ()
    error: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        task = find_task(self.task)
        if self.task != task.id:
            raise DataError(f"its task is {shown(self.task)}: {task.id} is one")
        if self.images != task.sha256:
            raise DataError(f"its images are not those of {task.id}")
        if not self.name or not self.name.isprintable() or len(self.name) > 200:
            raise DataError(f"no name of a row: {shown(self.name)}")
        if (self.kind == "baseline") != is_baseline(self.name):
            raise DataError(f"{self.kind} {self.name}: {MEAN_IMAGE} and pca-N are the names of baselines alone")
        for text in (self.error, self.trained_on, self.processor, *self.versions):
            if not text.isprintable() or len(text) > LONGEST:
                raise DataError(f"no text of a row: {shown(text)}")
        for name, (low, high) in _RANGES.items():
            scores = getattr(self, name)
            if len(scores) != (0 if self.error else task.images):
                raise DataError(f"{len(scores)} scores ({name}) for the {task.images} images of {task.id}")
            if not all(low <= score <= high for score in scores):  # which no NaN is
                raise DataError(f"an {name} of an image that is not from {low:g} to {high:g}")
        for name in ("floats", "bits", "parameters", "macs", "ms", "reference_ms"):
            number = getattr(self, name)
            if number is not None and not 0 <= number < 2**63:
                raise DataError(f"{name} is {shown(number)}: it is from 0 to 2^63")
        if not all(math.isfinite(getattr(self, name) or 0.0) for name in OF_SETS):
            raise DataError(f"{' or '.join(OF_SETS)} is not finite")

    @property
    def file(self) -> str:
        """The name of its file."""
        return re.sub(r"[^\w.-]+", "-", self.name).strip("-.") + ".json"

    def write(self, folder: Path) -> Path:
        """Write it into the folder of its task within a folder, over an earlier one of the same, and return its path.

        Raises:
            DataError: the result of something else lies there.
        """
        path = folder / self.task / self.file
        if path.exists() and ((there := read_result(path)).name, there.kind) != (self.name, self.kind):
            raise DataError(f"{path} is the result of {there.kind} {there.name}, not of {self.kind} {self.name}")
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in to_json(self).items())
        with write_whole(path) as draft:
            draft.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        return path


def is_baseline(name: str) -> bool:
    """Whether a row of this name is a baseline."""
    return name == MEAN_IMAGE or PCA.fullmatch(name) is not None


def rounded(scores: Sequence[float]) -> tuple[float, ...]:
    """Scores of images as a result keeps them: to five digits, so that a file stays small."""
    return tuple(float(f"{score:.{_DIGITS}g}") for score in scores)


def read_result(path: Path) -> Result:
    """What a file says, which may be anyone's.

    Raises:
        DataError: it is no result, of another task than there is, or says what cannot be.
    """
    try:
        data = json.loads(limits.read(path, limits.SMALL))
        if isinstance(data, dict) and type(data.get("format")) is int and data["format"] > FORMAT:
            raise DataError("it was written by a newer aezoo: pip install -U aezoo")
        return from_json(Result, data)
    except (AezooError, ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path} is no result of the benchmark: {error}") from None


def read_results(folder: Path) -> dict[Task, list[Result]]:
    """The results in a folder and in the folders of tasks within it, by task, in the order of the tasks' table.

    Raises:
        DataError: there is none, or a file is none.
    """
    paths = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])
    if not paths:
        raise DataError(f"no results in {folder}: 'aezoo bench TASK --out {folder}' writes them")
    results = [read_result(path) for path in paths]
    seen: dict[tuple[str, str], Path] = {}
    for path, result in zip(paths, results, strict=True):
        if (other := seen.setdefault((result.task, result.name), path)) != path:
            raise DataError(f"{other} and {path} are both the result of {result.name} on {result.task}")
    by_task = {task: [result for result in results if result.task == task.id] for task in TASKS}
    return {task: own for task, own in by_task.items() if own}


def clash(results: Iterable[Result]) -> str:
    """Which two of the results do not compare, because a metric is of two revisions or looks with two networks; empty
    where all do.
    """
    seen: dict[str, tuple[str, str]] = {}
    for result in results:
        for metric in result.metrics:
            other, name = seen.setdefault(metric.partition("@")[0], (metric, result.name))
            if other != metric:
                return f"{name} was scored by {other}, {result.name} by {metric}"
    return ""


def changed(then: Result, now: Result) -> list[str]:
    """Which facts of what was scored, and metrics that scored it, are others: there is nothing to tolerate in them. A
    metric that one alone has, for want of a package, is none.
    """
    if then.error or now.error:
        return []
    facts = [key for key in _FACTS if getattr(then, key) != getattr(now, key)]
    return [*facts, "metrics"] if clash((then, now)) else facts


def drifts(then: Result, now: Result) -> dict[str, float]:
    """By how much of itself each score has moved, of images by how much at most; those of sets that one alone has are
    left out.

    Raises:
        DataError: they are not of the same task.
    """
    if then.task != now.task:
        raise DataError(f"a result of {then.task} and one of {now.task} do not compare")
    shares = {}
    for name in (*_RANGES, *OF_SETS):
        before, after = (_all(getattr(result, name)) for result in (then, now))
        moved = [abs(b - a) / max(abs(a), _LEAST.get(name, 0.01)) for a, b in zip(before, after, strict=False)]
        shares |= {name: max(moved)} if moved else {}
    return shares


def _all(scores: tuple[float, ...] | float | None) -> tuple[float, ...]:
    return scores if isinstance(scores, tuple) else () if scores is None else (scores,)
