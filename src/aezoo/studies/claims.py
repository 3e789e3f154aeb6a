"""What a study measures of its claims: numbers as functions of means, and rows that are judged by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from aezoo.studies.statistics import Interval, Region, Sample, Verdict, bootstrap, verdict
from aezoo.studies.study import State
from aezoo.studies.trials import Finished


@dataclass(frozen=True)
class Values:
    """Where a sample comes from: the values of each image of a split, of an arm at a mark.

    ``measure`` may be a sum: ``"bce + kl"``, image by image.
    """

    arm: str
    split: str
    measure: str
    mark: int | None = None

    def __str__(self) -> str:
        return f"{self.split} {self.measure}" + (f" at {self.mark}" if self.mark else "")

    def take(self, state: State, seeds: list[int]) -> Sample:
        """The sample of these seeds."""
        names = self.measure.split(" + ")
        values = [state.values(self.arm, seeds, self.split, name, self.mark) for name in names]
        return Sample(np.add.reduce(values), self.split)


@dataclass(frozen=True)
class PerRun:
    """A number of each run, from its log."""

    arm: str
    text: str
    read: Callable[[Finished], float]

    def __str__(self) -> str:
        return self.text

    def take(self, state: State, seeds: list[int]) -> Sample:
        """The sample of these seeds: one "image" each."""
        return Sample(np.array([[self.read(state.arms[self.arm][seed])] for seed in seeds]), "runs")


Source = Values | PerRun


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number, and where a claim says it lies.

    Attributes:
        case: what distinguishes the row within its claim.
        number: what the number is, in words.
        sources: k of them, and ``names`` for their means.
        statistic: of their means.
        region: where the claim holds; None: a number beside the claim, without a verdict.
    """

    case: str
    number: str
    sources: tuple[Source, ...]
    names: tuple[str, ...]
    statistic: Callable[..., np.ndarray]
    region: Region | None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the report, how it is judged, and the rows."""

    number: int
    says: str
    rule: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Found:
    """What came of a row.

    Attributes:
        row: that was asked.
        missing: the arms that have no run in common yet; then nothing else is set.
        means: of the sources, by their names.
        by_seed: the number from each seed alone.
        interval: of the number.
        seeds: that there were.
        images: by split, how many there were.
        part: of the study.
        verdict: empty without a region, with too few seeds, and in a quick study.
    """

    row: Row
    missing: tuple[str, ...] = ()
    means: dict[str, float] = field(default_factory=dict)
    by_seed: tuple[float, ...] = ()
    interval: Interval = field(default_factory=lambda: Interval(np.nan, np.nan, np.nan))
    seeds: tuple[int, ...] = ()
    images: dict[str, int] = field(default_factory=dict)
    part: str = ""
    verdict: Verdict = ""


def judge(row: Row, state: State) -> Found:
    """What the finished trials say of a row, over the seeds that all its arms have."""
    arms = list(dict.fromkeys(source.arm for source in row.sources))
    seeds = sorted(set.intersection(*map(state.seeds, arms)))
    if not seeds:
        return Found(row, missing=tuple(arm for arm in arms if not state.seeds(arm)) or tuple(arms))
    samples = [source.take(state, seeds) for source in row.sources]
    interval = bootstrap(samples, row.statistic)
    part = state.part_of(arms[0])
    region = None if state.study.quick else row.region
    return Found(
        row,
        means={name: float(sample.values.mean()) for name, sample in zip(row.names, samples, strict=True)},
        by_seed=tuple(row.statistic(*(sample.values.mean(1) for sample in samples)).tolist()),
        interval=interval,
        seeds=tuple(seeds),
        images={sample.images: sample.values.shape[1] for sample in samples if sample.images != "runs"},
        part=part.name,
        verdict=verdict(interval, region, seeds=len(seeds), needed=part.needed) if region else "",
    )


# The usual numbers.


def difference(a: Source, b: Source, *, case: str, names: tuple[str, str], region: Region | None) -> Row:
    """The mean of a less that of b, where both are of the same images or runs."""
    return Row(
        case=case,
        number=f"{names[0]} - {names[1]}",
        sources=(a, b),
        names=names,
        statistic=lambda first, second: first - second,
        region=region,
    )


def ratio(a: Source, b: Source, *, case: str, names: tuple[str, str], region: Region | None) -> Row:
    """The mean of a over that of b."""
    return Row(
        case=case,
        number=f"{names[0]} / {names[1]}",
        sources=(a, b),
        names=names,
        statistic=lambda first, second: first / second,
        region=region,
    )


def gap(arm: str, measure: str, *, case: str, region: Region | None, mark: int | None = None) -> Row:
    """The mean on test less that on training images."""
    sources = (Values(arm, "test", measure, mark), Values(arm, "train", measure, mark))
    return difference(*sources, case=case, names=(f"test {measure}", f"train {measure}"), region=region)


def gap_difference(a: str, b: str, measure: str, *, case: str, names: tuple[str, str], region: Region | None) -> Row:
    """The gap between test and training of one arm less that of another."""
    sources = tuple(Values(arm, split, measure) for arm in (a, b) for split in ("test", "train"))
    return Row(
        case=case,
        number=f"gap of {names[0]} - gap of {names[1]}",
        sources=sources,
        names=tuple(f"{name} {split}" for name in names for split in ("test", "train")),
        statistic=lambda first, first_train, second, second_train: first - first_train - (second - second_train),
        region=region,
    )


def alone(source: Source, *, case: str, number: str, region: Region | None) -> Row:
    """A mean as it is."""
    return Row(
        case=case, number=number, sources=(source,), names=(str(source),), statistic=lambda mean: mean, region=region
    )
