"""A study: arms of trials, what is there of them, and the rest carried out.

Order of a part: the searches for learning rates, then every arm's first seed, then every arm's second: a study that is
stopped has something of everything.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from aezoo.datasets.pipeline import open_dataset
from aezoo.errors import DataError
from aezoo.factory import build
from aezoo.specs import ModelSpec, Recipe
from aezoo.studies import trials
from aezoo.studies.trials import Finished, Trial
from aezoo.summary import Summary, summarize
from aezoo.training.run import Watcher


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is trained over several seeds to stand for one case.

    Attributes:
        name: of the arm, and of its folders.
        part: of the study.
        label: for tables.
        spec: a described model.
        recipe: of seed 0; the learning rate is that of the search, where there is one.
        marks: steps before the last one whose values are kept.
        seeds: how many: 0, 1, ...
        search: recipes that are tried first, with images held out; the lowest validation loss gives the rate.
    """

    name: str
    part: str
    label: str
    spec: ModelSpec
    recipe: Recipe
    marks: tuple[int, ...] = ()
    seeds: int
    search: tuple[Recipe, ...] = ()

    @cached_property
    def summary(self) -> Summary:
        """The layers, parameters and multiply-accumulates of the model."""
        return summarize(build(self.spec, device="meta"))

    def candidates(self) -> list[Trial]:
        """The trials of the search."""
        return [
            Trial(arm=f"{self.name}-search-lr{recipe.lr:g}", spec=self.spec, recipe=recipe) for recipe in self.search
        ]

    def trial(self, seed: int, lr: float) -> Trial:
        """The trial of a seed at a learning rate."""
        recipe = dataclasses.replace(self.recipe, seed=seed, lr=lr)
        marks = tuple(sorted({*self.marks, recipe.steps}))
        return Trial(arm=self.name, spec=self.spec, recipe=recipe, marks=marks)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a study: arms on the same images, that can be carried out alone.

    Attributes:
        name: of the part.
        dataset: whose images are trained on.
        title: what they are called.
        says: what they are, for the report.
        needed: seeds for a verdict.
        cost: the time that carrying it out takes with one thread of torch.
    """

    name: str
    dataset: str
    title: str
    says: str
    needed: int
    cost: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is trained. ``quick`` tries everything out and says nothing."""

    name: str
    parts: tuple[Part, ...]
    arms: tuple[Arm, ...]
    quick: bool = False

    def part(self, name: str) -> Part:
        """The part of this name."""
        return next(part for part in self.parts if part.name == name)


@dataclass(frozen=True)
class Task:
    """A trial to come. Its learning rate is provisional while the search for it is not over."""

    arm: Arm
    trial: Trial

    @property
    def work(self) -> float:
        """Multiply-accumulates of its training, forwards."""
        return _work(self.arm, self.trial.recipe)


def _work(arm: Arm, recipe: Recipe) -> float:
    return float(arm.summary.macs) * recipe.steps * recipe.batch_size


@dataclass(frozen=True)
class Other:
    """Values as those of a trial, of one model that the study did not train; ``part`` has its images."""

    part: str
    tensors: Mapping[str, Tensor]


@dataclass
class State:
    """What is there of a study in its folder.

    Attributes:
        study: what was declared.
        runs: the folder of the trials.
        searches: the finished trials of each arm's search.
        arms: the finished trials of each arm, by seed.
        others: values that no trial of the study made, by name: of published weights.
    """

    study: Study
    runs: Path
    searches: dict[str, list[Finished]] = field(default_factory=dict)
    arms: dict[str, dict[int, Finished]] = field(default_factory=dict)
    others: dict[str, Other] = field(default_factory=dict)

    def rate(self, arm: Arm) -> float | None:
        """The learning rate of an arm: its recipe's, or the search's; None while that is not over."""
        if not arm.search:
            return arm.recipe.lr
        found = self.searches.get(arm.name, [])
        return min(found, key=validation_loss).trial.recipe.lr if len(found) == len(arm.search) else None

    def tasks(self, only: str = "") -> list[Task]:
        """What there is to train yet, in its order."""
        arms = [arm for arm in self.study.arms if only in ("", arm.part)]
        searches = [
            Task(arm, trial)
            for arm in arms
            for trial in arm.candidates()
            if trial not in [finished.trial for finished in self.searches.get(arm.name, [])]
        ]
        seeds = max((arm.seeds for arm in arms), default=0)
        mains = [
            Task(arm, arm.trial(seed, self.rate(arm) or arm.recipe.lr))
            for part in self.study.parts
            for seed in range(seeds)
            for arm in arms
            if arm.part == part.name and seed < arm.seeds and seed not in self.arms.get(arm.name, {})
        ]
        order = [part.name for part in self.study.parts]
        return sorted([*searches, *mains], key=lambda task: order.index(task.arm.part))

    def add(self, arm: Arm, finished: Finished) -> None:
        """Take a finished trial of an arm in.

        Raises:
            DataError: it was trained on other images than those before it.
        """
        for other in self._of_part(arm.part):
            theirs, ours = other.training["data"], finished.training["data"]
            if theirs["test"] != ours["test"]:
                raise DataError(
                    f"{other.folder.name} and {finished.folder.name} were trained on different images of "
                    f"{self.study.part(arm.part).dataset}: choose another --out"
                )
        if finished.trial in arm.candidates():
            self.searches.setdefault(arm.name, []).append(finished)
        else:
            self.arms.setdefault(arm.name, {})[finished.trial.recipe.seed] = finished

    def seeds(self, arm: str) -> set[int]:
        """The seeds of an arm that are finished; 0 of what has none."""
        return {0} if arm in self.others else set(self.arms.get(arm, {}))

    def values(self, arm: str, seeds: list[int], split: str, name: str, mark: int | None = None) -> np.ndarray:
        """The values of some seeds of an arm, (s, n)."""
        if arm in self.others:
            return np.stack([self.others[arm].tensors[f"{split}/{name}"].numpy() for _ in seeds])
        return np.stack([self.arms[arm][seed].values(split, name, mark) for seed in seeds])

    def part_of(self, arm: str) -> Part:
        """The part that an arm belongs to."""
        name = self.others[arm].part if arm in self.others else {a.name: a.part for a in self.study.arms}[arm]
        return self.study.part(name)

    def seconds_left(self, tasks: list[Task]) -> float | None:
        """An estimate of what tasks take, each at the pace of what is finished of its part; None where nothing is."""
        total = 0.0
        for part in {task.arm.part for task in tasks}:
            finished = [(arm, each) for arm in self.study.arms if arm.part == part for each in self._of_arm(arm)]
            if not finished:
                return None
            seconds = sum(each.seconds for _, each in finished)
            pace = seconds / sum(_work(arm, each.trial.recipe) for arm, each in finished)
            total += pace * sum(task.work for task in tasks if task.arm.part == part)
        return total

    def _of_arm(self, arm: Arm) -> Iterator[Finished]:
        yield from self.searches.get(arm.name, [])
        yield from self.arms.get(arm.name, {}).values()

    def _of_part(self, part: str) -> list[Finished]:
        return [finished for arm in self.study.arms if arm.part == part for finished in self._of_arm(arm)]


def validation_loss(finished: Finished) -> float:
    """The last validation loss of a trial; infinite where it is not a number."""
    loss = finished.curve("validation", "loss")[1][-1]
    return loss if math.isfinite(loss) else math.inf


def look(study: Study, out: Path) -> State:
    """What is there of a study in the folder ``out``."""
    state = State(study, out / "runs")
    for arm in study.arms:
        for trial in arm.candidates():
            if found := trials.find(trial, state.runs):
                state.add(arm, found)
        if (lr := state.rate(arm)) is not None:
            for seed in range(arm.seeds):
                if found := trials.find(arm.trial(seed, lr), state.runs):
                    state.add(arm, found)
    return state


Told = Callable[[Task, list[Task]], None]


def carry_out(
    state: State,
    *,
    only: str = "",
    root: str = "",
    device: str = "auto",
    threads: int = 0,
    watcher: Watcher,
    begins: Told = lambda task, left: None,
    ends: Callable[[Task, Finished, list[Task]], None] = lambda task, finished, left: None,
) -> None:
    """Train what is missing. Stopped at any moment, it goes on from there when it is called again.

    Args:
        state: what is there; it grows.
        only: the part to carry out; empty: all.
        root, device, threads: as in `aezoo.training.run.Job`.
        watcher: is told of each run.
        begins, ends: told of each trial, with those that are left, itself included, or after it.

    Raises:
        AezooError: images that are missing (before anything is trained), or what a run raises.
    """
    left = state.tasks(only)
    for dataset in sorted({task.trial.recipe.dataset for task in left}):
        for split in ("train", "test"):
            open_dataset(dataset, split, root=root or None)
    while left:
        task = left[0]
        begins(task, left)
        finished = trials.carry_out(task.trial, state.runs, root=root, device=device, threads=threads, watcher=watcher)
        state.add(task.arm, finished)
        left = state.tasks(only)  # anew: a search that is over decides the rest
        ends(task, finished, left)
