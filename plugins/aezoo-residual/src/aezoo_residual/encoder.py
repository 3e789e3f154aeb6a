"""The residual encoder: strided convolutions, and blocks between them.

Shapes: b images, c channels, h height, w width; n1, n2, ... are the widths. With the defaults and a depth of 1 it has
the layers of the CIS 680 report's Table 3, in their order::

    conv 3x3 s2      (b, n1, h/2, w/2)
      depth x conv 3x3, in blocks
    conv 3x3 s2      (b, n2, h/4, w/4)
      depth x conv 3x3, in blocks
    ...
    conv 3x3 s2      (b, n5, h/32, w/32), rounded up
"""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.layers import Layer, conv, norm
from aezoo.plain import ImageSpec
from aezoo_residual.blocks import blocks


class ResidualEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, widths[-1], h', w')``; h' and w' are h and w halved once a width, rounded up.

    Shortcuts go around the blocks, where the shape stays. A strided convolution has none: with a projection around
    it, it would be a sum of two linear maps, which one convolution is already. So the residual and the plain network
    have the same layers, parameters and cost, and differ in the shortcut and the zero start alone.

    Its depth is ``len(widths) + depth * (len(widths) - 1)``: 9, 13 and 21 with the default widths and 1, 2 and 4.

    Args:
        image: the images.
        widths: the channels of each strided convolution.
        depth: the 3x3 convolutions between two of them.
        shortcut: False for the plain network.
        norm: ``"batch"`` or ``"none"``, after every convolution.
    """

    def __init__(
        self,
        image: ImageSpec,
        *,
        widths: tuple[int, ...] = (32, 64, 128, 256, 512),
        depth: int = 2,
        shortcut: bool = True,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        self.stride = 2 ** len(widths)
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        width_in = image.channels
        for number, width in enumerate(widths, start=1):
            stages[f"down{number}"] = _down(width_in, width, norm)
            if number < len(widths):
                stages[f"blocks{number}"] = blocks(width, depth, norm, shortcut=shortcut)
            width_in = width
        self.layers = nn.Sequential(stages)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n h2 w2"]:
        return self.layers(images)


def _down(width_in: int, width: int, kind: str) -> nn.Sequential:
    # A bias before a batch normalisation would be taken away again by its mean.
    strided = conv(width_in, Layer(3, width, stride=2), bias=kind == "none")
    return nn.Sequential(strided, norm(kind, width), nn.ReLU(inplace=True))
