"""The nested bottleneck: dimensions, or tokens, in order of what they are worth, so that the first few decode by
themselves (nested dropout, Rippel et al. 2014, arXiv 1402.0915).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from aezoo.bottlenecks.base import Bottleneck
from aezoo.errors import CompositionError
from aezoo.latent import Latent
from aezoo.noise import training_noise


class NestedBottleneck(Bottleneck):
    """Features to a vector by a linear layer, or to a map by a 1x1 convolution.

    A training step keeps the first j dimensions (of a map: channels, or positions) of each image and zeroes the others,
    each j from 1 to all being as likely.

    A linear autoencoder so trained finds the principal components, in order (theorem 2). Afterwards the first j are a
    smaller latent: ``model.decode(model.bottleneck.first(z, j))``.

    Args:
        feature_shape: of one image's features.
        dim: dimensions, of a map its channels.
        spatial: ``z`` is a map as large as the features.
        along: of a map, what is kept: ``"channels"``, or ``"positions"`` row by row, as of tokens in a row.

    Raises:
        CompositionError: ``spatial``, and the features are no map.
    """

    def __init__(
        self,
        feature_shape: tuple[int, ...],
        *,
        dim: int = 16,
        spatial: bool = False,
        along: Literal["channels", "positions"] = "channels",
    ) -> None:
        super().__init__()
        if spatial and len(feature_shape) != 3:
            raise CompositionError(f"bottleneck nested(spatial=True) takes a map (c, h, w), not {feature_shape}")
        self.spatial, self.positions = spatial, spatial and along == "positions"
        self.latent_shape = (dim, *feature_shape[1:]) if spatial else (dim,)
        self.project = nn.Conv2d(feature_shape[0], dim, 1) if spatial else nn.Linear(math.prod(feature_shape), dim)

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        z = self.project(features if self.spatial else features.flatten(1)).float()
        return Latent(z, mean=z)

    def draw(self, latent: Latent) -> Latent:
        # Even in (0, 1), and of an image its own, however many processes share the batch.
        even = torch.special.ndtr(training_noise(latent.z.flatten(1)[:, :1]))
        n = self._places(latent.z).numel()
        kept = (even[:, 0] * n).long().clamp(max=n - 1) + 1
        return dataclasses.replace(latent, z=self.first(latent.z, kept))

    def first(self, z: Float[Tensor, "b d ..."], j: int | Tensor) -> Float[Tensor, "b d ..."]:
        """``z`` with zeros after its first ``j`` dimensions (or positions), one number or one for each image."""
        return z * (self._places(z) < (j.view(-1, *[1] * (z.ndim - 1)) if isinstance(j, Tensor) else j))

    def _places(self, z: Float[Tensor, "b d ..."]) -> Int[Tensor, "1 ..."]:
        """The numbers of what is kept or not, which broadcast to ``z``."""
        shape = (1, 1, *z.shape[2:]) if self.positions else (1, z.shape[1], *[1] * (z.ndim - 2))
        return torch.arange(math.prod(shape), device=z.device).view(shape)
