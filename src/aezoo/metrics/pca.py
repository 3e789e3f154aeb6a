"""The baseline that a latent has to beat: principal components, as many as the latent has numbers."""

from __future__ import annotations

import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.errors import DataError, OptionError
from aezoo.likelihoods.base import Likelihood
from aezoo.metrics.evaluation import Images
from aezoo.plain import ImageSpec
from aezoo.specs import ModelSpec

_BLOCK = 1024  # rows or columns that are raised to float64 at once
_LEAST = 1e-10  # of the largest eigenvalue: what is below is the rounding of float32


class Pca(Autoencoder):
    """The baseline ``pca``: the best linear autoencoder of the training images. ``evaluate`` measures it.

    ``z`` is how far an image lies from the mean along each component, the largest variance first; the reconstruction
    is held in [0, 1]. ``latent_std`` is the standard deviation of ``z`` over the training images, the root of the
    covariance's eigenvalue.

    Args:
        mean: of the training images.
        components: orthonormal, a column each, in order.
        deviations: of ``z`` along each.
    """

    def __init__(
        self, mean: Float[Tensor, "c h w"], components: Float[Tensor, "v d"], deviations: Float[Tensor, " d"]
    ) -> None:
        channels, *size = mean.shape
        image = ImageSpec.of(size, channels)
        super().__init__(
            ModelSpec(name="pca", summary="Principal components of the training images", image=image),
            _Project(mean, components),
            IdentityBottleneck((components.shape[1],)),
            _Restore(mean, components),
            likelihood=Likelihood(image),
        )
        self.latent_std.copy_(deviations)

    @classmethod
    def fit(cls, images: Images, dim: int, batch_size: int = 256) -> Pca:
        """From the training images, in one pass; all of them are held at once, in float32.

        Exact: the eigenvectors of the covariance matrix in float64, or, where there are fewer images than values, of
        the images' inner products, of which the same components follow. 9,000 images of 64x64x3 are 0.44 GB, their
        matrix 0.65 GB.

        Args:
            images: n of them, of v values.
            dim: components; where the images span fewer dimensions, those: ``latent_shape`` says how many.
            batch_size: images at a time.

        Raises:
            DataError: there are no images.
            OptionError: ``dim`` is less than 1.
        """
        if dim < 1:
            raise OptionError(f"dim={dim}: give at least one component")
        n = len(images)
        if not n:
            raise DataError("there are no images to find components of")
        shape = images.batch(range(1)).images.shape[1:]
        rows = torch.empty(n, shape.numel())
        for at in range(0, n, batch_size):
            indices = range(at, min(at + batch_size, n))
            rows[at : indices.stop] = images.batch(indices).images.flatten(1)
        mean = rows.mean(0, dtype=torch.float64).float()
        rows -= mean
        short = rows if n <= len(mean) else rows.mT  # (m, the longer side)
        products = torch.zeros(len(short), len(short), dtype=torch.float64)
        for block in short.split(_BLOCK, dim=1):
            wide = block.double()
            products.addmm_(wide, wide.mT)
        last = len(short) - 1
        found = scipy.linalg.eigh(products.numpy(), subset_by_index=(max(0, last + 1 - dim), last), overwrite_a=True)
        values, vectors = (torch.from_numpy(each).flip(-1) for each in found)  # the largest first
        kept = values > _LEAST * values[0]
        values, vectors = values[kept], vectors[:, kept].float()
        components = rows.mT @ vectors / values.sqrt().float() if short is rows else vectors
        return cls(mean.view(shape), components.contiguous(), (values / n).sqrt().float())

    def first(self, dim: int) -> Pca:
        """The same with the first components alone, as if it had been fitted with as many."""
        project = self.encoder
        assert isinstance(project, _Project)
        return Pca(project.mean, project.components[:, :dim], self.latent_std[:dim])


class _Axes(nn.Module):
    mean: Tensor
    components: Tensor

    def __init__(self, mean: Float[Tensor, "c h w"], components: Float[Tensor, "v d"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("components", components)


class _Project(_Axes):
    """Images to where they lie along each component."""

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        return (images - self.mean).flatten(1) @ self.components


class _Restore(_Axes):
    """And back."""

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b c h w"]:
        return (z @ self.components.mT).view(-1, *self.mean.shape) + self.mean
