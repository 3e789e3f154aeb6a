"""The fully connected decoder: ``z`` through linear layers and their activations to maps."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.layers import fully_connected
from aezoo.plain import ImageSpec


class MLPDecoder(nn.Module):
    """``z`` of any shape to maps ``(b, c, h, w)``.

    Args:
        latent_shape: of one ``z``; flattened.
        image: the images to make.
        hidden: the width of each layer but the last.
        activation: after each layer but the last, ``"relu"`` or ``"tanh"``.
    """

    def __init__(
        self,
        latent_shape: tuple[int, ...],
        image: ImageSpec,
        *,
        hidden: tuple[int, ...] = (400,),
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.image_shape = image.shape
        widths = (math.prod(latent_shape), *hidden)
        self.layers = fully_connected(widths, activation)
        self.logits = nn.Linear(widths[-1], math.prod(image.shape))

    def forward(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b c h w"]:
        return self.logits(self.layers(z.flatten(1))).unflatten(1, self.image_shape)
