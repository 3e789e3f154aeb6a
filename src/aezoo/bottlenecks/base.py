"""What every bottleneck answers; one without a distribution inherits the refusals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.autoencoder import Latent
from aezoo.errors import CompositionError

Generators = torch.Generator | Sequence[torch.Generator] | None
"""Where noise comes from: torch's global state, one generator, or one for each image of the batch."""


class Bottleneck(nn.Module):
    """Features ``(b, *feature_shape)`` to a `Latent`. Subclasses set ``latent_shape`` and define ``forward``.

    Here everything is a point: the posterior is a spike at the mean, and there is no prior.
    """

    latent_shape: tuple[int, ...]
    shard: tuple[int, int] = (0, 1)
    """Rank and number of the processes that share a batch in training; the engine sets it."""

    def forward(self, features: Tensor) -> Latent:
        raise NotImplementedError

    def training_noise(self, like: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Standard normal noise for the posterior sample of a training step.

        Each of several processes draws the whole batch's noise and keeps its own rows, so that an image gets the noise
        that it would get from one process alone.
        """
        rank, world = self.shard
        drawn = torch.randn((world * like.shape[0], *like.shape[1:]), dtype=like.dtype, device=like.device)
        return drawn[rank * like.shape[0] : (rank + 1) * like.shape[0]]

    def sample(self, latent: Latent, n: int = 1, generator: Generators = None) -> Float[Tensor, "n b ..."]:
        """``n`` samples of each image's posterior, ``(n, b, *latent_shape)``."""
        return _mean(latent).expand(n, *_mean(latent).shape)

    def log_posterior(self, z: Float[Tensor, "*n b ..."], latent: Latent) -> Float[Tensor, "*n b"]:
        """log q(z | x) in nats, summed over the latent's dimensions."""
        raise CompositionError(f"{type(self).__name__} has no posterior density")

    def log_prior(self, z: Float[Tensor, "*n b ..."]) -> Float[Tensor, "*n b"]:
        """log p(z) in nats, summed over the latent's dimensions."""
        raise CompositionError(f"{type(self).__name__} has no prior")

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n ..."]:
        """``n`` samples of the prior, ``(n, *latent_shape)``."""
        raise CompositionError(f"{type(self).__name__} has no prior")

    def lookup(self, codes: Tensor) -> Tensor:
        """The ``z`` of codebook indices."""
        raise CompositionError(f"{type(self).__name__} has no codebook")


def noise(like: Float[Tensor, "*n b ..."], generator: Generators = None) -> Float[Tensor, "*n b ..."]:
    """Standard normal noise of the shape of ``like``, ``(b, ...)`` for one generator, ``(n, b, ...)`` for a list.

    With a generator for each image, an image's noise does not depend on the batch that it is in.
    """
    if generator is None:
        return torch.randn_like(like)
    if isinstance(generator, torch.Generator):
        return torch.randn(like.shape, generator=generator, device=generator.device).to(like)
    draws = [
        torch.randn((len(like), *like.shape[2:]), generator=each, device=each.device).to(like) for each in generator
    ]
    return torch.stack(draws, dim=1)


def _mean(latent: Latent) -> Tensor:
    return latent.z if latent.mean is None else latent.mean
