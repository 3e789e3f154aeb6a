"""Intervals over seeds and images, and what they say of a claim.

A number of a study is a function of means: of one arm's values on a split, or of several arms' and splits'. Its
interval is a bootstrap's (Efron & Tibshirani 1993; two crossed factors: Owen 2007): each draw takes the seeds with
replacement, and the images of each split with replacement, the same for every arm and seed that was measured on them.
So arms are compared seed by seed and image by image, and the images of training and test vary independently.

Shapes: s seeds, n images, d draws, k samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

DRAWS = 10_000
SEED = 0
COVERS = 0.95
_BYTES = 50_000_000  # of the largest array of a bootstrap

Verdict = Literal["holds", "does not hold", "undecided", ""]


@dataclass(frozen=True)
class Sample:
    """Values (s, n), and of which images: samples of the same ``images`` are resampled together."""

    values: np.ndarray
    images: str


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Region:
    """What a claim says of a number: that it lies between these bounds."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"< {self.high:g}"
        return f"> {self.low:g}" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


def bootstrap(
    samples: Sequence[Sample], statistic: Callable[..., np.ndarray], *, draws: int = DRAWS, seed: int = SEED
) -> Interval:
    """The percentile interval of a statistic of the samples' means.

    Args:
        samples: k of them, with as many seeds each: row i of all is seed i.
        statistic: of k arrays of means (d,), one of each sample.
        draws: how many.
        seed: of the draws.
    """
    if len({len(sample.values) for sample in samples}) != 1:
        raise ValueError("samples are paired by seed: they need as many seeds each")
    estimate = statistic(*(sample.values.mean(keepdims=True).ravel() for sample in samples)).item()
    drawn = np.sort(statistic(*_means(samples, draws, seed)))
    low, high = np.quantile(drawn, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return Interval(estimate, float(low), float(high))


def _means(samples: Sequence[Sample], draws: int, seed: int) -> np.ndarray:
    """The mean of each sample in each draw, (k, d)."""
    seeds = len(samples[0].values)
    kinds = list(dict.fromkeys(sample.images for sample in samples))
    # A stream for each factor: a draw of the seeds does not depend on which images are looked at.
    first, *streams = np.random.SeedSequence(seed).spawn(1 + len(kinds))
    of_seeds = _weights(np.random.default_rng(first), draws, seeds)  # (d, s)
    means = np.empty((len(samples), draws))
    for kind, stream in zip(kinds, streams, strict=True):
        chosen = [index for index, sample in enumerate(samples) if sample.images == kind]
        n = samples[chosen[0]].values.shape[1]
        rng = np.random.default_rng(stream)
        step = max(1, _BYTES // (8 * n))
        for at in range(0, draws, step):
            of_images = _weights(rng, min(step, draws - at), n)  # (d, n)
            for index in chosen:
                by_seed = of_images @ samples[index].values.T  # (d, s)
                means[index, at : at + step] = (by_seed * of_seeds[at : at + step]).sum(1)
    return means


def _weights(rng: np.random.Generator, draws: int, n: int) -> np.ndarray:
    """How often each of n things is drawn in n draws with replacement, over n: (draws, n)."""
    cells = rng.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=draws * n).reshape(draws, n) / n


def verdict(interval: Interval, region: Region, *, seeds: int, needed: int) -> Verdict:
    """What an interval says of the claim that the number lies in the region.

    Args:
        interval: of the number.
        region: that the claim names.
        seeds: that there were.
        needed: to say anything.

    Returns:
        ``"holds"`` where the whole interval lies inside, ``"does not hold"`` where it lies outside, ``"undecided"``
        where it crosses a bound, and nothing with too few seeds or a number that is not finite.
    """
    if seeds < needed or not all(map(math.isfinite, (interval.low, interval.high))):
        return ""
    if region.low < interval.low and interval.high < region.high:
        return "holds"
    if interval.high <= region.low or interval.low >= region.high:
        return "does not hold"
    return "undecided"
