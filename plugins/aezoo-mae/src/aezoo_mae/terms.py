"""The term ``masked-l2``: the error of the patches that an encoder did not see (He et al. 2022, arXiv 2111.06377)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.context import Context
from aezoo_mae.vit import ViTEncoder


def masked_l2(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, normalised: bool = False
) -> Float[Tensor, " b"]:
    """``c*h*w`` times the mean squared error over the pixels of the patches that were left out.

    Where the encoder leaves none out by itself (in ``eval()``, or frozen), patches are drawn with the context's
    generator and the model is asked again.

    Args:
        normalised: the target is each patch less its mean, over its deviation, which the decoder's maps are compared
            with as they are. What it then decodes is no picture.

    Raises:
        CompositionError: the encoder is another than ``vit``, or its share of patches to leave out comes to none; or
            the likelihood has several maps a channel, which no normalised patch is compared with.
    """
    model = context.model
    encoder = model.encoder
    if not isinstance(encoder, ViTEncoder):
        raise CompositionError(f"masked-l2 is of the patches of 'vit', and the encoder is a {type(encoder).__name__}")
    patches = encoder.embed
    if encoder.kept == encoder.patches:
        left_out = f"vit(mask=...) leaves out none of {encoder.patches} patches"
        raise CompositionError(f"masked-l2 is the error of the patches left out, and {left_out}: take mask=0.75")
    if not encoder.training:
        b, generator = images.shape[0], context.generator
        order = torch.rand((b, encoder.patches), generator=generator, device=images.device)
        output = model.output(model.bottleneck(encoder.masked(images, order)))
    made = output.params if normalised and output.params is not None else output.reconstruction
    if made.shape != images.shape:
        given = f"{made.shape[1]} of a likelihood's for {images.shape[1]} channels"
        raise CompositionError(f"masked-l2(normalised=True) is of one map a channel, not {given}: take likelihood=none")
    # (b, c p p, h', w') each; there are no pixels where a patch reaches beyond the image.
    made, wanted, there = (
        F.pixel_unshuffle(F.pad(x.float(), patches.padding), patches.patch)
        for x in (made, images, torch.ones_like(images))
    )
    if normalised:  # by patch, its channels together
        n = there.sum(1, keepdim=True)
        mean = wanted.sum(1, keepdim=True) / n
        variance = (there * (wanted - mean).square()).sum(1, keepdim=True) / (n - 1).clamp(min=1)
        wanted = (wanted - mean) / (variance + 1e-6).sqrt()
    mask = there * output.latent.terms["mask"][:, None]
    errors = (made - wanted).square() * mask
    return images[0].numel() * errors.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1)
