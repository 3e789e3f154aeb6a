"""The loss terms of bottlenecks of codes. Each reads what the bottleneck has left in ``latent.terms``."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.latent import Output
from aezoo.losses.context import Context

_LEAST = 1e-6


def commitment(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``|x - sg(q)|^2`` over positions and channels: features to their codes (van den Oord et al. 2017, equation 3)."""
    return output.latent.terms["commitment"].float().flatten(1).sum(1)


def codebook(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``|sg(x) - q|^2`` over positions and channels: codes to their features (the same)."""
    return output.latent.terms["codebook"].float().flatten(1).sum(1)


def entropy(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, gamma: float = 1.0
) -> Float[Tensor, " b"]:
    """Over positions and bits, the entropy in nats of each softened bit less ``gamma`` times that of the batch's mean:
    every choice sure, all codes used alike (Yu et al. 2024, arXiv 2310.05737, equation 5).

    That of a position is exact: the softened bits of a code are independent. That of the mean is the sum over bits, a
    bound of the entropy of codes from above that needs no table of them (Zhao et al. 2025, arXiv 2406.07548).
    """
    logits = output.latent.terms["bit_logits"].float()[..., None].flatten(2)  # (b, d, positions), of a vector one
    sure = (F.softplus(logits) - logits * logits.sigmoid()).sum((1, 2))
    mean = context.gather(logits.sigmoid().mean(2)).mean(0).clamp(_LEAST, 1 - _LEAST)
    spread = -(mean * mean.log() + (1 - mean) * (1 - mean).log()).sum()
    return sure - gamma * logits.shape[2] * spread
