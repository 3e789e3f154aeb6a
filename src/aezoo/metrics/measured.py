"""What a metric is given: images, and the model's answers to them.

Shapes: b images, c channels, h height, w width, f factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.latent import Batch, Output


@dataclass(kw_only=True, slots=True)
class Measured:
    """A batch and the model's answers to it, all float32.

    Attributes:
        batch: images in [0, 1], and their labels and factors where there are any.
        mean: the answer from the posterior's mean.
        sampled: the answer from one sample of the posterior; the same as ``mean`` where there is no posterior.
        model: that answered, in ``eval()``.
        seeds: of each image one, of its place in the set and the evaluation's seed: for a metric that draws more
            (``generators``), so that what it draws depends on nothing else.
    """

    batch: Batch
    mean: Output
    sampled: Output
    model: Autoencoder
    seeds: Sequence[int] = ()

    @property
    def images(self) -> Float[Tensor, "b c h w"]:
        """The images."""
        return self.batch.images

    @property
    def labels(self) -> Int[Tensor, "b ..."] | None:
        """Their labels."""
        return self.batch.labels

    @property
    def factors(self) -> Float[Tensor, "b f"] | None:
        """What they were made from."""
        return self.batch.factors

    @property
    def reconstruction(self) -> Float[Tensor, "b c h w"]:
        """What the model makes of them, from the posterior's mean."""
        return self.mean.reconstruction

    @property
    def z(self) -> Float[Tensor, "b ..."]:
        """The posterior's mean, or what stands for it."""
        return self.mean.latent.z

    @property
    def codes(self) -> Int[Tensor, "b ..."] | None:
        """The indices into a codebook, where there is one."""
        return self.mean.latent.codes


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One of each seed: on the CPU, so that its noise is the same on every device."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]
