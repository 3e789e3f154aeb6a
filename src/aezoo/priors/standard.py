"""The standard normal prior of a VAE (Kingma & Welling 2014, arXiv 1312.6114)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.gaussian import divergence, moments
from aezoo.latent import Latent
from aezoo.noise import noise
from aezoo.priors.base import Prior


class StandardPrior(Prior):
    """``z`` is standard normal, each dimension by itself.

    From a Gaussian posterior the divergence has a closed form (their appendix B), ``(b, d)`` with all dimensions of a
    map in one; from another it is estimated.

    Args:
        latent_shape: of one ``z``.
    """

    any_size = True

    def __init__(self, latent_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = len(latent_shape)

    def log_prob(self, z: Float[Tensor, "*n b ..."], model: Autoencoder) -> Float[Tensor, "*n b"]:
        return -0.5 * (z.square() + math.log(2 * math.pi)).flatten(-self.dims).sum(-1)

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n ..."]:
        return noise(model.latent_mean.new_empty(shape), generator)

    def is_exact(self, model: Autoencoder) -> bool:
        return "gaussian" in model.provides

    def kl(self, latent: Latent, model: Autoencoder) -> Float[Tensor, "b d"]:
        if not self.is_exact(model):
            return super().kl(latent, model)
        return divergence(*moments(latent)).flatten(1)
