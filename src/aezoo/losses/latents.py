"""What is asked of each image's latent, and of what the decoder makes of it: the terms of regularised autoencoders.

Shapes: b images, c channels, h height, w width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.context import Context
from aezoo.modes import settled

LEAST_SCALE = 0.25
"""The smallest side, of the whole, to which `equivariance` shrinks a latent."""
_HELD_OUT = ((0.25, 1), (0.5, 2), (0.75, 3), (1.0, 1))  # the shares and quarter turns of which the error is measured


def latent_l2(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``|z|^2 / 2``: a regularised autoencoder's term of the latent (Ghosh et al. 2020, arXiv 1903.12436)."""
    return 0.5 * output.latent.z.float().flatten(1).square().sum(1)


def gradient_penalty(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """The squared Frobenius norm of the decoder's Jacobian at ``z``: RAE-GP (Ghosh et al. 2020, arXiv 1903.12436).

    Its unbiased estimate by Hutchinson, ``|v J|^2`` of random signs v of the reconstruction's shape. The decoder's
    normalisation uses what it has stored, so that an image's Jacobian is its own. Attention is computed as it is
    written: its fused kernels have no second derivative.
    """
    z = output.latent.z
    z = z if z.requires_grad else z.detach().requires_grad_()
    trains = torch.is_grad_enabled()
    with torch.enable_grad(), settled(context.model.decoder), sdpa_kernel(SDPBackend.MATH):
        made = context.model.decode(z, context.model.labels_of(context.batch))
        signs = torch.randint(0, 2, made.shape, generator=context.generator, device=made.device) * 2 - 1
        (slope,) = torch.autograd.grad((made * signs).sum(), z, create_graph=trains)
    return slope.float().flatten(1).square().sum(1)


def equivariance(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``|T(x) - D(T(z))|``, summed over pixels: decoding commutes with turning and shrinking the latent (EQ-VAE,
    Kouzelis et al. 2025, arXiv 2502.09509).

    T turns by a multiple of 90 degrees and shrinks both sides to a share between a quarter and all: one of each is
    drawn for the batch; where nothing is trained it is the mean over four that are fixed. Of a smaller image the sum is
    scaled to as many values as the whole one has. The decoder's normalisation uses what it has stored, which smaller
    latents would move.

    Raises:
        CompositionError: the model takes images of its own size alone.
    """
    model, z = context.model, output.latent.z
    if not model.stride:
        raise CompositionError(f"equivariance shrinks the latent, and {model.spec.name} decodes {model.sizes} alone")
    chosen = _HELD_OUT
    if context.training:
        share, turn = torch.rand((2,), generator=context.generator, device=context.generator.device).tolist()
        chosen = ((LEAST_SCALE + (1 - LEAST_SCALE) * share, int(4 * turn)),)
    errors = []
    for share, turns in chosen:
        size = [max(1, round(share * side)) for side in z.shape[-2:]]
        moved, wanted = (
            torch.rot90(
                F.interpolate(x.float(), [side * scale for side in size], mode="bilinear", antialias=True),
                turns,
                dims=(-2, -1),
            )
            for x, scale in ((z, 1), (images, model.stride))
        )
        with settled(model.decoder):
            made = model.decode(moved, model.labels_of(context.batch))
        errors.append((made - wanted).abs().flatten(1).mean(1))
    return torch.stack(errors).mean(0) * images[0].numel()
