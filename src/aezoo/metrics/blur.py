"""Blur: how much of the image's gradient energy is left in its reconstruction, from the posterior's mean.

Gradient energy is the sum of squared differences between neighbouring pixels, in both directions. An image without an
edge counts as having the least that 8 bits can show, one step of 1/255.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.metrics.reconstruction import Measured

_LEAST_ENERGY = (1 / 255) ** 2


def gradient_energy(measured: Measured) -> Float[Tensor, " b"]:
    """The gradient energy of a reconstruction over that of the image: below 1 it is blurred, or pale."""
    return _energy(measured.reconstruction) / _energy(measured.images).clamp(min=_LEAST_ENERGY)


def sharpness(measured: Measured) -> Float[Tensor, " b"]:
    """The same of both images brought to one contrast: below 1 a reconstruction is blurred, however pale.

    Each image's gradient energy is taken over the sum of squared deviations from its mean, so that brightness and
    contrast move nothing. What is constant, to less than a step of 1/255, has a sharpness of 0.
    """
    return _relative(measured.reconstruction) / _relative(measured.images).clamp(min=_LEAST_ENERGY)


def _relative(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    deviations = (images - images.mean(dim=(1, 2, 3), keepdim=True)).square().flatten(1).sum(1)
    return torch.where(deviations > _LEAST_ENERGY, _energy(images) / deviations.clamp(min=_LEAST_ENERGY), 0.0)


def _energy(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).sum(1) + across.square().flatten(1).sum(1)
