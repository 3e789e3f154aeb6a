"""Grids of images, every pixel of an image a square of pixels of the picture, with a caption under each if wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aezoo.errors import DataError
from aezoo.figures.canvas import FAINT, figure, paste, pixels_of, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In pixels.
_SIDE = 128  # what images are enlarged to, at most
_GAP, _MARGIN = 4, 18
_CAPTION, _TYPE = 24, 14


def grid(images: Any, *, columns: int = 0, captions: Sequence[str] = ()) -> Figure:
    """Images side by side, in rows.

    Args:
        images: array or tensor (n, c, h, w) in [0, 1]; 1 channel is grey, 3 are RGB.
        columns: images in a row; by default as many as make the grid about square.
        captions: a text under each, or none.

    Raises:
        DataError: there are no images, or they are neither grey nor RGB; or there is not a caption for each.
    """
    pixels = pixels_of("a grid", images)
    n, height, width, _ = pixels.shape
    if not n or (captions and len(captions) != n):
        raise DataError(
            f"a grid of {n} images with {len(captions)} captions: give at least one, and a caption for each"
        )
    columns = min(n, columns or math.ceil(math.sqrt(n)))
    scale = max(1, _SIDE // max(height, width))
    height, width = scale * height, scale * width
    step = height + _GAP + (_CAPTION if captions else 0)
    rows = math.ceil(n / columns)
    made = figure(2 * _MARGIN + columns * (width + _GAP) - _GAP, 2 * _MARGIN + rows * step - _GAP)
    for index, image in enumerate(pixels):
        left, top = _MARGIN + index % columns * (width + _GAP), _MARGIN + index // columns * step
        paste(made, left, top, image, scale=scale)
        if captions:
            middle = top + height + _CAPTION / 2
            write(made, left + width / 2, middle, captions[index], size=_TYPE, color=FAINT, ha="center", va="center")
    return made
