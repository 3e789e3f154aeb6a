"""Reconstructions: input on top, output below, every pixel of an image a square of pixels of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aezoo.errors import DataError
from aezoo.figures.canvas import FAINT, INK, figure, save, write

# In pixels.
_SIDE = 128  # what images are enlarged to, at most
_GAP, _BLOCK_GAP, _MARGIN = 4, 16, 18
_LABEL, _TITLE = 62, 34
_TYPE = 17


@dataclass(frozen=True, slots=True)
class Row:
    """Images and their reconstructions, arrays or tensors (n, c, h, w) in [0, 1]; 1 channel is grey, 3 are RGB."""

    label: str
    inputs: Any
    outputs: Any


def reconstructions(rows: Sequence[Row], path: Path, *, columns: int = 8) -> None:
    """Draw each row's images above their reconstructions, under the row's label.

    Args:
        rows: ``[Row("train", x, y), Row("test", x, y)]``, images of one size.
        path: the PNG.
        columns: images side by side; more wrap.

    Raises:
        DataError: no images, images that are neither grey nor RGB, or of different sizes.
    """
    pixels = [(row.label, _pixels(row.label, row.inputs), _pixels(row.label, row.outputs)) for row in rows]
    sizes = {array.shape[1:] for _, *pair in pixels for array in pair}
    if len(sizes) != 1 or any(len(inputs) != len(outputs) or not len(inputs) for _, inputs, outputs in pixels):
        shapes = ", ".join(f"{label} {inputs.shape} and {outputs.shape}" for label, inputs, outputs in pixels)
        raise DataError(
            f"pictures of inputs above outputs need as many of both, of one size; given: {shapes or 'none'}"
        )
    (height, width, _) = sizes.pop()
    scale = max(1, _SIDE // max(height, width))
    height, width = scale * height, scale * width
    columns = min(columns, max(len(inputs) for _, inputs, _ in pixels))

    # Each block is two lines of images; the first of a row has the row's label over it.
    blocks = []
    bottom = _MARGIN
    for label, inputs, outputs in pixels:
        for start in range(0, len(inputs), columns):
            top = bottom + (_BLOCK_GAP if start else _TITLE if label else 0)
            lines = (inputs[start : start + columns], outputs[start : start + columns])
            blocks.append(("" if start else label, top, lines))
            bottom = top + 2 * height + _GAP
        bottom += _BLOCK_GAP
    left = _MARGIN + _LABEL
    canvas = figure(left + columns * (width + _GAP) - _GAP + _MARGIN, bottom - _BLOCK_GAP + _MARGIN)
    total = canvas.bbox.height
    for label, top, lines in blocks:
        if label:
            write(canvas, left, top - 10, label, size=_TYPE, color=INK, weight="bold")
        for name, line, y in zip(("input", "output"), lines, (top, top + height + _GAP), strict=True):
            write(canvas, left - 10, y + height / 2, name, size=_TYPE - 2, color=FAINT, ha="right", va="center")
            for number, image in enumerate(line):
                enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
                canvas.figimage(enlarged, left + number * (width + _GAP), total - y - height, origin="upper")
    save(canvas, path)


def _pixels(label: str, images: Any) -> np.ndarray:
    """uint8 (n, h, w, 3)."""
    array = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise DataError(f"pictures of {label}: shape {array.shape}; give (n, 1, h, w) or (n, 3, h, w)")
    array = np.round(255 * np.clip(array.astype(np.float32), 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    return array if array.shape[3] == 3 else array.repeat(3, axis=3)
