"""The metric ``rank``: over how many directions the latents of a set spread (Roy & Vetterli 2007, EUSIPCO)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class EffectiveRank:
    """``exp(-sum of p_k ln p_k)``, ``p_k = s_k / sum of s`` of the singular values s of the latents, an image a row.

    It is d where d directions are alike and no others there, 1 where there is one, 0 where all latents are the same; at
    most the number of dimensions, and of images. A map counts as one long vector.

    Args:
        centred: take the mean off first, so that it does not matter where the latents lie. RankMe (Garrido et al. 2023,
            arXiv 2210.02885) does not, and a mean far from 0 brings it near 1.
    """

    def __init__(self, *, centred: bool = True) -> None:
        self.centred = centred
        self.reset()

    def reset(self) -> None:
        """Forget all latents."""
        self.rows: list[Tensor] = []

    def update(self, z: Float[Tensor, "b ..."]) -> None:
        """Take a batch in."""
        self.rows.append(z.flatten(1).cpu())

    def compute(self) -> float:
        """Of all latents that were taken in."""
        rows = torch.cat(self.rows).double()
        spread = torch.linalg.svdvals(rows - rows.mean(0) if self.centred else rows)
        spread = spread[spread > torch.finfo(torch.float32).eps * rows.norm()]  # what rounding leaves is no direction
        return torch.special.entr(spread / spread.sum()).sum().exp().item() if len(spread) else 0.0
