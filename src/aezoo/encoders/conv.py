"""The convolutional encoder: a listing of convolutions, each with normalisation and ReLU, and of residual blocks."""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.layers import Block, Layer, conv, conv_field, initialise, norm, read_layers, strides
from aezoo.plain import ImageSpec


class ConvEncoder(nn.Module):
    """``(b, c, h, w)`` to ``(b, n, h', w')``; h' and w' are h and w over the strides, rounded up.

    Args:
        image: the images.
        layers: the listing, ``("3x3x32 s2", "res 3x3x32", ...)``.
        norm: ``"batch"`` or ``"none"``, after every convolution.
        init: ``"default"`` or ``"dcgan"``, see `aezoo.layers.initialise`.
    """

    def __init__(
        self,
        image: ImageSpec,
        *,
        layers: tuple[str, ...] = ("3x3x32 s2", "3x3x64 s2", "3x3x128 s2", "3x3x256 s2"),
        norm: str = "batch",
        init: str = "default",
    ) -> None:
        super().__init__()
        listing = read_layers(layers, image.channels)
        self.stride = strides(listing)
        self.field = conv_field(listing)
        stages = OrderedDict()
        width = image.channels
        for number, layer in enumerate(listing, start=1):
            stages[f"conv{number}"] = Block(layer, norm) if layer.residual else _stage(width, layer, norm)
            width = layer.width
        self.layers = initialise(nn.Sequential(stages), init)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n h2 w2"]:
        return self.layers(images)


def _stage(width: int, layer: Layer, kind: str) -> nn.Sequential:
    # A bias before a batch normalisation would be taken away again by its mean.
    return nn.Sequential(conv(width, layer, bias=kind == "none"), norm(kind, layer.width), nn.ReLU(inplace=True))
