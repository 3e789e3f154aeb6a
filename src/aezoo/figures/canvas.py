"""What the figures share: a canvas without global state, colours, type, and a file written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aezoo.errors import DataError
from aezoo.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100
INK, FAINT, RULE = "#222222", "#6b6b6b", "#e3e3e3"
# Okabe & Ito (2008): told apart with any colour vision.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"


def figure(width: float, height: float, *, enlarge: int = 1) -> Figure:
    """An empty white figure of so many pixels, outside pyplot; enlarged, each is several, and its type finer."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width / DPI, height / DPI), dpi=enlarge * DPI, facecolor="white")
    FigureCanvasAgg(made)
    return made


def write(made: Figure, x: float, y: float, text: str, *, size: float, **style: Any) -> None:
    """Write text at a position counted in pixels from the left and from the top, ``size`` pixels high."""
    width, height = made.bbox.size
    made.text(x / width, 1 - y / height, text, fontsize=size * 72 / DPI, parse_math=False, **style)


def paste(made: Figure, x: int, y: int, pixels: np.ndarray, *, scale: int) -> None:
    """Draw an image (h, w, 3) at a position as `write` counts it, each pixel a square of ``scale``."""
    enlarged = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    made.figimage(enlarged, x, round(made.bbox.height) - y - len(enlarged), origin="upper")


def pixels_of(label: str, images: Any) -> np.ndarray:
    """Images (n, c, h, w) in [0, 1], grey or RGB, as uint8 (n, h, w, 3).

    Raises:
        DataError: another shape, of what is called ``label``.
    """
    array = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise DataError(f"pictures of {label}: shape {array.shape}; give (n, 1, h, w) or (n, 3, h, w)")
    array = np.round(255 * np.clip(array.astype(np.float32), 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    return array if array.shape[3] == 3 else array.repeat(3, axis=3)


def style_axes(axes: Axes, *, title: str, x: str, y: str, size: float = 12) -> None:
    """Name axes of lines, ``size`` points high, and leave of their frame and grid what helps to read them."""
    axes.set_title(title, loc="left", fontsize=size, color=INK, fontweight="bold", parse_math=False)
    axes.set_xlabel(x, fontsize=11, color=INK)
    axes.set_ylabel(y, fontsize=11, color=INK)
    axes.margins(x=0.02)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=10, colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)


def set_log(axes: Axes) -> None:
    """Make the vertical axis logarithmic, labelled in numbers at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log", subs=())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")


def save(made: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all. No date or version goes in: equal figures are equal bytes."""
    with write_whole(path) as draft:
        made.savefig(draft, format="png", dpi="figure", metadata={"Software": None})
