"""The fully connected encoder: the flattened image through linear layers and their activations."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.layers import fully_connected
from aezoo.plain import ImageSpec


class MLPEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, hidden[-1])``.

    Args:
        image: the images.
        hidden: the width of each layer.
        activation: after each layer, ``"relu"`` or ``"tanh"``.
    """

    def __init__(self, image: ImageSpec, *, hidden: tuple[int, ...] = (400,), activation: str = "relu") -> None:
        super().__init__()
        self.layers = fully_connected((math.prod(image.shape), *hidden), activation)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
        return self.layers(images.flatten(1))
