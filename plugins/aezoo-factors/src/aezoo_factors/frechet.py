"""The metric ``fd``: the Frechet distance of images and their reconstructions, in the latents of a pinned encoder.

The formula is that of FID. The features are not: a number of one encoder compares with those of the same alone, and
with no published FID.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

import aezoo
from aezoo.errors import DataError, WeightsError, warn
from aezoo.latent import Batch
from aezoo.metrics.frechet import Moments, frechet
from aezoo.plugins import registry
from aezoo.specs import WeightsSpec
from aezoo_factors.images import fitted


class FrechetDistance(nn.Module):
    """`frechet` between the latents, the posterior's means, of the images and of their reconstructions.

    Args:
        model: whose encoder it is, by the name of weights that an installed package holds. The images are made as it
            takes them.

    Raises:
        UnknownNameError: there are no such weights.
        WeightsError: they lie on the Hub alone, or are damaged.
    """

    def __init__(self, *, model: str = "cis680-vae512.toyfaces") -> None:
        super().__init__()
        spec = registry().find("weights", model).spec
        assert isinstance(spec, WeightsSpec)
        if not spec.path:
            raise WeightsError(f"fd: the weights {model} are in no installed package, and nothing is downloaded for it")
        self.network = aezoo.create(f"{spec.model}.{spec.tag}", pretrained=True, only="encoder").requires_grad_(False)
        self.network.statistics_of_images = None  # it measures whatever it is shown
        self.protocol = {"model": spec.name, "sha256": spec.sha256}
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.moments = (Moments(), Moments())

    @torch.no_grad()
    def update(self, images: Float[Tensor, "b c h w"], reconstruction: Float[Tensor, "b c h w"]) -> None:
        """Take a batch in."""
        for moments, pictures in zip(self.moments, (images, reconstruction), strict=True):
            z = self.network.encode(Batch(fitted(pictures, self.network.image))).z
            moments.update(z.flatten(1))

    def compute(self) -> float:
        """Of all images that were taken in; no more than the features have dimensions is a warning.

        Raises:
            DataError: it is one image.
        """
        n, d = self.moments[0].n, len(self.moments[0].mean)
        if n < 2:
            raise DataError("fd of one image: it takes two or more, and better more than the features have dimensions")
        if n <= d:
            warn(f"fd of {n} images by {d} features: covariances of that few are biased; compare at equal n alone")
        return frechet(*self.moments)
