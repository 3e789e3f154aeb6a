"""The fully connected encoder: the flattened image through linear layers and ReLU."""

from __future__ import annotations

import itertools
import math

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.plain import ImageSpec


class MLPEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, hidden[-1])``.

    Args:
        image: the images.
        hidden: the width of each layer.
    """

    def __init__(self, image: ImageSpec, *, hidden: tuple[int, ...] = (400,)) -> None:
        super().__init__()
        widths = itertools.pairwise((math.prod(image.shape), *hidden))
        self.layers = nn.Sequential(*(nn.Sequential(nn.Linear(n, m), nn.ReLU(inplace=True)) for n, m in widths))

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
        return self.layers(images.flatten(1))
