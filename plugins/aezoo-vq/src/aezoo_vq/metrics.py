"""How much of a codebook a set of images uses."""

from __future__ import annotations

from collections import Counter

import torch
from jaxtyping import Float, Int
from torch import Tensor

from aezoo.autoencoder import Autoencoder


class _OfCodes:
    """How often each code of each codebook is taken; those that never are cost nothing, however many there are."""

    sizes: tuple[int, ...]

    def __init__(self) -> None:
        self.reset()

    def update(self, codes: Int[Tensor, "b ..."], model: Autoencoder) -> None:
        self.sizes = model.bottleneck.codebook_sizes
        books = codes.unbind(1) if len(self.sizes) > 1 else [codes]
        self.seen = self.seen or [Counter() for _ in books]
        for seen, own in zip(self.seen, books, strict=True):
            used, times = own.unique(return_counts=True)
            seen.update(dict(zip(used.tolist(), times.tolist(), strict=True)))

    def reset(self) -> None:
        self.sizes = ()
        self.seen: list[Counter[int]] = []

    def counts(self) -> list[Float[Tensor, " used"]]:
        """Of each codebook, how often the codes that are used are."""
        return [torch.tensor(sorted(seen.values()), dtype=torch.float64) for seen in self.seen]


class Usage(_OfCodes):
    """The share of the codes that are used at all, averaged over codebooks. It grows with the set."""

    def compute(self) -> float:
        return sum(len(counts) / size for counts, size in zip(self.counts(), self.sizes, strict=True)) / len(self.sizes)


class Perplexity(_OfCodes):
    """``exp`` of the entropy of the codes: how many there would be if all were used alike. Averaged over codebooks."""

    def compute(self) -> float:
        shares = [counts / counts.sum() for counts in self.counts()]
        return sum((-share * share.log()).sum().exp().item() for share in shares) / len(shares)
