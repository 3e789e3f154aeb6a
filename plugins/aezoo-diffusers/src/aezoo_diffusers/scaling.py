"""The scale of latents: what an autoencoder computes, and what latent diffusion takes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Scaling:
    """``z = (x - shift) * scale`` of a model's own latent ``x`` ``(b, d, h, w)``; a number for each channel, or one.

    Python's numbers and no buffers: of a model in half precision they stay what they are.
    """

    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)

    def scaled(self, x: Float[Tensor, "*n d h w"]) -> Float[Tensor, "*n d h w"]:
        """``z`` of a model's own latent."""
        return (x - _of(self.shift, x)) * _of(self.scale, x)

    def own(self, z: Float[Tensor, "*n d h w"]) -> Float[Tensor, "*n d h w"]:
        """The inverse of `scaled`."""
        return z / _of(self.scale, z) + _of(self.shift, z)

    def logvar(self, logvar: Float[Tensor, "*n d h w"]) -> Float[Tensor, "*n d h w"]:
        """The log-variance of ``z`` from that of the own latent: ``2 ln(scale)`` more."""
        return logvar + 2 * _of(self.logarithm, logvar)

    @property
    def logarithm(self) -> tuple[float, ...]:
        """Of the scale."""
        return tuple(math.log(each) for each in self.scale)


def _of(values: tuple[float, ...], like: Tensor) -> Tensor | float:
    return values[0] if len(values) == 1 else like.new_tensor(values).view(-1, 1, 1)
