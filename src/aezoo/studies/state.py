"""What is there of a study in its folder, and what is left to train.

Order of a part: the searches for learning rates, then every arm's first seed, then every arm's second: a study that is
stopped has something of everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.errors import DataError, UnknownNameError, nearest
from aezoo.recipe import Recipe
from aezoo.studies import trials
from aezoo.studies.study import Arm, Study
from aezoo.studies.trials import Finished, Trial


@dataclass(frozen=True)
class Task:
    """A trial to come. Its learning rate is provisional while the search for it is not over."""

    arm: Arm
    trial: Trial

    @property
    def work(self) -> float:
        """Multiply-accumulates of its training, forwards."""
        return _work(self.arm, self.trial.recipe)


def _images(recipe: Recipe) -> tuple[object, ...]:
    """What decides the images of every split, beside the data."""
    return recipe.dataset, recipe.binarize, recipe.validation, recipe.fold


def _work(arm: Arm, recipe: Recipe) -> float:
    return float(arm.summary.macs) * recipe.steps * recipe.batch_size


@dataclass(frozen=True)
class Other:
    """A model that the study did not train, with values as those of a trial, and the hash of each split's images."""

    model: Autoencoder
    tensors: Mapping[str, Tensor]
    data: Mapping[str, str]


@dataclass
class State:
    """What is there of a study.

    Attributes:
        study: what was declared.
        runs: the folder of the trials.
        searches: the finished trials of each arm's search, in its order.
        arms: the finished trials of each arm, by seed.
        diverged: those of an arm, by seed, that were trained and have no numbers.
        others: what was measured beside them, by name.
    """

    study: Study
    runs: Path
    searches: dict[str, list[Finished]] = field(default_factory=dict)
    arms: dict[str, dict[int, Finished]] = field(default_factory=dict)
    diverged: dict[str, dict[int, Finished]] = field(default_factory=dict)
    others: dict[str, Other] = field(default_factory=dict)

    def rate(self, arm: Arm) -> float | None:
        """The learning rate of an arm: its recipe's, or of a search that is over; None before."""
        if not arm.search:
            return arm.recipe.lr
        if len(self.searches.get(arm.name, [])) != len(arm.search):
            return None
        losses = self.validation_losses(arm)
        return min(losses, key=lambda lr: float(np.mean(losses[lr])))

    def validation_losses(self, arm: Arm) -> dict[float, list[float]]:
        """What the search of an arm has found so far: by learning rate, the last validation loss of each fold,
        infinite where it diverged.
        """
        losses: dict[float, list[float]] = {}
        for each in self.searches.get(arm.name, []):
            losses.setdefault(each.trial.recipe.lr, []).append(each.loss("validation"))
        return losses

    def tasks(self, only: str = "") -> list[Task]:
        """What there is to train yet, of all parts or of one, in its order."""
        found: list[Task] = []
        for part in self.study.parts:
            if only not in ("", part.name):
                continue
            arms = self.study.arms_of(part.name)
            for arm in arms:
                done = [finished.trial for finished in self.searches.get(arm.name, [])]
                found += [Task(arm, trial) for trial in arm.candidates if trial not in done]
            found += [
                Task(arm, arm.trial(seed, self.rate(arm) or arm.recipe.lr))
                for seed in range(max((arm.seeds for arm in arms), default=0))
                for arm in arms
                if seed < arm.seeds and seed not in {**self.arms.get(arm.name, {}), **self.diverged.get(arm.name, {})}
            ]
        return found

    def is_ready(self, task: Task) -> bool:
        """Whether nothing has to be trained before it: it is of a search, or its arm's search is over."""
        return self.rate(task.arm) is not None or task.trial in task.arm.candidates

    def add(self, arm: Arm, finished: Finished) -> None:
        """Take a finished trial of an arm in.

        Raises:
            DataError: it was trained on other images than those before it.
        """
        for other in self.finished(arm.part):
            if other.diverged or finished.diverged:
                continue
            theirs, ours = other.training["data"], finished.training["data"]
            same = [_images(each.trial.recipe) for each in (other, finished)]
            if theirs["test"] != ours["test"] or (same[0] == same[1] and theirs != ours):
                raise DataError(
                    f"{other.folder.name} and {finished.folder.name} were trained on different images of "
                    f"{self.study.part(arm.part).dataset}: choose another --out"
                )
        # In order, whichever of several jobs was done first: sums over them are the same to the last bit.
        candidates = arm.candidates
        if finished.trial in candidates:
            found = [*self.searches.get(arm.name, []), finished]
            self.searches[arm.name] = sorted(found, key=lambda each: candidates.index(each.trial))
        else:
            kept = self.diverged if finished.diverged else self.arms
            runs = {**kept.get(arm.name, {}), finished.trial.recipe.seed: finished}
            kept[arm.name] = dict(sorted(runs.items()))

    def seeds(self, arm: str) -> set[int]:
        """The seeds of an arm that are finished; 0 of what has none."""
        return {0} if arm in self.others else set(self.arms.get(arm, {}))

    def dead(self, arm: str) -> set[int]:
        """The seeds of an arm that ended with a dead decoder."""
        return {seed for seed, run in self.arms.get(arm, {}).items() if "dead" in run.warnings}

    def values(
        self, arm: str, seeds: list[int], split: str, name: str, mark: int | None = None, *, whole: bool = False
    ) -> np.ndarray:
        """The values of some seeds of an arm, (s, n), as `Finished.values` has them.

        Raises:
            UnknownNameError: they were not measured.
        """
        if arm not in self.others:
            return np.stack([self.arms[arm][seed].values(split, name, mark, whole=whole) for seed in seeds])
        tensors = self.others[arm].tensors
        if f"{split}/{name}" not in tensors:
            near = nearest(f"{split}/{name}", tensors)
            raise UnknownNameError(f"{arm}: no values {split}/{name} were measured: did you mean {near}?")
        return np.stack([trials.of_images(tensors, split, name, whole) for _ in seeds])

    def groups(
        self, arm: str, seed: int, split: str, mark: int | None = None, *, whole: bool = False
    ) -> np.ndarray | None:
        """Which images are of one thing, (n,), as `Finished.groups` has them."""
        if arm not in self.others:
            return self.arms[arm][seed].groups(split, mark, whole=whole)
        tensors = self.others[arm].tensors
        return trials.of_images(tensors, split, trials.GROUPS, whole) if f"{split}/{trials.GROUPS}" in tensors else None

    def images(self, arm: str, seed: int, split: str) -> str:
        """The hash of the images that the values of a split are of."""
        data = self.others[arm].data if arm in self.others else self.arms[arm][seed].training["data"]
        return data[split]

    def finished(self, part: str) -> Iterator[Finished]:
        """Every finished trial of a part, searches included."""
        for arm in self.study.arms_of(part):
            yield from self._of_arm(arm)

    def seconds_left(self, tasks: list[Task]) -> float | None:
        """An estimate of what tasks take, each at the pace of what is finished of its part; None where nothing is."""
        total = 0.0
        for part in {task.arm.part for task in tasks}:
            arms = self.study.arms_of(part)
            done = [(each.seconds, _work(arm, each.trial.recipe)) for arm in arms for each in self._of_arm(arm)]
            if not done:
                return None
            pace = sum(seconds for seconds, _ in done) / sum(work for _, work in done)
            total += pace * sum(task.work for task in tasks if task.arm.part == part)
        return total

    def _of_arm(self, arm: Arm) -> Iterator[Finished]:
        yield from self.searches.get(arm.name, [])
        yield from self.arms.get(arm.name, {}).values()
        yield from self.diverged.get(arm.name, {}).values()


def look(study: Study, out: Path) -> State:
    """What is there of a study in the folder ``out``."""
    state = State(study, out / "runs")
    for arm in study.arms:
        for trial in arm.candidates:
            if found := trials.find(trial, state.runs):
                state.add(arm, found)
        if (lr := state.rate(arm)) is not None:
            for seed in range(arm.seeds):
                if found := trials.find(arm.trial(seed, lr), state.runs):
                    state.add(arm, found)
    return state
