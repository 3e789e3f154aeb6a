"""Disentanglement of latents whose factors are known: MIG, SAP, DCI and the FactorVAE score, each by one estimator.

Shapes: n images, d dimensions of ``z`` (a map counts as one long vector), k factors. A factor that all images share
says nothing and is left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from importlib import metadata

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.ensemble import GradientBoostingRegressor
from torch import Tensor

from aezoo.errors import DataError

BINS = 20
_HELD_OUT = 5  # one image in so many is predicted by DCI's trees, and not seen by them


class _OfFactors(ABC):
    """A number of the latents and factors of a set, the same in whatever order and batches they come.

    Args:
        images: at most so many, drawn by the seed.
        seed: of all that is drawn.
    """

    def __init__(self, *, images: int = 10_000, seed: int = 0) -> None:
        self.images, self.seed = images, seed
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.z: list[Tensor] = []
        self.factors: list[Tensor] = []

    def update(self, z: Float[Tensor, "b ..."], factors: Float[Tensor, "b k"]) -> None:
        """Take a batch in."""
        self.z.append(z.flatten(1).cpu())
        self.factors.append(factors.cpu())

    def compute(self) -> float:
        """Of all images that were taken in.

        Raises:
            DataError: no factor differs between them.
        """
        z, factors = (torch.cat(rows).double().numpy() for rows in (self.z, self.factors))
        order = np.lexsort(np.hstack([factors, z]).T[::-1])  # whatever the order in which they came
        chosen = order[np.random.default_rng(self.seed).permutation(len(order))[: self.images]]
        z, factors = z[chosen], factors[chosen]
        varies = (factors != factors[0]).any(0)
        if not varies.any():
            raise DataError(f"no factor differs between these {len(factors)} images: there is nothing to disentangle")
        return self.score(z, factors[:, varies])

    @abstractmethod
    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        """The number of these rows."""


class MutualInformationGap(_OfFactors):
    """MIG (Chen et al. 2018, arXiv 1802.04942, equation 6) by histograms of 20 bins, averaged over factors.

    Of each factor v: ``(I(z_a; v) - I(z_b; v)) / H(v)``, a and b being the dimensions with the most and the second most
    information of it. A dimension is cut into 20 bins of equal width between its extremes. A factor counts by its
    values; one that is continuous, with more values than half of the images, is cut as a dimension is. So a perfect
    code reaches 1 if the factor has at most 20 values, 0.85 if it has 32; if it is continuous, 1 less the ``19^2 / 2n``
    nats, of ln 20, that n images seem to share with the next dimension where there is nothing.

    Args:
        images: at most so many, drawn by the seed.
        seed: of that draw.
    """

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        codes, values = np.apply_along_axis(_binned, 0, z), np.apply_along_axis(_valued, 0, factors)
        gaps = []
        for value in values.T:
            of_value = _entropy(value)
            shared = [_entropy(code) + of_value - _entropy(code * (value.max() + 1) + value) for code in codes.T]
            gaps.append(_gap(np.array(shared)) / of_value)
        return float(np.mean(gaps))


class SeparatedPredictability(_OfFactors):
    """SAP (Kumar et al. 2018, arXiv 1711.00848, section 4) by R2: the squared correlation of a dimension with a factor.

    Of each factor the largest over dimensions less the second largest, averaged over factors. The paper has a linear
    SVM in its place where a factor is a class: its bias is penalised, so that even perfect codes get 0.06 to 0.66.

    Args:
        images: at most so many, drawn by the seed.
        seed: of that draw.
    """

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        explained = (_standardised(z).T @ _standardised(factors) / len(z)) ** 2  # (d, k)
        return float(np.mean([_gap(of_factor) for of_factor in explained.T]))


class _Dci(_OfFactors):
    """DCI (Eastwood & Williams 2018) by gradient boosted trees: scikit-learn's regressor with its defaults, 100 trees
    of depth 3, for each factor. Its importances (impurity) are the matrix ``R`` (d, k), whose columns sum to 1.

    A fifth of the images is held out of the trees.

    Args:
        images: at most so many, drawn by the seed. The time grows with images times dimensions times factors.
        seed: of that draw, and of the trees.
    """

    protocol = {"scikit-learn": metadata.version("scikit-learn")}

    def __init__(self, *, images: int = 1000, seed: int = 0) -> None:
        super().__init__(images=images, seed=seed)

    def fit(
        self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]
    ) -> tuple[Float[np.ndarray, "d k"], Float[np.ndarray, " k"]]:
        """The importances, and how much of each factor's variance is predicted where it was not seen."""
        return _boosted(z.tobytes(), factors.tobytes(), len(z), self.seed)


class Disentanglement(_Dci):
    """Of each dimension ``1 - H(its shares of R) / log k``, averaged with its share of all importance as its weight."""

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        importance, _ = self.fit(z, factors)
        weights = importance.sum(1) / max(importance.sum(), 1e-12)
        return float(weights @ _concentration(importance))


class Completeness(_Dci):
    """Of each factor ``1 - H(its shares of R) / log d``, averaged."""

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        importance, _ = self.fit(z, factors)
        return float(_concentration(importance.T).mean())


class Informativeness(_Dci):
    """Of each factor 1 less the squared error of images that the trees did not see over its variance, at least 0,
    averaged.
    """

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        _, predicted = self.fit(z, factors)
        return float(predicted.clip(min=0).mean())


class FactorVaeScore(_OfFactors):
    """The score of FactorVAE (Kim & Mnih 2018, arXiv 1802.05983, section 4): how often a majority vote names the factor
    that a set of images shares by the dimension of least variance in it, relative to that over all images.

    A set is drawn from the images that are alike in one factor: of equal value or, where it is continuous, in the same
    of 20 bins of equal width, as of `MutualInformationGap`. Votes are learnt on sets of every second value or bin, and
    tried on sets of the others: images of both would be known by heart.
    Chance is 1/k.

    Args:
        votes: sets to learn from, and as many to try.
        group: images in a set, or as many as are alike.
        collapsed: dimensions whose standard deviation over all images is below this are left out, as the threshold of
            disentanglement_lib's settings has it. It is for a prior of variance 1; with none left the score is 0.
        images: at most so many, drawn by the seed.
        seed: of all that is drawn.
    """

    def __init__(
        self, *, votes: int = 800, group: int = 64, collapsed: float = 0.05, images: int = 10_000, seed: int = 0
    ) -> None:
        super().__init__(images=images, seed=seed)
        self.votes, self.group, self.collapsed = votes, group, collapsed

    def score(self, z: Float[np.ndarray, "n d"], factors: Float[np.ndarray, "n k"]) -> float:
        deviation = z.std(0)
        alive = (deviation >= self.collapsed) & (deviation > 0)
        if not alive.any():
            return 0.0
        z = z[:, alive] / deviation[alive]
        alike = [_groups(_valued(values)) for values in factors.T]
        alike = [groups for groups in alike if len(groups) > 1]
        if not alike:
            raise DataError(f"too few of these {len(z)} images are alike in a factor: measure it on more")
        generator = np.random.default_rng(self.seed)
        ballots = np.zeros((2, z.shape[1], len(alike)), int)
        for half, ballot in enumerate(ballots):
            for _ in range(self.votes):
                factor = generator.integers(len(alike))
                groups = alike[factor][half::2]
                rows = groups[generator.integers(len(groups))]
                rows = generator.choice(rows, min(self.group, len(rows)), replace=False)
                ballot[z[rows].var(0).argmin(), factor] += 1
        learnt, tried = ballots
        return float(tried[np.arange(len(tried)), learnt.argmax(1)].sum() / self.votes)


def _binned(values: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Which of 20 bins of equal width between the extremes each value lies in."""
    low, width = values.min(), np.ptp(values) or 1.0
    return ((values - low) / width * BINS).astype(int).clip(max=BINS - 1)


def _valued(values: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Which of its values a factor has; of a continuous one, which bin."""
    known, places = np.unique(values, return_inverse=True)
    return places if len(known) <= len(values) / 2 else _binned(values)


def _groups(classes: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " m"]]:
    """The rows of each class that has several."""
    return [rows for each in np.unique(classes) if len(rows := np.flatnonzero(classes == each)) > 1]


def _entropy(classes: Int[np.ndarray, " n"]) -> float:
    """In nats, of the shares of the classes."""
    shares = np.bincount(classes) / len(classes)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _gap(scores: Float[np.ndarray, " d"]) -> float:
    """The largest less the second largest; of a single dimension, itself."""
    second, first = np.sort(np.append(scores, 0.0))[-2:]
    return float(first - second)


def _standardised(columns: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Columns of mean 0 and variance 1; of a constant one, zeros."""
    centred = columns - columns.mean(0)
    deviation = centred.std(0)
    constant = deviation <= 1e-9 * np.abs(columns).max(0)  # what rounding leaves is no variance
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))


def _concentration(importance: Float[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
    """``1 - entropy / log n`` of each row's shares: 1 where one column has all, 0 where all have the same, or none."""
    totals = importance.sum(1, keepdims=True)
    shares = importance / np.where(totals > 0, totals, 1.0)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return (totals[:, 0] > 0) + (shares * logs).sum(1) / np.log(max(importance.shape[1], 2))


@lru_cache(maxsize=1)  # three metrics are of one fit
def _boosted(z: bytes, factors: bytes, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The importances (d, k) of trees, and of each factor (k,) the share of its variance that they predict."""
    codes, true = (np.frombuffer(each).reshape(n, -1) for each in (z, factors))
    held = max(1, n // _HELD_OUT)
    importances, predicted = [], []
    for values in true.T:
        trees = GradientBoostingRegressor(random_state=seed).fit(codes[held:], values[held:])
        importances.append(trees.feature_importances_)
        error = np.square(trees.predict(codes[:held]) - values[:held]).mean()
        predicted.append(1 - error / values.var())
    return np.stack(importances, 1), np.array(predicted)
