"""What a run left in its folder: settings, log and numbers, read without building the model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aezoo.composition import Source, inert, recipe_of
from aezoo.errors import TrainingError
from aezoo.plain import PARTS, from_json
from aezoo.recipe import Recipe
from aezoo.registry import BUILTIN
from aezoo.specs import ModelSpec
from aezoo.training.job import Job
from aezoo.training.log import LOG, Entry, is_entry
from aezoo.training.steps import measure_every
from aezoo.weights import limits
from aezoo.weights.folder import BEGAN, CONFIG, RECORD, read_config, read_metrics

_NOT_SETTINGS = ("cost", "reaches")  # what is known of a recipe


@dataclass(frozen=True)
class Kept:
    """A run that stands somewhere.

    Attributes:
        name: what it was asked for by.
        spec: what was trained.
        recipe: and how.
        step: of its weights; of a run that has not ended, of its last measurement.
        state: ``"unfinished"`` or ``"ended early"``; empty of a whole one.
        history: the lines of its log; none of weights in a package.
        metrics: as ``metrics.json`` holds them; empty until it has ended.
        images: a hash of the images of each split.
        began: the weights that it began with; empty where it began anew.
    """

    name: str
    spec: ModelSpec
    recipe: Recipe
    step: int
    state: str = ""
    history: list[Entry] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    began: str = ""

    def numbers(self, split: str) -> dict[str, float | None]:
        """The metrics of a split, before the end those of its last line."""
        if self.metrics:
            return self.metrics.get(split, {})
        lines = [entry for entry in self.history if entry["split"] == split]
        return {name: value for name, value in lines[-1].items() if name not in ("step", "split")} if lines else {}

    def measured_on(self, split: str) -> tuple[str, str]:
        """What the numbers of a split are of: the hash of its images, and how they were made black and white."""
        return self.images.get(split, ""), self.recipe.binarize

    @property
    def ids(self) -> dict[str, str]:
        """What each metric of a run that has ended is, by its name."""
        return self.metrics.get("protocol", {}).get("metrics", {})

    def settings(self) -> dict[str, str]:
        """What it was made of and trained with, by name."""
        recipe = {item.name: getattr(self.recipe, item.name) for item in dataclasses.fields(Recipe)}
        recipe["loss"] = self.recipe.loss or self.spec.loss
        parts = {kind: getattr(self.spec, kind) for kind in PARTS}
        recipe["evaluate_every"] = measure_every(self.recipe)
        own = {"model": self.spec.name, "image": self.spec.image, **parts, **recipe, "from": self.began or "nothing"}
        texts = {name: str(value).removeprefix(f"{BUILTIN}/") for name, value in own.items()}
        return {name: text for name, text in texts.items() if name not in _NOT_SETTINGS}


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, ended or not, or a model."""
    return (folder / CONFIG).is_file() or (folder / RECORD).is_file()


def read_run(folder: Path, name: str = "") -> Kept:
    """What the folder of a run holds, whether it has ended or not.

    Args:
        folder: of a run, or a model folder.
        name: what it was asked for by; by default the folder.

    Raises:
        TrainingError: there is no run, or a file of it is damaged.
        WeightsError: its config is damaged or of a newer aezoo.
    """
    try:
        history = _lines(folder / LOG)
        measured = [entry["step"] for entry in history if entry["split"] != "batch"]
        metrics = read_metrics(folder)
        if (folder / CONFIG).is_file():
            stored, config = read_config(folder)
            spec = inert(stored, folder)  # every option, also those that are newer than the folder
            recipe = recipe_of(Source(spec, folder=folder))
            training = config.get("training", {})
        elif (folder / RECORD).is_file():
            record = limits.read_json(folder / RECORD)
            job = from_json(Job, record["job"])
            spec, recipe, training = job.spec, job.recipe, {key: value for key, value in record.items() if key != "job"}
        else:
            raise TrainingError(f"{folder} is no run: it has no {CONFIG} and no {RECORD}")
        step = training.get("step", 0) if metrics else measured[-1] if measured else 0
        state = str(training.get("state", "" if metrics else "unfinished"))
        images = dict(metrics.get("protocol", {}).get("sha256") or training.get("data", {}))
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise TrainingError(f"{folder} is damaged: {error}") from None
    began = str(training.get(BEGAN, ""))
    return Kept(name or str(folder), spec, recipe, step, state, history, metrics, images, began)


def differences(runs: Sequence[Kept]) -> dict[str, list[str]]:
    """The settings in which runs differ, each with its value in every run."""
    each = [run.settings() for run in runs]
    return {name: values for name in each[0] if len(set(values := [settings[name] for settings in each])) > 1}


def _text(path: Path) -> str:
    return limits.read(path, limits.LOG).decode() if path.is_file() else ""


def _lines(path: Path) -> list[Entry]:
    """The lines of a log; the last may be half written."""
    lines = _text(path).splitlines()
    entries = []
    for number, line in enumerate(lines):
        try:
            entries.append(json.loads(line))
            if not is_entry(entries[-1]):
                raise TrainingError(f"{path} is damaged: line {number + 1} says no step")
        except ValueError:
            if number + 1 < len(lines):
                raise
    return entries
