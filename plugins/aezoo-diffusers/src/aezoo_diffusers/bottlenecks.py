"""The bottlenecks and the prior of diffusers' autoencoders. Their parameters lie in the encoder, but for a codebook's.

Shapes: b images; a latent is a map ``(d, h, w)``. The ``z`` of each is scaled as latent diffusion takes it.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.base import Bottleneck
from aezoo.bottlenecks.gaussian import DiagonalGaussian, divergence, moments
from aezoo.latent import Latent
from aezoo.noise import noise, training_noise
from aezoo.priors.base import Prior
from aezoo_diffusers.scaling import Scaling

_LOGVAR = (-30.0, 20.0)  # diffusers holds log-variances in between


class ScaledGaussian(DiagonalGaussian):
    """Moments ``(b, 2 d, h, w)`` to a diagonal Gaussian whose mean and log-variance are scaled.

    Args:
        latent_shape: ``(d, h, w)``.
        scaling: of the latents.
    """

    spatial = True

    def __init__(self, latent_shape: tuple[int, ...], scaling: Scaling) -> None:
        super().__init__()
        self.latent_shape, self.scaling = latent_shape, scaling

    def forward(self, features: Float[Tensor, "b d2 h w"]) -> Latent:
        mean, logvar = features.float().chunk(2, dim=1)
        mean, logvar = self.scaling.scaled(mean), self.scaling.logvar(logvar.clamp(*_LOGVAR))
        return Latent(mean, mean, logvar)


class ScaledStandardPrior(Prior):
    """The standard normal of a model's own latents: of ``z`` a Gaussian of mean ``-shift * scale`` and deviation
    ``scale``. The divergence from it is the one that the model was trained with, whatever its latents are scaled by.

    Args:
        scaling: of the latents.
    """

    any_size = True

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.scaling = scaling

    def log_prob(self, z: Float[Tensor, "*n b d h w"], model: Autoencoder) -> Float[Tensor, "*n b"]:
        x = self.scaling.own(z)
        stretched = self.scaling.logvar(torch.zeros_like(x))  # 2 ln(scale) of each dimension
        return -0.5 * (x.square() + stretched + math.log(2 * math.pi)).flatten(-3).sum(-1)

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n d h w"]:
        return self.scaling.scaled(noise(model.latent_mean.new_empty(shape), generator))

    def is_exact(self, model: Autoencoder) -> bool:
        return True

    def kl(self, latent: Latent, model: Autoencoder) -> Float[Tensor, "b n"]:
        mean, logvar = moments(latent)
        mean = self.scaling.own(mean)
        return divergence(mean, logvar - self.scaling.logvar(torch.zeros_like(mean))).flatten(1)


class ScaledPoint(Bottleneck):
    """Features ``(b, d, h, w)`` that are the latent, scaled.

    Args:
        latent_shape: ``(d, h, w)``.
        scaling: of the latents.
    """

    spatial = True

    def __init__(self, latent_shape: tuple[int, ...], scaling: Scaling) -> None:
        super().__init__()
        self.latent_shape, self.scaling = latent_shape, scaling

    def forward(self, features: Float[Tensor, "b d h w"]) -> Latent:
        z = self.scaling.scaled(features.float())
        return Latent(z, mean=z)


class Codebook(Bottleneck):
    """Features ``(b, d, h, w)`` to the nearest of n codes at each position (van den Oord et al. 2017, arXiv
    1711.00937), straight through: the gradient of ``z`` is that of the features.

    Its terms are squared errors ``(b, d * h * w)`` of what is not yet scaled: ``commitment`` moves the features towards
    their codes, ``codebook`` the codes towards their features.

    Args:
        embedding: the codes ``(n, d)``.
        latent_shape: ``(d, h, w)``.
        scaling: of the latents.
    """

    spatial = True

    def __init__(self, embedding: nn.Embedding, latent_shape: tuple[int, ...], scaling: Scaling) -> None:
        super().__init__()
        self.embedding, self.latent_shape, self.scaling = embedding, latent_shape, scaling
        self.codebook_sizes = (embedding.num_embeddings,)

    def forward(self, features: Float[Tensor, "b d h w"]) -> Latent:
        features = features.float()
        rows = features.movedim(1, -1)  # (b, h, w, d)
        # As diffusers computes it, to the same codes: by products, of which near ties may depend on the batch.
        codes = torch.cdist(rows.flatten(0, 2), self.embedding.weight.float()).argmin(1).view(rows.shape[:-1])
        chosen = self._codes(codes)
        terms = {
            "commitment": (features - chosen.detach()).square().flatten(1),
            "codebook": (features.detach() - chosen).square().flatten(1),
        }
        # Laid out as diffusers does: in another order convolutions round otherwise.
        z = self.scaling.scaled(features + (chosen - features).detach()).contiguous()
        return Latent(z, mean=z, codes=codes, terms=terms)

    def embed(self, codes: Int[Tensor, "b h w"]) -> Float[Tensor, "b d h w"]:
        return self.scaling.scaled(self._codes(codes))

    def _codes(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.embedding.weight.float()).movedim(-1, 1).contiguous()


class NormalizedPoint(Bottleneck):
    """Frozen features ``(b, d, h, w)``, normalised and scaled (Zheng et al. 2025, arXiv 2510.11690).

    In training the features get noise, of a deviation between 0 and ``noise_tau`` that each image draws.

    Args:
        latent_shape: ``(d, h, w)``.
        mean, std: of the features; of the shape ``(d, h, w)``, or of another that goes with it.
        scaling: of the latents, once they are normalised.
        noise_tau: the largest deviation of the noise.
    """

    spatial = True
    mean: Tensor
    std: Tensor

    def __init__(
        self, latent_shape: tuple[int, ...], mean: Tensor, std: Tensor, scaling: Scaling, noise_tau: float
    ) -> None:
        super().__init__()
        self.latent_shape, self.scaling, self.noise_tau = latent_shape, scaling, noise_tau
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, features: Float[Tensor, "b d h w"]) -> Latent:
        z = self.scaling.scaled((features.float() - self.mean) / (self.std + 1e-5))
        return Latent(z, mean=z)

    def draw(self, latent: Latent) -> Latent:
        if not self.noise_tau:
            return latent
        uniform = torch.special.ndtr(training_noise(latent.z[:, :1, :1, :1]))
        drawn = self.noise_tau * uniform * training_noise(latent.z) / (self.std + 1e-5)
        return dataclasses.replace(latent, z=self.scaling.scaled(self.scaling.own(latent.z) + drawn))
