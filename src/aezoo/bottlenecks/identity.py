"""The identity bottleneck of a plain autoencoder: the features are the latent."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from aezoo.bottlenecks.base import Bottleneck
from aezoo.latent import Latent


class IdentityBottleneck(Bottleneck):
    """``z`` is the features, whatever their shape.

    Args:
        feature_shape: of one image's features.
    """

    def __init__(self, feature_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_shape = feature_shape
        self.spatial = len(feature_shape) == 3

    @property
    def statistics_shape(self) -> tuple[int, ...]:
        """One a dimension, of maps too: a Gaussian is fitted to them as they lie."""
        return self.latent_shape

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        z = features.float()
        return Latent(z, mean=z)
