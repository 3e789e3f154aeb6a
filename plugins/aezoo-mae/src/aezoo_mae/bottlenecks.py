"""Bottlenecks that leave features as they are: but for the ones that an encoder left out, and but for their scale.

Shapes: b images, features ``(d, h, w)`` or ``(d,)``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.bottlenecks.base import Bottleneck
from aezoo.latent import Latent
from aezoo.noise import training_noise


class MaskedBottleneck(Bottleneck):
    """``z`` is the features; where an encoder left a position out, and they are zeros, it is a token that is learned.

    ``latent.terms["mask"]`` is ``(b, h, w)``: 1 there, else 0. He et al. put the token in after a linear layer of the
    decoder; in front of it, it can do the same.

    Args:
        feature_shape: of one image's features, ``(d, h, w)``.
    """

    spatial = True

    def __init__(self, feature_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_shape = feature_shape
        self.token = nn.Parameter(0.02 * torch.randn(feature_shape[0], 1, 1))

    def forward(self, features: Float[Tensor, "b d h w"]) -> Latent:
        left_out = (features == 0).all(1)  # (b, h, w)
        z = torch.where(left_out[:, None], self.token, features).float()
        return Latent(z, mean=z, terms={"mask": left_out.float()})


class NormalisedBottleneck(Bottleneck):
    """``z`` is the features less their mean, over their deviation, of each channel of a map or each dimension: what a
    representation autoencoder decodes (Zheng et al. 2025, arXiv 2510.11690).

    Both are of all features that training has seen, so that they settle where the encoder is frozen. `features` takes
    ``z`` back.

    Args:
        feature_shape: of one image's features.
        noise: in training noise is added to ``z``, of deviation ``|s|``, where s is normal with this deviation and one
            of each image: for a decoder that shall decode what a diffusion model draws.
    """

    count: Tensor
    center: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, feature_shape: tuple[int, ...], *, noise: float = 0.0) -> None:
        super().__init__()
        self.latent_shape, self.noise = feature_shape, noise
        self.spatial = len(feature_shape) == 3
        shape = self.statistics_shape
        self.register_buffer("count", torch.zeros(shape))
        self.register_buffer("center", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        # Since the last step: how many, their sum, their squares'.
        self.register_buffer("seen", torch.zeros(3, *shape), persistent=False)

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        off = features.float() - self.center
        if self.collects:
            axes = (0, 2, 3) if self.spatial else (0,)
            powers = (torch.ones_like(off), off.detach(), off.detach().square())
            self.seen = self.seen + torch.stack([x.sum(axes).view_as(self.center) for x in powers])
        z = off / self.deviation
        return Latent(z, mean=z)

    @property
    def deviation(self) -> Tensor:
        """By which features are divided; a channel that never changes stays near 0."""
        return (self.variance + 1e-6).sqrt()

    def features(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The features of which this is the ``z``."""
        return z * self.deviation + self.center

    def draw(self, latent: Latent) -> Latent:
        if not self.noise:
            return latent
        z = latent.z
        scale = self.noise * training_noise(z.flatten(1)[:, 0]).abs()
        return dataclasses.replace(latent, z=z + scale.view(-1, *[1] * (z.ndim - 1)) * training_noise(z))

    def step(self, total: Callable[[Tensor], Tensor]) -> None:
        n, off, squares = total(self.seen)
        if not n.any():
            return
        count = self.count + n
        shift = off / count
        # All were measured from the same centre: an update that keeps its digits (Chan et al. 1979).
        self.variance = ((self.count * self.variance + squares) / count - shift.square()).clamp(min=0)
        self.center = self.center + shift
        self.count, self.seen = count, torch.zeros_like(self.seen)
