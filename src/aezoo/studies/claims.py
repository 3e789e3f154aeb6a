"""What a study claims, declared: numbers as functions of means, and the region in which a claim says that each lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aezoo.studies.statistics import Region
from aezoo.studies.trials import Finished


@dataclass(frozen=True)
class Values:
    """Where a sample comes from: the values of each image of a split, of an arm at a mark (None: its last step).

    ``measure`` may be a sum: ``"bce + kl"``, image by image.
    """

    arm: str
    split: str
    measure: str
    mark: int | None = None

    def __str__(self) -> str:
        return f"{self.split} {self.measure}" + (f" at {self.mark}" if self.mark else "")

    @property
    def measures(self) -> list[str]:
        """The names that are added up."""
        return self.measure.split(" + ")


@dataclass(frozen=True)
class PerRun:
    """A number of each run, from its log."""

    arm: str
    text: str
    read: Callable[[Finished], float]

    def __str__(self) -> str:
        return self.text


Source = Values | PerRun


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number, and where a claim says it lies.

    Attributes:
        case: what distinguishes the row within its claim.
        number: what the number is, in words.
        sources: k of them, and ``names`` for their means.
        statistic: of their means.
        region: where the claim holds. There is no row without one: each number that is shown is judged.
    """

    case: str
    number: str
    sources: tuple[Source, ...]
    names: tuple[str, ...]
    statistic: Callable[..., np.ndarray]
    region: Region

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that it is of."""
        return tuple(dict.fromkeys(source.arm for source in self.sources))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim, how it is judged, and the rows."""

    number: int
    says: str
    rule: str
    rows: tuple[Row, ...]


# The usual numbers.


def difference(a: Source, b: Source, *, case: str, names: tuple[str, str], region: Region) -> Row:
    """The mean of a less that of b, where both are of the same images or runs."""
    return Row(
        case=case,
        number=f"{names[0]} - {names[1]}",
        sources=(a, b),
        names=names,
        statistic=lambda first, second: first - second,
        region=region,
    )


def ratio(a: Source, b: Source, *, case: str, names: tuple[str, str], region: Region) -> Row:
    """The mean of a over that of b."""
    return Row(
        case=case,
        number=f"{names[0]} / {names[1]}",
        sources=(a, b),
        names=names,
        statistic=lambda first, second: first / second,
        region=region,
    )


def gap(arm: str, measure: str, *, case: str, region: Region, mark: int | None = None) -> Row:
    """The mean on test less that on training images."""
    sources = (Values(arm, "test", measure, mark), Values(arm, "train", measure, mark))
    return difference(*sources, case=case, names=(f"test {measure}", f"train {measure}"), region=region)


def gap_difference(
    a: str,
    b: str,
    measure: str,
    *,
    case: str,
    names: tuple[str, str],
    region: Region,
    marks: tuple[int | None, int | None] = (None, None),
) -> Row:
    """The gap between test and training of one arm less that of another, each at its mark."""
    arms = zip((a, b), marks, strict=True)
    sources = tuple(Values(arm, split, measure, mark) for arm, mark in arms for split in ("test", "train"))
    return Row(
        case=case,
        number=f"gap of {names[0]} - gap of {names[1]}",
        sources=sources,
        names=tuple(f"{name} {split}" for name in names for split in ("test", "train")),
        statistic=lambda first, first_train, second, second_train: first - first_train - (second - second_train),
        region=region,
    )


def alone(source: Source, *, case: str, number: str, region: Region) -> Row:
    """A mean as it is."""
    return Row(
        case=case, number=number, sources=(source,), names=(str(source),), statistic=lambda mean: mean, region=region
    )
