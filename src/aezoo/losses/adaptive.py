"""Weights that follow the gradients: a term pulls as hard as the others do, whatever its scale."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

LARGEST_WEIGHT = 1e4
"""That an adaptive weight may reach, where both losses are means over pixels (VQGAN)."""


def gradient_ratio(others: Iterable[Tensor], own: Tensor, at: Tensor, values: int) -> Tensor:
    """The norm of the gradient of the other terms' sum over that of one's own (Esser et al. 2021, arXiv 2012.09841,
    equation 7).

    Args:
        others, own: losses, sums over ``values``.
        at: where the gradients are taken, on the way to both: weights of a layer, or what it gives. A loss that does
            not depend on it has none.
        values: of an image; the gradients are those of means.

    Returns:
        At most `LARGEST_WEIGHT`; 1 where the others have no gradient there, or there is none.
    """
    if not (own.requires_grad and at.requires_grad):
        return own.new_ones(())
    rest, mine = (
        torch.autograd.grad(value, at, retain_graph=True, materialize_grads=True)[0].norm()
        for value in (torch.stack([each / values for each in others]).sum(), own / values)
    )
    return torch.where(rest > 0, (rest / (mine + 1e-4)).clamp(max=LARGEST_WEIGHT), 1.0).detach()
