"""A study, declared: what is trained, what is claimed of it, and what its report shows beside the claims.

A `aezoo.specs.StudySpec` names the function that makes one; `open_study` calls it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from aezoo.errors import CompositionError, OptionError, PluginError, nearest, shown
from aezoo.factory import build
from aezoo.recipe import Recipe
from aezoo.requests import ask
from aezoo.specs import ModelSpec
from aezoo.studies.claims import Claim, PerRun, Row
from aezoo.studies.trials import Trial
from aezoo.summary import Summary, summarize

if TYPE_CHECKING:
    from aezoo.studies.drawings import Drawing
    from aezoo.studies.state import State

_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a study: arms on the same images, that can be carried out alone.

    Attributes:
        name: of the part.
        dataset: whose images are trained on, as in a recipe.
        title: what they are called; the name where empty.
        says: what they are, for the report.
        needed: seeds for a verdict; none where arms are searched alone.
        cost: the time that carrying it out takes with one thread of torch.
    """

    name: str
    dataset: str
    title: str = ""
    says: str = ""
    needed: int = 3
    cost: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is trained over several seeds to stand for one case.

    Attributes:
        name: of the arm, and of its folders.
        part: of the study.
        label: for tables; the name where empty.
        spec: a described model.
        recipe: of seed 0; the learning rate is that of the search, where there is one.
        marks: steps before the last one whose values are kept.
        measures: metrics that are kept beside the usual ones, by name; rows on one of a set are over seeds alone.
        seeds: how many: 0, 1, ...; zero: as many as a verdict needs, of a quick study one.
        search: recipes that are tried first, with images held out: of several rates, each of as many folds. The lowest
            mean of the folds' validation losses gives the rate.

    Raises:
        OptionError: nothing is measured at a mark, or a recipe is searched twice.
    """

    name: str
    part: str
    label: str = ""
    spec: ModelSpec
    recipe: Recipe
    marks: tuple[int, ...] = ()
    measures: tuple[str, ...] = ()
    seeds: int = 0
    search: tuple[Recipe, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        if any(recipe in self.search[:at] for at, recipe in enumerate(self.search)):
            raise OptionError(f"{self.name}: its search has one recipe twice")
        self.trial(0, self.recipe.lr)  # which checks the marks

    @cached_property
    def summary(self) -> Summary:
        """The layers, parameters and multiply-accumulates of the model."""
        return summarize(build(self.spec, device="meta"))

    @property
    def depth(self) -> int:
        """The convolutions and linear layers on the longest path; a bottleneck's (mean and log-variance) lie side by
        side.
        """
        counted = [layer for layer in self.summary.layers if layer.type in ("Conv2d", "ConvTranspose2d", "Linear")]
        beside = [layer for layer in counted if layer.part == "bottleneck"]
        return len(counted) - len(beside) + bool(beside)

    @cached_property
    def candidates(self) -> list[Trial]:
        """The trials of the search."""
        return [
            Trial(arm=f"{self.name}-search-lr{recipe.lr:g}-fold{recipe.fold}", spec=self.spec, recipe=recipe)
            for recipe in self.search
        ]

    def trial(self, seed: int, lr: float) -> Trial:
        """The trial of a seed at a learning rate: always the same object, whose key is computed once."""
        if (seed, lr) not in self._trials:
            recipe = dataclasses.replace(self.recipe, seed=seed, lr=lr)
            marks = tuple(sorted({*self.marks, recipe.steps}))
            self._trials[seed, lr] = Trial(
                arm=self.name, spec=self.spec, recipe=recipe, marks=marks, measures=self.measures
            )
        return self._trials[seed, lr]

    @cached_property
    def _trials(self) -> dict[tuple[int, float], Trial]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Published:
    """Published weights, measured beside the arms where they are installed: one run that the study did not train.

    Attributes:
        name: as rows of claims name it.
        model: of weights, ``"name.tag"``. It is measured on the images of its own recipe.
        part: of the study, beside whose arms it stands.
    """

    name: str
    model: str
    part: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the report: its file, and the function that draws it.

    ``draw`` is given an `aezoo.studies.drawings.Drawing` and returns the caption; an empty one says that there was
    nothing to draw yet.
    """

    file: str
    draw: Callable[[Drawing], str]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is trained, what is claimed of it, what the report shows. It is checked when it is made.

    Attributes:
        name: as it is registered.
        title: of the report.
        introduction: below the title.
        remarks: below the table of parts: what differs from what is reproduced.
        parts: in the order in which they are carried out.
        arms: each of one of the parts.
        claims: by their numbers.
        others: measured beside the arms.
        figures: in the order of the report.
        sections: further ones, in Markdown, from what is there; empty where nothing is.
        quick: it tries everything out and says nothing.

    Raises:
        CompositionError: two things of one name, or one that names what the study does not have.
    """

    name: str
    title: str
    introduction: str = ""
    remarks: str = ""
    parts: tuple[Part, ...]
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...] = ()
    others: tuple[Published, ...] = ()
    figures: tuple[Figure, ...] = ()
    sections: tuple[Callable[[State], str], ...] = ()
    quick: bool = False

    def __post_init__(self) -> None:
        self._check_names()
        for claim in self.claims:
            for row in claim.rows:
                self._check_row(row, f"study {self.name}: claim {claim.number}, {row.case!r},")
        needed = {part.name: min(1, part.needed) if self.quick else part.needed for part in self.parts}
        arms = (dataclasses.replace(arm, seeds=arm.seeds or needed[arm.part]) for arm in self.arms)
        object.__setattr__(self, "arms", tuple(arms))

    def part(self, name: str) -> Part:
        """The part of this name."""
        return next(part for part in self.parts if part.name == name)

    def part_of(self, name: str) -> Part:
        """The part that an arm, or what is measured beside the arms, belongs to."""
        return self.part(next(each.part for each in (*self.arms, *self.others) if each.name == name))

    def arms_of(self, part: str) -> tuple[Arm, ...]:
        """The arms of a part."""
        return tuple(arm for arm in self.arms if arm.part == part)

    def with_seeds(self, seeds: int) -> Study:
        """The study with so many seeds of each arm, but of those that are there for their search alone."""
        arms = (dataclasses.replace(arm, seeds=seeds) if arm.seeds else arm for arm in self.arms)
        return dataclasses.replace(self, arms=tuple(arms))

    def _check_names(self) -> None:
        for kind, names in (
            ("parts", [part.name for part in self.parts]),
            ("arms", [each.name for each in (*self.arms, *self.others)]),
            ("claims", [str(claim.number) for claim in self.claims]),
            ("figures", [figure.file for figure in self.figures]),
            *((f"rows of claim {c.number}", [r.case for r in c.rows]) for c in self.claims),
        ):
            if (twice := _first_twice(names)) is not None:
                raise CompositionError(f"study {self.name}: two {kind} are called {twice!r}")
        for name in (*(arm.name for arm in self.arms), *(figure.file for figure in self.figures)):
            if not _FILE_NAME.fullmatch(name):
                raise CompositionError(f"study {self.name}: {name!r} is no name of a file: letters, digits, '.-_' are")
        parts = [part.name for part in self.parts]
        for each in (*self.arms, *self.others):
            if each.part not in parts:
                known = ", ".join(parts) or "none"
                raise CompositionError(f"study {self.name}: {each.name!r} is of part {each.part!r}; its parts: {known}")

    def _check_row(self, row: Row, whose: str) -> None:
        arms = {arm.name: arm for arm in self.arms}
        known = [*arms, *(other.name for other in self.others)]
        for source in row.sources:
            if source.arm not in known:
                near = nearest(source.arm, known) or "there is none"
                raise CompositionError(f"{whose} is of the arm {source.arm!r}, which is not there; near: {near}")
            arm = arms.get(source.arm)
            if isinstance(source, PerRun):
                if not arm:
                    raise CompositionError(f"{whose} reads the log of {source.arm!r}, which was not trained here")
                continue
            splits = ("train", "validation", "test") if arm and arm.recipe.validation else ("train", "test")
            if source.split not in splits:
                raise CompositionError(
                    f"{whose} is of the split {source.split!r}; {source.arm!r} has {', '.join(splits)}"
                )
            kept = sorted({*arm.marks, arm.recipe.steps}) if arm else []
            if source.mark is not None and source.mark not in kept:
                steps = " and ".join(map(str, kept)) or "the end"
                raise CompositionError(f"{whose} asks for step {source.mark}; {source.arm!r} keeps values at {steps}")
        parts = {name: self.part_of(name).name for name in row.arms}
        if len(set(parts.values())) > 1:
            both = " and ".join(f"{name!r} of {part}" for name, part in parts.items())
            raise CompositionError(f"{whose} compares {both}: images are paired within a part")
        if len(row.names) != len(row.sources):
            raise CompositionError(f"{whose} has {len(row.sources)} sources and {len(row.names)} names for their means")


def _first_twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)


def open_study(request: str, *, quick: bool = False) -> Study:
    """The study that is asked for by its name, with options where it declares any.

    Args:
        request: ``"name"`` or ``"name(key=value)"``.
        quick: a handful of steps, to see that everything runs.

    Raises:
        UnknownNameError: no package registers it.
        OptionError: an option that it does not have, or a value that is not allowed.
        PluginError: its implementation cannot be imported, or gives no `Study`.
    """
    asked = ask("study", request)
    study = asked.build(quick=quick)
    if not isinstance(study, Study):
        entry = asked.entry
        raise PluginError(
            f"{entry.qualified_name}: {entry.spec.implementation} gives {shown(study)}, which is no Study"
        )
    return study
