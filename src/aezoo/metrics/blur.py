"""Blur: how much of the image's gradient energy is left in its reconstruction, from the posterior's mean.

Gradient energy is the sum of squared differences between neighbouring pixels, in both directions. An image without an
edge counts as having the least that 8 bits can show, one step of 1/255.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.metrics.measured import Measured

_STEP = 1 / 255


def gradient_energy(measured: Measured) -> Float[Tensor, " b"]:
    """The gradient energy of a reconstruction over that of the image: below 1 it is blurred, or pale."""
    return _energy(measured.reconstruction) / _energy(measured.images).clamp(min=_STEP**2)


def sharpness(measured: Measured) -> Float[Tensor, " b"]:
    """The same of both images brought to one contrast: below 1 a reconstruction is blurred, however pale.

    Each image's gradient energy is taken over the sum of squared deviations from its mean, so that brightness and
    contrast move nothing. What lies within a step of 1/255 of its mean is constant, and of sharpness 0; where the image
    is constant, there is nothing to blur: 1.
    """
    sharp, wanted = _relative(measured.reconstruction), _relative(measured.images)
    return torch.where(wanted > 0, sharp / wanted.where(wanted > 0, 1.0), 1.0)


def _relative(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    deviations = (images - images.mean(dim=(1, 2, 3), keepdim=True)).flatten(1)
    constant = deviations.abs().amax(1) < _STEP
    return torch.where(constant, 0.0, _energy(images) / deviations.square().sum(1).clamp(min=_STEP**2))


def _energy(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).sum(1) + across.square().flatten(1).sum(1)
