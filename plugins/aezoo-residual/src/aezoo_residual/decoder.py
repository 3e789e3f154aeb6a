"""The residual decoder: transposed convolutions, and blocks between them.

Shapes: b images, c channels, h height, w width, d channels of ``z``; n1, n2, ... are the widths, and h0 x w0 is the
image's size halved once for each doubling, rounded up. With the defaults and a depth of 1 it has the layers of the
CIS 680 report's Table 3, in their order::

    start            (b, d, h0, w0)
    deconv 4x4 s2    (b, n1, 2 h0, 2 w0)
      depth x conv 3x3, in blocks
    deconv 4x4 s2    (b, n2, 4 h0, 4 w0)
      depth x conv 3x3, in blocks
    ...
    deconv 4x4 s2    (b, c, 64 h0, 64 w0)
    crop             (b, c, h, w)
"""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.decoders.start import Start, crop
from aezoo.layers import Layer, deconv, map_stride, norm, start_size
from aezoo.plain import ImageSpec
from aezoo_residual.blocks import blocks


class ResidualDecoder(nn.Module):
    """``z`` to maps ``(b, c, h, w)``, doubling once a width and once more to the image.

    Shortcuts go around the blocks, as in the encoder. Its depth is ``len(widths) + 1 + depth * len(widths)``, one more
    where ``z`` is a vector and h0 x w0 is not 1x1: 11, 16 and 26 with the default widths and 1, 2 and 4.

    Args:
        latent_shape: of one ``z``: a vector ``(d,)``, or a map ``(d, h0, w0)``.
        image: the images to make.
        widths: the channels of each transposed convolution but the last.
        depth: the 3x3 convolutions between two of them.
        shortcut: False for the plain network.
        norm: ``"batch"`` or ``"none"``, after every layer but the last.

    Raises:
        CompositionError: ``z`` is a map of another size.
    """

    def __init__(
        self,
        latent_shape: tuple[int, ...],
        image: ImageSpec,
        *,
        widths: tuple[int, ...] = (256, 128, 64, 32, 16),
        depth: int = 2,
        shortcut: bool = True,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        doublings = [Layer(4, width, stride=2) for width in (*widths, image.channels)]
        self.image_size = image.size
        self.stride = map_stride(doublings, latent_shape, image)
        self.start = Start(latent_shape, start_size(doublings, image), owner="decoder residual")
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        width_in = latent_shape[0]
        for number, layer in enumerate(doublings[:-1], start=1):
            stages[f"up{number}"] = _up(width_in, layer, norm)
            stages[f"blocks{number}"] = blocks(layer.width, depth, norm, shortcut=shortcut)
            width_in = layer.width
        stages["logits"] = deconv(width_in, doublings[-1])
        self.layers = nn.Sequential(stages)

    def forward(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b c h w"]:
        maps = self.layers(self.start(z))
        return maps if self.stride else crop(maps, self.image_size)


def _up(width_in: int, layer: Layer, kind: str) -> nn.Sequential:
    strided = deconv(width_in, layer, bias=kind == "none")
    return nn.Sequential(strided, norm(kind, layer.width), nn.ReLU(inplace=True))
