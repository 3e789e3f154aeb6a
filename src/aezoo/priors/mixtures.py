"""Mixtures that learn: of Gaussians of their own (Dilokthanakul et al. 2016, arXiv 1611.02648, whose prior this is), or
of the model's own posteriors (VampPrior, Tomczak & Welling 2018, arXiv 1705.07120).

Shapes: b latents of any leading shape, k components, d dimensions of a latent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from aezoo.bottlenecks.gaussian import log_density
from aezoo.latent import Latent
from aezoo.modes import settled
from aezoo.noise import noise
from aezoo.plain import ImageSpec
from aezoo.priors.base import Prior

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


class MixturePrior(Prior):
    """A mixture of k diagonal Gaussians whose means, variances and weights are learned.

    They begin at standard normal means with a variance of 1 and equal weights.

    Args:
        latent_shape: of one ``z``.
        k: components.
    """

    def __init__(self, latent_shape: tuple[int, ...], *, k: int = 10) -> None:
        super().__init__()
        self.dims = len(latent_shape)
        self.mean = nn.Parameter(torch.randn(k, math.prod(latent_shape)))
        self.logvar = nn.Parameter(torch.zeros(k, math.prod(latent_shape)))
        self.logits = nn.Parameter(torch.zeros(k))

    def log_prob(self, z: Float[Tensor, "*n b ..."], model: Autoencoder) -> Float[Tensor, "*n b"]:
        each = log_density(z.flatten(-self.dims).unsqueeze(-2), self.mean, self.logvar)  # (*n, b, k, d)
        return (each.sum(-1) + self.logits.log_softmax(0)).logsumexp(-1)

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n ..."]:
        chosen = _choose(self.logits.softmax(0), shape[0], generator)
        drawn = noise(self.mean.new_empty(shape[0], self.mean.shape[1]), generator)
        return (self.mean[chosen] + torch.exp(0.5 * self.logvar[chosen]) * drawn).view(shape)


class VampPrior(Prior):
    """The even mixture of the model's posteriors of k images that are learned, the pseudo-inputs.

    They begin as uniform noise and stay in [0, 1]. The encoder sees them with the statistics that it has stored, so
    that they move none.

    Args:
        image: what the encoder takes.
        k: pseudo-inputs.
    """

    def __init__(self, image: ImageSpec, *, k: int = 100) -> None:
        super().__init__()
        self.inputs = nn.Parameter(torch.rand(k, *image.shape))

    def posteriors(self, model: Autoencoder) -> Latent:
        """Of the pseudo-inputs."""
        with settled(model.encoder, model.bottleneck):
            return model.bottleneck(model.encoder(self.inputs.clamp(0, 1)))

    def log_prob(self, z: Float[Tensor, "*n b ..."], model: Autoencoder) -> Float[Tensor, "*n b"]:
        dims, k = len(model.latent_shape), len(self.inputs)
        beside = z.unsqueeze(-dims - 1).expand(*z.shape[:-dims], k, *z.shape[-dims:])
        return model.bottleneck.log_posterior(beside, self.posteriors(model)).logsumexp(-1) - math.log(k)

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n ..."]:
        chosen = _choose(torch.ones(len(self.inputs)), shape[0], generator)
        latent = tree_map(lambda each: each[chosen], self.posteriors(model))
        return model.bottleneck.sample(latent, 1, generator)[0]


def _choose(weights: Tensor, n: int, generator: torch.Generator | None) -> Tensor:
    if not n:
        return torch.zeros(0, dtype=torch.int64, device=weights.device)
    device = weights.device if generator is None else generator.device
    return torch.multinomial(weights.detach().to(device), n, replacement=True, generator=generator).to(weights.device)
