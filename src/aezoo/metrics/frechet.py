"""The Frechet distance of two sets of features, as FID has it (Heusel et al. 2017, arXiv 1706.08500, equation 6).

Shapes: b rows at a time, n in all, of d features each. A set is kept as its moments: memory does not grow with n.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


class Moments:
    """The mean and the scatter of rows that come in batches, in float64 on the CPU.

    Batches are centred before they are added (Chan et al. 1983, DOI 10.1080/00031305.1983.10483115): sums of squares
    would lose small variances beside large means.

    Attributes:
        n: rows that were taken in.
        mean: of them, ``(d,)``.
        scatter: the sum of the outer products of their deviations from the mean, ``(d, d)``.
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean = self.scatter = torch.zeros((), dtype=torch.float64)

    def update(self, rows: Float[Tensor, "b d"]) -> None:
        """Take a batch in."""
        rows = rows.cpu().double()  # in this order: not every device has float64
        mean = rows.mean(0)
        n, deviations, shift = self.n + len(rows), rows - mean, mean - self.mean
        between = self.n * len(rows) / n * torch.outer(shift, shift)
        self.scatter = self.scatter + deviations.mT @ deviations + between
        self.mean = self.mean + len(rows) / n * shift
        self.n = n

    @property
    def covariance(self) -> Float[Tensor, "d d"]:
        """Of two rows or more, without bias (over n - 1)."""
        return self.scatter / (self.n - 1)


def frechet(a: Moments, b: Moments) -> float:
    """Of the Gaussians of two sets: ``|mean_a - mean_b|^2 + Tr(A + B - 2 (A B)^(1/2))``, A and B the covariances.

    With ``A = R R'`` and ``B = S S'`` the eigenvalues of ``A B`` are the squared singular values of ``R' S``: so the
    trace of the root is a sum of these, where covariances have no full rank too. NaN where a row was not finite.
    """
    if not all(moments.scatter.isfinite().all() for moments in (a, b)):
        return math.nan
    roots = [_root(moments.covariance) for moments in (a, b)]
    traces = sum(root.square().sum() for root in roots)
    shared = torch.linalg.svdvals(roots[0].mT @ roots[1]).sum()
    return max(0.0, ((a.mean - b.mean).square().sum() + traces - 2 * shared).item())


def _root(covariance: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """R, of which ``R R'`` is the covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values.where(values > len(values) * torch.finfo(values.dtype).eps * values.max(), 0)  # rounding is no rank
    return vectors * values.sqrt()
