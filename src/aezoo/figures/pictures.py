"""Reconstructions: input on top, output below, every pixel of an image a square of pixels of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aezoo.errors import DataError
from aezoo.figures.canvas import FAINT, INK, figure, paste, pixels_of, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In pixels.
_SIDE = 128  # what images are enlarged to, at most
_GAP, _BLOCK_GAP, _MARGIN = 4, 16, 18
_LABEL, _TITLE = 62, 34
_TYPE, _LETTER = 17, 9
_STEPS = 8  # lines of a picture of progress


@dataclass(frozen=True, slots=True)
class Row:
    """Images and their reconstructions, arrays or tensors (n, c, h, w) in [0, 1]; 1 channel is grey, 3 are RGB."""

    label: str
    inputs: Any
    outputs: Any


def reconstructions(rows: Sequence[Row], *, columns: int = 8) -> Figure:
    """Draw each row's images above their reconstructions, under the row's label.

    Args:
        rows: ``[Row("train", x, y), Row("test", x, y)]``, images of one size.
        columns: images side by side; more wrap.

    Raises:
        DataError: no images, images that are neither grey nor RGB, or of different sizes.
    """
    return _draw([(row.label, [("input", row.inputs), ("output", row.outputs)]) for row in rows], columns)


def progress(inputs: Any, outputs: Sequence[tuple[int, Any]]) -> Figure:
    """Draw the same images as a model gave them at some steps, under the images themselves.

    Args:
        inputs: arrays or tensors (n, c, h, w) in [0, 1].
        outputs: ``[(0, y), (64, y), ...]``, the step and what the model made; at most `_STEPS` of them are drawn.

    Raises:
        DataError: as in `reconstructions`.
    """
    if len(outputs) > _STEPS:  # evenly, with the first and the last
        outputs = [outputs[round(index * (len(outputs) - 1) / (_STEPS - 1))] for index in range(_STEPS)]
    lines = [
        ("input", inputs),
        *((f"step {step}" if number == 0 else str(step), y) for number, (step, y) in enumerate(outputs)),
    ]
    return _draw([("", lines)], columns=len(inputs))


def _draw(rows: Sequence[tuple[str, list[tuple[str, Any]]]], columns: int) -> Figure:
    """Rows of named lines of images, each row under its label. The lines of a row are equally long and wrap as one."""
    pixels = [(label, [(name, pixels_of(name, images)) for name, images in lines]) for label, lines in rows]
    sizes = {array.shape[1:] for _, lines in pixels for _, array in lines}
    if len(sizes) != 1 or any(len({len(array) for _, array in lines} - {0}) != 1 for _, lines in pixels):
        shapes = ", ".join(f"{label} {[array.shape for _, array in lines]}" for label, lines in pixels)
        raise DataError(
            f"pictures of inputs above outputs need as many of both, of one size; given: {shapes or 'none'}"
        )
    (height, width, _) = sizes.pop()
    scale = max(1, _SIDE // max(height, width))
    height, width = scale * height, scale * width
    columns = min(columns, max(len(lines[0][1]) for _, lines in pixels))

    # The first block of a row has the row's label over it.
    blocks = []
    bottom = _MARGIN
    for label, lines in pixels:
        for start in range(0, len(lines[0][1]), columns):
            top = bottom + (_BLOCK_GAP if start else _TITLE if label else 0)
            blocks.append(
                ("" if start else label, top, [(name, array[start : start + columns]) for name, array in lines])
            )
            bottom = top + len(lines) * (height + _GAP) - _GAP
        bottom += _BLOCK_GAP
    longest = max(len(name) for _, _, lines in blocks for name, _ in lines)
    left = _MARGIN + max(_LABEL, _LETTER * longest)
    canvas = figure(left + columns * (width + _GAP) - _GAP + _MARGIN, bottom - _BLOCK_GAP + _MARGIN)
    for label, top, lines in blocks:
        if label:
            write(canvas, left, top - 10, label, size=_TYPE, color=INK, weight="bold")
        for line, (name, images) in enumerate(lines):
            y = top + line * (height + _GAP)
            write(canvas, left - 10, y + height / 2, name, size=_TYPE - 2, color=FAINT, ha="right", va="center")
            for number, image in enumerate(images):
                paste(canvas, left + number * (width + _GAP), y, image, scale=scale)
    return canvas
