"""The deconvolutional decoder: a listing of transposed convolutions up to the image's size."""

from __future__ import annotations

import re
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.decoders.start import Start, crop
from aezoo.errors import OptionError, warn
from aezoo.layers import Block, Layer, conv, deconv, deconv_field, initialise, map_stride, norm, read_layers, start_size
from aezoo.plain import ImageSpec


class DeconvDecoder(nn.Module):
    """``z`` to maps ``(b, c, h, w)``. Lines with a stride are transposed convolutions, the rest convolutions
    and residual blocks.

    It starts from ceil(size / strides) and crops what is too much around the centre. Normalisation and ReLU follow
    every layer but the last.

    Args:
        latent_shape: of one ``z``: a vector ``(d,)``, or a map ``(d, h', w')`` of just the size it starts from.
        image: the images to make.
        layers: the listing; its last line has the width ``c``.
        norm: ``"batch"`` or ``"none"``.
        init: ``"default"`` or ``"dcgan"``, see `aezoo.layers.initialise`.

    Raises:
        CompositionError: ``z`` is a map of another size.
        OptionError: the last line's width is not ``c``.
    """

    def __init__(
        self,
        latent_shape: tuple[int, ...],
        image: ImageSpec,
        *,
        layers: tuple[str, ...] = ("4x4x256 s2", "4x4x128 s2", "4x4x64 s2", "4x4x32 s2", "4x4xc s2"),
        norm: str = "batch",
        init: str = "default",
    ) -> None:
        super().__init__()
        listing = read_layers(layers, image.channels)
        if not re.match(r"\d+x\d+xc\b", layers[-1].strip()):
            raise OptionError(f"the last layer of a decoder, {layers[-1]!r}, makes the image: its width is 'c'")
        narrowest = min((layer.width for layer in listing[:-1]), default=image.channels)
        if narrowest < image.channels and torch.get_default_device().type != "meta":  # where it is built to be used
            warn(
                f"decoder deconv narrows to {narrowest} of the {image.channels} channels that it makes before its last "
                "layer: they follow from one another; 'kl-f8-tiny' is a model of colour"
            )
        self.image_size = image.size
        self.stride = map_stride(listing, latent_shape, image)
        self.field = deconv_field(listing) if self.stride else None
        self.start = Start(latent_shape, start_size(listing, image), owner="decoder deconv")
        stages = OrderedDict()
        width = latent_shape[0]
        for number, layer in enumerate(listing, start=1):
            last = number == len(listing)
            stages[f"deconv{number}"] = (
                Block(layer, norm)
                if layer.residual
                else _stage(width, layer, "none" if last else norm, activate=not last)
            )
            width = layer.width
        self.layers = initialise(nn.Sequential(stages), init)

    def forward(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b c h w"]:
        maps = self.layers(self.start(z))
        return maps if self.stride else crop(maps, self.image_size)


def _stage(width: int, layer: Layer, kind: str, *, activate: bool) -> nn.Sequential:
    bias = kind == "none"
    first = deconv(width, layer, bias=bias) if layer.stride > 1 else conv(width, layer, bias=bias)
    return nn.Sequential(first, norm(kind, layer.width), nn.ReLU(inplace=True)) if activate else nn.Sequential(first)
