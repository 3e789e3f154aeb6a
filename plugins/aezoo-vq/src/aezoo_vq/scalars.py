"""Bottlenecks without a learned codebook, each number quantised by itself: ``fsq``, ``lfq`` and ``bsq``.

A code is a number in a mixed radix, whose digits are the levels of the channels, the first being the least.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from vector_quantize_pytorch import FSQ

from aezoo.errors import OptionError
from aezoo.latent import Latent
from aezoo_vq.quantizer import Quantizer, straight_through

EXACT = 2**24
"""The most codes: up to here whole numbers are exact in float32 too."""


class FiniteScalarQuantizer(Quantizer):
    """Each number is bounded and rounded to one of a few levels between -1 and 1 (FSQ, Mentzer et al. 2024, arXiv
    2309.15505).

    ``codes`` of a latent are ``(b, ...)`` from 0 to the product of the levels, less one. There is nothing to commit to.

    Args:
        feature_shape: of one image's features.
        levels: of each channel of ``z``.

    Raises:
        OptionError: there are no levels, or more than `EXACT` codes.
    """

    halves: Tensor
    basis: Tensor

    def __init__(self, feature_shape: tuple[int, ...], *, levels: tuple[int, ...] = (8, 5, 5, 5)) -> None:
        if not levels or math.prod(levels) > EXACT:
            raise OptionError(f"levels={levels} make {math.prod(levels):,} codes: from one level on, up to {EXACT:,}")
        super().__init__(feature_shape, len(levels), (math.prod(levels),), "fewer levels or a smaller --lr")
        self.fsq = FSQ(list(levels), channel_first=True, return_indices=False)
        self.register_buffer("halves", torch.tensor(levels) // 2, persistent=False)
        self.register_buffer("basis", torch.tensor((1, *levels[:-1])).cumprod(0), persistent=False)

    def forward(self, features: Float[Tensor, "b c ..."]) -> Latent:
        bounded = self.fsq.quantize(self.rows(features))
        # In whole numbers: the error of a float, times a large basis, would be another code.
        digits = (bounded.detach() * self.halves).round().long() + self.halves
        codes = (digits * self.basis).sum(-1)
        return Latent(straight_through(bounded.movedim(-1, 1), self.embed(codes)), codes=codes)

    def embed(self, codes: Int[Tensor, "b ..."]) -> Float[Tensor, "b d ..."]:
        return self.fsq.indices_to_codes(codes)


class LookupFreeQuantizer(Quantizer):
    """Each number is -1 or 1, its sign (LFQ, Yu et al. 2024, arXiv 2310.05737).

    ``codes`` of a latent are ``(b, ...)`` from 0 to ``2**dim - 1``, a bit a channel. Its term ``commitment`` is the
    squared error of each number, ``(b, d, ...)``; ``bit_logits``, of the same shape, say how likely a softened choice
    takes each bit for 1: of ``exp(-tau |x - q|^2)`` over all codes q, it is ``sigmoid(4 tau r x)``.

    Args:
        feature_shape: of one image's features.
        dim: bits of a code.
        tau: how hard the softened choice is.
    """

    def __init__(self, feature_shape: tuple[int, ...], *, dim: int = 10, tau: float = 1.0) -> None:
        super().__init__(feature_shape, dim, (2**dim,), "a larger weight of entropy")
        self.tau, self.size = tau, self._size(dim)

    def forward(self, features: Float[Tensor, "b c ..."]) -> Latent:
        x = self._bounded(self.rows(features)).movedim(-1, 1)
        codes = ((x > 0).long() << self._places(x)).sum(1)
        q = self.embed(codes)
        terms = {"commitment": (x - q).square(), "bit_logits": 4 * self.tau * self.size * x}
        return Latent(straight_through(x, q), codes=codes, terms=terms)

    def embed(self, codes: Int[Tensor, "b ..."]) -> Float[Tensor, "b d ..."]:
        bits = codes[:, None] >> self._places(codes[:, None]) & 1  # (b, d, ...)
        return self.size * (2 * bits - 1).float()

    def _places(self, like: Tensor) -> Int[Tensor, "d ..."]:
        return torch.arange(self.latent_shape[0], device=like.device).view(-1, *[1] * (like.ndim - 2))

    @staticmethod
    def _size(dim: int) -> float:
        """Of each number."""
        return 1.0

    @staticmethod
    def _bounded(x: Float[Tensor, "b ... d"]) -> Float[Tensor, "b ... d"]:
        return x


class BinarySphericalQuantizer(LookupFreeQuantizer):
    """Each position is taken to the unit sphere, and each number there for its sign over the root of ``dim``, so that
    the code lies on the sphere too and no further away than it is wide (BSQ, Zhao et al. 2025, arXiv 2406.07548).

    Everything else is as of `LookupFreeQuantizer`, r being the size of a number.

    Args:
        feature_shape: of one image's features.
        dim: bits of a code.
        tau: how hard the softened choice is.
    """

    def __init__(self, feature_shape: tuple[int, ...], *, dim: int = 10, tau: float = 10.0) -> None:
        super().__init__(feature_shape, dim=dim, tau=tau)

    @staticmethod
    def _size(dim: int) -> float:
        return dim**-0.5

    @staticmethod
    def _bounded(x: Float[Tensor, "b ... d"]) -> Float[Tensor, "b ... d"]:
        return F.normalize(x, dim=-1)
