"""What the latents hold: the divergence of each dimension, how many are in use, what they say of an image, their size.

Shapes: b images, n of them in the set, d numbers in the latent of one.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils._pytree import tree_map

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError, warn
from aezoo.latent import Latent, Output, cat
from aezoo.losses.aggregate import AT_ONCE
from aezoo.metrics.measured import Measured

_NEAR = 0.1  # nats below the ceiling of mutual information, where a number says nothing
ACTIVE = (0.01, 0.1)
"""Variances above which a unit counts as active: that of Burda et al., and one that leaves out what hardly moves."""


def kl_dims(measured: Measured) -> dict[str, Float[Tensor, " b"]]:
    """The divergence of the posterior from the prior in nats, of each dimension, of a map of each channel.

    Raises:
        CompositionError: the prior's divergence is of the whole latent, as that of `mixture` is.
    """
    z, kl = measured.sampled.latent.z, measured.sampled.latent.terms["kl"]
    if kl.numel() != z.numel():
        raise CompositionError("the divergence from this prior is of the whole latent, not of each dimension")
    each = kl.view_as(z).sum_to_size(len(z), *measured.model.bottleneck.statistics_shape).flatten(1)  # (b, d)
    return {str(dim): column for dim, column in enumerate(each.unbind(1))}


class ActiveUnits:
    """How many numbers of the posterior's mean vary over the set by more than each of `ACTIVE` (Burda et al. 2016,
    arXiv 1509.00519, section 5, whose threshold is 0.01). A map's positions count one by one.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all latents."""
        self.n = 0
        self.sums = self.squares = torch.zeros(())

    def update(self, z: Float[Tensor, "b ..."]) -> None:
        """Take a batch in."""
        rows = z.flatten(1).cpu().double()
        self.n += len(rows)
        self.sums = self.sums + rows.sum(0)
        self.squares = self.squares + rows.square().sum(0)

    def compute(self) -> dict[str, int | float]:
        """Of all latents that were taken in; NaN where one is not finite."""
        variance = self.squares / self.n - (self.sums / self.n).square()
        finite = variance.isfinite().all()
        return {str(least): (variance > least).sum().item() if finite else math.nan for least in ACTIVE}


class MutualInformation:
    """The information in nats that z has of which image it is of: ``E ln q(z | x) - ln q(z)``, q(z) being the even
    mixture of the posteriors of the whole set (Hoffman & Johnson 2016, "ELBO surgery").

    One sample of each image's posterior. It is at most ln n, the ``ceiling``: a number near that says only that the set
    is too small to tell.

    Args:
        images: at most so many of the set, drawn by the seed: its cost grows with their square.
        seed: of that draw.
    """

    def __init__(self, *, images: int = 5000, seed: int = 0) -> None:
        self.images, self.seed = images, seed
        self.reset()

    def reset(self) -> None:
        """Forget all latents."""
        self.drawn: Latent | None = None
        self.lots = torch.zeros(0, dtype=torch.float64)
        self.generator = torch.Generator().manual_seed(self.seed)

    def update(self, sampled: Output, model: Autoencoder) -> None:
        """Take a batch in: every image draws a lot, and those of the least are kept."""
        latent, self.bottleneck = sampled.latent, model.bottleneck
        self.lots = torch.cat([self.lots, torch.rand(len(latent.z), dtype=torch.float64, generator=self.generator)])
        self.drawn = latent if self.drawn is None else cat([self.drawn, latent])
        if len(self.lots) > self.images:
            least = self.lots.argsort()[: self.images].sort().values
            self.lots, self.drawn = self.lots[least], tree_map(lambda x: x[least.to(x.device)], self.drawn)

    def compute(self) -> dict[str, float]:
        """Of the latents that were drawn."""
        assert self.drawn is not None
        whole, n = self.drawn, len(self.lots)
        differences = []
        for rows in torch.arange(n).split(max(1, AT_ONCE // whole.z.numel())):
            z = whole.z[rows, None].expand(-1, *whole.z.shape)  # (rows, n, ...)
            density = self.bottleneck.log_posterior(z, whole).cpu().double()  # (rows, n)
            own = density.gather(1, rows[:, None])[:, 0]
            differences.append(own - density.logsumexp(1) + math.log(n))
        value, ceiling = torch.cat(differences).mean().item(), math.log(n)
        if value > ceiling - _NEAR:
            warn(f"mutual_information is at its ceiling, ln {n}: so many images cannot tell how much there is")
        return {"": value, "ceiling": ceiling}


def floats(z: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    """How many numbers the latent of an image is."""
    return z.new_full((len(z),), z[0].numel())


def bits(codes: Int[Tensor, "b ..."], model: Autoencoder) -> Float[Tensor, " b"]:
    """Bits that the codes of an image of this size take, each code being as likely."""
    sizes = model.bottleneck.codebook_sizes
    return torch.full((len(codes),), codes[0].numel() / len(sizes) * sum(map(math.log2, sizes)))
