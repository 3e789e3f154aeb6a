"""The residual block (He et al. 2015, arXiv 1512.03385, Figure 2) and its plain twin.

Shapes: b images, n channels, h height, w width.
"""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.layers import Layer, conv, norm


class Block(nn.Module):
    """``relu(x + body(x))``, the body being conv-norm-relu-conv-norm, or conv-norm where it has one convolution.

    Width and size stay, so the shortcut is the identity and has no parameters: a plain block, ``relu(body(x))``, has
    the same ones by the same names. A residual block starts as its shortcut: its last normalisation starts at weight
    zero (Goyal et al. 2017, arXiv 1706.02677, section 5.1), without normalisation its last convolution does.

    Args:
        width: n.
        convolutions: in the body, each 3x3.
        kind: ``"batch"`` or ``"none"``, the normalisation.
        shortcut: whether x is added.
    """

    def __init__(self, width: int, convolutions: int, kind: str, *, shortcut: bool) -> None:
        super().__init__()
        self.shortcut = shortcut
        body: OrderedDict[str, nn.Module] = OrderedDict()
        for number in range(1, convolutions + 1):
            body[f"conv{number}"] = conv(width, Layer(3, width), bias=kind == "none")
            body[f"norm{number}"] = norm(kind, width)
            body[f"relu{number}"] = nn.ReLU(inplace=True)
        body.popitem()  # the last one follows the sum
        self.body = nn.Sequential(body)
        self.relu = nn.ReLU(inplace=True)
        if shortcut:
            last = body[f"{'conv' if kind == 'none' else 'norm'}{convolutions}"]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n h w"]:
        return self.relu(x + self.body(x) if self.shortcut else self.body(x))


def blocks(width: int, depth: int, kind: str, *, shortcut: bool) -> nn.Sequential:
    """``depth`` convolutions in blocks of two; one that is left over is a block of its own."""
    sizes = [min(2, depth - done) for done in range(0, depth, 2)]
    return nn.Sequential(*(Block(width, size, kind, shortcut=shortcut) for size in sizes))
