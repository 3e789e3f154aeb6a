"""What all bottlenecks of codes have in common.

Shapes: b images; d channels of ``z``; ``...`` the positions of a map, none of a vector. Inside, the channels are last.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from aezoo.bottlenecks.base import Bottleneck
from aezoo.errors import CompositionError
from aezoo.latent import Latent

FEW = 0.1
"""The share of the codes which some images might use, below which a codebook is said to have collapsed."""


class Quantizer(Bottleneck):
    """A bottleneck that takes each position of a map for one of finitely many points; a vector is one position.

    The features come to ``dim`` channels by a 1x1 convolution, those of a vector by a linear layer.

    Args:
        feature_shape: of one image's features.
        dim: channels of ``z``.
        codebook_sizes: how many codes each codebook has.
        help: what may mend a codebook that collapses.

    Raises:
        CompositionError: the features are neither a map nor a vector.
    """

    def __init__(self, feature_shape: tuple[int, ...], dim: int, codebook_sizes: tuple[int, ...], help: str) -> None:
        super().__init__()
        if len(feature_shape) not in (1, 3):
            raise CompositionError(f"codes are made of a map (c, h, w) or of a vector (c,), not of {feature_shape}")
        self.spatial = len(feature_shape) == 3
        self.latent_shape, self.codebook_sizes, self.help = (dim, *feature_shape[1:]), codebook_sizes, help
        self.project = nn.Conv2d(feature_shape[0], dim, 1) if self.spatial else nn.Linear(feature_shape[0], dim)

    def rows(self, features: Float[Tensor, "b c ..."]) -> Float[Tensor, "b ... d"]:
        """What is quantised: one row a position."""
        return self.project(features).float().movedim(1, -1)

    def diagnose(self, latent: Latent) -> dict[str, str]:
        assert latent.codes is not None
        several = len(self.codebook_sizes) > 1
        for size, codes in zip(self.codebook_sizes, latent.codes.unbind(1) if several else [latent.codes], strict=True):
            used, most = len(codes.unique()), min(size, codes.numel())
            if used < FEW * most:
                said = f"{codes.numel()} positions of {len(codes)} images use {used} of {size} codes"
                return {"codebook": f"codebook collapsed: {said}; {self.help} may help"}
        return {}


AT_ONCE = 2**25
"""Distances that are held at once."""


def straight_through(x: Float[Tensor, "*shape"], q: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``q``, to the bit, with the gradient of ``x`` (Bengio et al. 2013, arXiv 1308.3432)."""
    return q.detach() + (x - x.detach())


def nearest(rows: Float[Tensor, "*n d"], book: Float[Tensor, "codes d"]) -> Int[Tensor, "*n"]:
    """The index of the nearest code. Of the difference, not of products: that does not depend on the batch. Rows are
    taken so many at a time that their distances fill 128 MB, but in a graph, which shall hold for any number of them.
    """
    flat, book = rows.detach().flatten(0, -2), book.detach()
    parts = [flat] if torch.compiler.is_compiling() else flat.split(max(1, AT_ONCE // len(book)))
    found = [torch.cdist(part, book, compute_mode="donot_use_mm_for_euclid_dist").argmin(1) for part in parts]
    return (found[0] if len(found) == 1 else torch.cat(found)).view(rows.shape[:-1])
