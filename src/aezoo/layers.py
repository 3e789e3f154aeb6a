"""A listing of layers as text, one line a layer: ``"3x3x32 s2"`` is kernel x kernel x output channels, stride 2.

The width ``c`` stands for the image's number of channels. Strides round up: ``s2`` takes 65 pixels to 33.
``"res 3x3x32"`` is a residual block of two such convolutions, which keeps width and size.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import OptionError
from aezoo.plain import ImageSpec

_LAYER = re.compile(r"(res )?([1-9]\d*)x([1-9]\d*)x([1-9]\d*|c)(?: s([1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a listing."""

    kernel: int
    width: int
    stride: int = 1
    residual: bool = False


def read_layers(listing: Sequence[str], channels: int) -> tuple[Layer, ...]:
    """The layers of a listing; ``channels`` is what ``c`` stands for.

    Raises:
        OptionError: a line is not of the form ``"3x3x32"``, ``"3x3x32 s2"`` or ``"res 3x3x32"``, a residual block has
            another width than the line before it, or there is no line.
    """
    layers: list[Layer] = []
    for line in listing:
        match = _LAYER.fullmatch(line.strip())
        if not match or match[2] != match[3] or (match[1] and (match[5] or int(match[2]) % 2 == 0)):
            forms = "'3x3x32 s2' (kernel x kernel x channels, stride) or 'res 3x3x32' (an odd kernel, no stride)"
            raise OptionError(f"layer {line!r} is not of the form {forms}")
        width = channels if match[4] == "c" else int(match[4])
        if match[1] and not (layers and layers[-1].width == width):
            before = f"{layers[-1].width} channels" if layers else "nothing"
            raise OptionError(f"layer {line!r} keeps the width: {before} come before it, not {width}")
        layers.append(Layer(int(match[2]), width, int(match[5] or 1), residual=bool(match[1])))
    if not layers:
        raise OptionError("a listing of layers is empty: give at least one, such as '3x3x32 s2'")
    return tuple(layers)


def strides(layers: Sequence[Layer]) -> int:
    """How many times smaller (or larger) the layers together make a picture."""
    return math.prod(layer.stride for layer in layers)


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of layers that together make a picture smaller (or larger), along one side.

    Position i of the latent map stands for ``down`` (or ``up``) pixels of the image. What layers make there depends on
    what they are given at i - before to i + after, and on nothing else.

    Attributes:
        before, after: in positions of the latent map.
        down: pixels a position of what comes in: an encoder's stride, 1 of a decoder.
        up: pixels a position of what comes out: 1 of an encoder, a decoder's stride.
    """

    before: int
    after: int
    down: int = 1
    up: int = 1


def conv_field(layers: Sequence[Layer]) -> Field:
    """Of an encoder of `conv` layers, whose normalisations are those of ``eval()``."""
    low = high = 0  # the pixels that position 0 depends on
    for layer in reversed(layers):
        low, high = _seen(layer, low * layer.stride, high * layer.stride)
    total = strides(layers)
    return Field(-(low // total), high // total, down=total)


def deconv_field(layers: Sequence[Layer]) -> Field:
    """Of a decoder of `deconv` layers (`conv` where the stride is 1), whose normalisations are those of ``eval()``."""
    low, high = 0, strides(layers) - 1  # the pixels of position 0, then what they depend on
    for layer in reversed(layers):
        if layer.stride == 1:
            low, high = _seen(layer, low, high)
        else:
            # Input i adds to outputs i * stride - padding + (0 ... kernel - 1).
            padding = (layer.kernel - layer.stride + 1) // 2
            low = -((layer.kernel - 1 - padding - low) // layer.stride)
            high = (high + padding) // layer.stride
    return Field(-low, high, up=strides(layers))


def _seen(layer: Layer, low: int, high: int) -> tuple[int, int]:
    """What a `conv` layer, or the two of a residual block, sees around the centres from ``low`` to ``high``."""
    times = 2 if layer.residual else 1
    return low - times * ((layer.kernel - 1) // 2), high + times * (layer.kernel // 2)


def start_size(layers: Sequence[Layer], image: ImageSpec) -> tuple[int, int]:
    """The height and width from which upsampling layers reach an image: its size over their strides, rounded up."""
    total = strides(layers)
    return math.ceil(image.size[0] / total), math.ceil(image.size[1] / total)


def map_stride(layers: Sequence[Layer], latent_shape: tuple[int, ...], image: ImageSpec) -> int:
    """The strides of a decoder that takes maps of any size: of a map, to images that need no cropping. Else 0."""
    total = strides(layers)
    exact = len(latent_shape) == 3 and image.size == (latent_shape[1] * total, latent_shape[2] * total)
    return total if exact else 0


def conv(width_in: int, layer: Layer, *, bias: bool = True) -> nn.Module:
    """A convolution that keeps ceil(size / stride): ``(b, width_in, h, w)`` to ``(b, width, h/stride, w/stride)``."""
    if layer.kernel % 2:
        return nn.Conv2d(width_in, layer.width, layer.kernel, layer.stride, layer.kernel // 2, bias=bias)
    before = (layer.kernel - 1) // 2
    pad = nn.ZeroPad2d((before, layer.kernel // 2, before, layer.kernel // 2))
    return nn.Sequential(pad, nn.Conv2d(width_in, layer.width, layer.kernel, layer.stride, bias=bias))


def deconv(width_in: int, layer: Layer, *, bias: bool = True) -> nn.Module:
    """A transposed convolution that gives exactly stride times the size.

    Raises:
        OptionError: the kernel is smaller than the stride, which would leave gaps.
    """
    kernel, stride = layer.kernel, layer.stride
    if kernel < stride:
        shape = f"a {kernel}x{kernel} deconvolution of stride {stride}"
        raise OptionError(f"{shape} leaves gaps: the kernel is at least the stride")
    padding = (kernel - stride + 1) // 2
    return nn.ConvTranspose2d(
        width_in, layer.width, kernel, stride, padding, output_padding=2 * padding - (kernel - stride), bias=bias
    )


def fully_connected(widths: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers from each width to the next, each with its activation: ``(b, widths[0])`` to ``(b, widths[-1])``.

    Args:
        widths: of what comes in, and of each layer.
        activation: ``"relu"`` or ``"tanh"``.
    """
    pairs = itertools.pairwise(widths)
    after = {"relu": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh}[activation]
    return nn.Sequential(*(nn.Sequential(nn.Linear(n, m), after()) for n, m in pairs))


def norm(kind: str, width: int) -> nn.Module:
    """The normalisation ``"batch"`` or ``"none"`` over ``width`` channels."""
    return nn.BatchNorm2d(width) if kind == "batch" else nn.Identity()


class Block(nn.Module):
    """``relu(x + body(x))``, the body being conv-norm-relu-conv-norm, or conv-norm where it has one convolution.

    Width and size stay, so the shortcut is the identity and has no parameters: a plain block, ``relu(body(x))``, has
    the same ones by the same names (He et al. 2015, arXiv 1512.03385, Figure 2). A residual block starts as its
    shortcut: its last normalisation starts at weight zero (Goyal et al. 2017, arXiv 1706.02677, section 5.1), without
    normalisation its last convolution does.

    Args:
        layer: its kernel, odd, and its width.
        convolutions: in the body.
        kind: ``"batch"`` or ``"none"``, the normalisation.
        shortcut: whether x is added.
    """

    def __init__(self, layer: Layer, kind: str, *, convolutions: int = 2, shortcut: bool = True) -> None:
        super().__init__()
        self.shortcut = shortcut
        body: OrderedDict[str, nn.Module] = OrderedDict()
        for number in range(1, convolutions + 1):
            body[f"conv{number}"] = conv(layer.width, Layer(layer.kernel, layer.width), bias=kind == "none")
            body[f"norm{number}"] = norm(kind, layer.width)
            body[f"relu{number}"] = nn.ReLU(inplace=True)
        body.popitem()  # the last one follows the sum
        self.body = nn.Sequential(body)
        self.relu = nn.ReLU(inplace=True)
        self.reset()

    def reset(self) -> None:
        """Make the body zero, where there is a shortcut."""
        if self.shortcut:
            last = [module for module in self.body if not isinstance(module, nn.ReLU | nn.Identity)][-1]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n h w"]:
        return self.relu(x + self.body(x) if self.shortcut else self.body(x))


def initialise(module: nn.Module, init: str) -> nn.Module:
    """Draw the weights of a convolution anew: ``"default"`` leaves PyTorch's, ``"dcgan"`` is N(0, 0.02) without bias.

    Source: Radford et al. 2015 (arXiv 1511.06434), section 4. Small weights before a batch normalisation change no
    output, but Adam's steps are larger beside them; the last layer's let every pixel begin at 1/2.
    """
    if init == "dcgan":
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for block in module.modules():
            if isinstance(block, Block):
                block.reset()
    return module
