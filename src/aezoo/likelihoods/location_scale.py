"""Gaussian and Laplace likelihoods of grey images: a mean for each value, and a scale that is fixed or learned."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.likelihoods.base import Likelihood, clamp, softclip
from aezoo.losses.reconstruction import wide
from aezoo.noise import noise, uniform
from aezoo.plain import ImageSpec

Spread = Literal["fixed", "shared", "pixel"]
Mean = Literal["linear", "sigmoid"]

LOWEST = -6.0
"""The least logarithm of a learned scale: 0.0025, of an 8-bit grey level two thirds (Rybkin et al. 2021).

The density of what is reconstructed exactly, such as a picture's black border, has no bound but this one.
"""


class LocationScale(Likelihood):
    """Each value is its mean plus noise of a scale. A density on the whole line, which may exceed 1.

    The first map is the mean, or its logit; the reconstruction is the mean, held in [0, 1].

    Args:
        image: the images.
        spread: the scale is ``"fixed"``, one learned number (``"shared"``) or a map of its own (``"pixel"``).
        scale: the fixed one, or where the learned one begins.
        mean: ``"linear"``, or ``"sigmoid"`` of the map, whose gradient fades towards black and white: measured, it
            learns slower, and least with a scale for each value.
    """

    def __init__(self, image: ImageSpec, spread: Spread, scale: float, mean: Mean) -> None:
        super().__init__(image)
        self.maps = 2 if spread == "pixel" else 1
        self.mean = mean
        self.fixed = spread == "fixed"
        # What the softclip makes log(scale) of; a learned scale is told from there, so that a map of zeros is `scale`.
        self.start = math.log(scale) if self.fixed else LOWEST + math.log(math.expm1(math.log(scale) - LOWEST))
        self.spread = nn.Parameter(torch.zeros(())) if spread == "shared" else None

    def draw(self, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Noise of scale 1, of the shape of ``like``."""
        raise NotImplementedError

    def log_density(self, error: Tensor) -> Tensor:
        """Of an error in scales, elementwise, in nats."""
        raise NotImplementedError

    def reconstruction(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"]:
        return clamp(self._distribution(params)[0])

    def logits(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"] | None:
        return params.chunk(self.maps, dim=1)[0] if self.mean == "sigmoid" else None

    def log_prob(self, params: Float[Tensor, "b p h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        mean, log_scale = self._distribution(params)
        error = (images.to(mean) - mean) * torch.exp(-log_scale)
        return (self.log_density(error) - log_scale).flatten(1).sum(1)

    def sample(
        self, params: Float[Tensor, "b p h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        mean, log_scale = self._distribution(params)
        return (mean + torch.exp(log_scale) * self.draw(mean, generator)).clamp(0, 1)

    def _distribution(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """The mean ``(b, c, h, w)`` and the logarithm of the scale, which broadcasts with it."""
        mean, *spread = wide(params).chunk(self.maps, dim=1)
        if self.mean == "sigmoid":
            mean = torch.sigmoid(mean)
        if self.fixed:
            return mean, mean.new_full((), self.start)
        learned = spread[0] if self.spread is None else self.spread.to(mean)
        return mean, softclip(learned + self.start, LOWEST)


class Gaussian(LocationScale):
    """Normal noise. A learned deviation is that of the sigma-VAE (Rybkin et al. 2021, arXiv 2006.13202).

    Args:
        image: the images.
        scale, sigma, mean: see `LocationScale`.
    """

    def __init__(self, image: ImageSpec, *, scale: Spread = "fixed", sigma: float = 0.1, mean: Mean = "linear") -> None:
        super().__init__(image, scale, sigma, mean)

    def draw(self, like: Tensor, generator: torch.Generator | None) -> Tensor:
        return noise(like, generator)

    def log_density(self, error: Tensor) -> Tensor:
        return -0.5 * error.square() - 0.5 * math.log(2 * math.pi)


class Laplace(LocationScale):
    """Two-sided exponential noise, whose mean absolute value is the scale ``b``: errors count as in ``l1``.

    Args:
        image: the images.
        scale, b, mean: see `LocationScale`.
    """

    def __init__(self, image: ImageSpec, *, scale: Spread = "fixed", b: float = 0.1, mean: Mean = "linear") -> None:
        super().__init__(image, scale, b, mean)

    def draw(self, like: Tensor, generator: torch.Generator | None) -> Tensor:
        drawn = uniform(like, generator) - 0.5
        return -drawn.sign() * torch.log1p(-2 * drawn.abs())

    def log_density(self, error: Tensor) -> Tensor:
        return -error.abs() - math.log(2)
