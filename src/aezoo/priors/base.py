"""What every prior answers. A prior sees the model, so that it may be made of the model's own posteriors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.latent import Latent

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


class Prior(nn.Module):
    """A distribution of ``z``. Subclasses define `log_prob` and `sample`; `kl` where there is a closed form.

    Its parameters, where it has any, are the model's: trained and stored with it.

    Attributes:
        any_size: whether it is one of maps of any height and width, not of the model's own alone.
    """

    any_size = False

    def log_prob(self, z: Float[Tensor, "*n b ..."], model: Autoencoder) -> Float[Tensor, "*n b"]:
        """log p(z) in nats, summed over the latent's dimensions."""
        raise NotImplementedError

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n ..."]:
        """Samples of the shape ``(n, *latent_shape)``, on the model's device. The generator may be one of the CPU's all
        the same: `aezoo.noise.noise` takes either.
        """
        raise NotImplementedError

    def is_exact(self, model: Autoencoder) -> bool:
        """Whether `kl` of this model's posteriors is a closed form, the same whichever ``z`` is drawn."""
        return False

    def kl(self, latent: Latent, model: Autoencoder) -> Float[Tensor, "b d"]:
        """The divergence of each image's posterior from the prior in nats, unsummed.

        Here its unbiased estimate from the one sample ``latent.z``, ``log q(z | x) - log p(z)``, ``(b, 1)``.
        """
        own = model.bottleneck.log_posterior(latent.z, latent)
        return (own - self.log_prob(latent.z, model))[:, None]


def no_prior() -> None:
    """The prior ``none`` of a model that has none."""
