"""What lies between two strided layers: convolutions in residual blocks, or their plain twin."""

from __future__ import annotations

from torch import nn

from aezoo.layers import Block, Layer


def blocks(width: int, depth: int, kind: str, *, shortcut: bool) -> nn.Sequential:
    """``depth`` 3x3 convolutions in blocks of two; one that is left over is a block of its own."""
    sizes = [min(2, depth - done) for done in range(0, depth, 2)]
    return nn.Sequential(*(Block(Layer(3, width), kind, convolutions=size, shortcut=shortcut) for size in sizes))
