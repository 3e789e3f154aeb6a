"""The loss of a codebook, as diffusers' VQModel has it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from aezoo.latent import Output
from aezoo.losses.context import Context


def codebook(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, beta: float = 0.25
) -> Float[Tensor, " b"]:
    """``sum(commitment + beta * codebook)`` over an image's latent, before it is scaled.

    diffusers takes the mean over the latents of a batch. Like VQGAN's code it has ``beta`` on the half that moves the
    codes; van den Oord et al. 2017 (arXiv 1711.00937, equation 3) have it on the other: ``0.25*diffusers-vq(beta=4)``.
    """
    terms = output.latent.terms
    return (terms["commitment"] + beta * terms["codebook"]).float().flatten(1).sum(1)
