"""Images as a network takes them: of its size, grey or in colour."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec

_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R 601, as aezoo's pipeline makes pictures grey


def fitted(images: Float[Tensor, "b c h w"], image: ImageSpec) -> Float[Tensor, "b c2 h2 w2"]:
    """Images in [0, 1] with the channels and the size of ``image``: bilinear, antialiased, and not cropped.

    Raises:
        CompositionError: their channels cannot become those: 1 and 3 can.
    """
    channels = images.shape[1]
    if channels != image.channels:
        if {channels, image.channels} != {1, 3}:
            raise CompositionError(f"images of {channels} channels cannot become {image.channels}: 1 and 3 can")
        if channels == 3:
            images = torch.einsum("bchw,c->bhw", images, images.new_tensor(_LUMINANCE))[:, None]  # (b, 1, h, w)
        else:
            images = images.expand(-1, 3, -1, -1)
    if tuple(images.shape[2:]) != image.size:
        images = F.interpolate(images, image.size, mode="bilinear", antialias=True)
    return images
