"""The uniform distribution on the unit sphere: the prior of a hyperspherical autoencoder (Davidson et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.bottlenecks import hyperspherical
from aezoo.latent import Latent
from aezoo.noise import noise
from aezoo.priors.base import Prior

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


class SpherePrior(Prior):
    """Every direction is as likely. The divergence of a von Mises-Fisher posterior has a closed form."""

    def log_prob(self, z: Float[Tensor, "*n b m"], model: Autoencoder) -> Float[Tensor, "*n b"]:
        return z.new_full((), -hyperspherical.log_surface(z.shape[-1])).expand(z.shape[:-1])

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n m"]:
        return F.normalize(noise(model.latent_mean.new_empty(shape), generator), dim=-1)

    def is_exact(self, model: Autoencoder) -> bool:
        return True

    def kl(self, latent: Latent, model: Autoencoder) -> Float[Tensor, "b 1"]:
        return hyperspherical.divergence(latent)
