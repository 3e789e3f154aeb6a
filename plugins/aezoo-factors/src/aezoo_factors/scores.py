"""Small formulas that several metrics share."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def r2(read: Float[Tensor, "n f"], true: Float[Tensor, "n f"]) -> Float[Tensor, " f"]:
    """The coefficient of determination of each column, 1 - sum of (true - read)^2 / sum of (true - mean)^2."""
    return 1 - (true - read).square().sum(0) / (true - true.mean(0)).square().sum(0)
