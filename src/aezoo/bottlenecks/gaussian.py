"""The Gaussian bottleneck of a VAE (Kingma & Welling 2014, arXiv 1312.6114): a diagonal posterior, a standard prior."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.autoencoder import Latent
from aezoo.bottlenecks.base import Bottleneck, Generators, noise
from aezoo.errors import CompositionError


class GaussianBottleneck(Bottleneck):
    """Flattened features to the mean and log-variance of a diagonal Gaussian, by a linear layer each.

    ``terms["kl"]`` is the divergence from the standard normal prior, ``(b, dim)`` in nats.

    Args:
        feature_shape: of one image's features.
        dim: the number of latent dimensions.
        sampling: False trains on the mean, the penalty being the same: what is left of a VAE without its noise. Then
            `sample` gives the mean too, so that a likelihood is that of the point which the decoder was trained on.
    """

    def __init__(self, feature_shape: tuple[int, ...], *, dim: int = 16, sampling: bool = True) -> None:
        super().__init__()
        self.latent_shape = (dim,)
        self.sampling = sampling
        self.mean = nn.Linear(math.prod(feature_shape), dim)
        self.logvar = nn.Linear(math.prod(feature_shape), dim)

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        flat = features.flatten(1)
        mean, logvar = self.mean(flat).float(), self.logvar(flat).float()  # (b, dim)
        # expm1 keeps the small divergences of a nearly collapsed posterior exact.
        kl = 0.5 * (mean.square() + torch.expm1(logvar) - logvar)
        drawn = self.training and self.sampling
        z = mean + torch.exp(0.5 * logvar) * self.training_noise(mean) if drawn else mean
        return Latent(z, mean, logvar, terms={"kl": kl})

    def sample(self, latent: Latent, n: int = 1, generator: Generators = None) -> Float[Tensor, "n b d"]:
        if not self.sampling:
            return super().sample(latent, n, generator)
        mean, logvar = _moments(latent)
        return mean + torch.exp(0.5 * logvar) * noise(mean.expand(n, *mean.shape), generator)

    def log_posterior(self, z: Float[Tensor, "*n b d"], latent: Latent) -> Float[Tensor, "*n b"]:
        mean, logvar = _moments(latent)
        return -0.5 * ((z - mean).square() * torch.exp(-logvar) + logvar + math.log(2 * math.pi)).sum(-1)

    def log_prior(self, z: Float[Tensor, "*n b d"]) -> Float[Tensor, "*n b"]:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n d"]:
        return noise(self.mean.weight.new_empty(n, *self.latent_shape), generator)


def _moments(latent: Latent) -> tuple[Tensor, Tensor]:
    if latent.mean is None or latent.logvar is None:
        raise CompositionError("the latent has no mean and log-variance: it comes from another bottleneck")
    return latent.mean, latent.logvar
