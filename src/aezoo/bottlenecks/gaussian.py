"""The Gaussian bottleneck of a VAE (Kingma & Welling 2014, arXiv 1312.6114): a diagonal posterior."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.bottlenecks.base import Bottleneck
from aezoo.errors import CompositionError, DataError
from aezoo.latent import Latent
from aezoo.noise import Generators, check_count, noise, training_noise


class DiagonalGaussian(Bottleneck):
    """What is asked of a diagonal Gaussian; where its mean and log-variance come from, subclasses say in ``forward``.

    ``sampling`` is False where the spread is that of the penalty alone, and `sample` gives the mean: ``posterior`` is
    then not provided.
    """

    sampling = True

    def draw(self, latent: Latent) -> Latent:
        if not self.sampling:
            return latent
        mean, logvar = moments(latent)
        return Latent(mean + torch.exp(0.5 * logvar) * training_noise(mean), mean, logvar, terms=latent.terms)

    def sample(self, latent: Latent, n: int = 1, generator: Generators = None) -> Float[Tensor, "n b ..."]:
        if not self.sampling:
            return super().sample(latent, n, generator)
        check_count(n)
        mean, logvar = moments(latent)
        return mean + torch.exp(0.5 * logvar) * noise(mean.expand(n, *mean.shape), generator)

    def log_posterior(self, z: Float[Tensor, "*n b ..."], latent: Latent) -> Float[Tensor, "*n b"]:
        mean, logvar = moments(latent)
        if not isinstance(z, Tensor) or z.shape[-mean.ndim :] != mean.shape:
            raise DataError(f"z is {_shape(z)}; the posterior is {_shape(mean)}, one z an image")
        return log_density(z, mean, logvar).flatten(1 - mean.ndim).sum(-1)


class GaussianBottleneck(DiagonalGaussian):
    """Features to the mean and log-variance of a diagonal Gaussian: a vector by a linear layer each from the flattened
    features, or a map ``(dim, h, w)`` by a 1x1 convolution each.

    Args:
        feature_shape: of one image's features.
        dim: the number of latent dimensions, of a map its channels.
        spatial: ``z`` is a map as large as the features (Rombach et al. 2022, arXiv 2112.10752).
        sampling: False trains on the mean, the penalty being the same: what is left of a VAE without its noise. Then
            `sample` gives the mean too, so that a likelihood is that of the point which the decoder was trained on.

    Raises:
        CompositionError: ``spatial``, and the features are no map.
    """

    def __init__(
        self, feature_shape: tuple[int, ...], *, dim: int = 16, spatial: bool = False, sampling: bool = True
    ) -> None:
        super().__init__()
        if spatial and len(feature_shape) != 3:
            raise CompositionError(f"bottleneck gaussian(spatial=True) takes a map (c, h, w), not {feature_shape}")
        self.spatial, self.sampling = spatial, sampling
        self.latent_shape = (dim, *feature_shape[1:]) if spatial else (dim,)
        if spatial:
            self.mean = nn.Conv2d(feature_shape[0], dim, 1)
            self.logvar = nn.Conv2d(feature_shape[0], dim, 1)
        else:
            self.mean = nn.Linear(math.prod(feature_shape), dim)
            self.logvar = nn.Linear(math.prod(feature_shape), dim)

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        features = features if self.spatial else features.flatten(1)
        mean, logvar = self.mean(features).float(), self.logvar(features).float()  # (b, dim) or (b, dim, h, w)
        return Latent(mean, mean, logvar)


def log_density(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Of a normal distribution at ``z``, in nats, elementwise."""
    return -0.5 * ((z - mean).square() * torch.exp(-logvar) + logvar + math.log(2 * math.pi))


def divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL of a normal distribution from the standard one, in nats, elementwise (Kingma & Welling, appendix B)."""
    # expm1 keeps the small divergences of a nearly collapsed posterior exact.
    return 0.5 * (mean.square() + torch.expm1(logvar) - logvar)


def _shape(x: object) -> str:
    return f"of shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"


def moments(latent: Latent) -> tuple[Tensor, Tensor]:
    """The mean and log-variance of a diagonal Gaussian posterior.

    Raises:
        CompositionError: the latent has none.
    """
    if not isinstance(latent, Latent) or latent.mean is None or latent.logvar is None:
        raise CompositionError("the latent has no mean and log-variance: it comes from another bottleneck")
    return latent.mean, latent.logvar
