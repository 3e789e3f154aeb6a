"""What the figures share: a canvas without global state, colours, type, and a file written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aezoo.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
INK, FAINT, RULE = "#222222", "#6b6b6b", "#e3e3e3"
# Okabe & Ito (2008): told apart with any colour vision.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"


def figure(width: float, height: float) -> Figure:
    """An empty white figure of so many pixels, outside pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(made)
    return made


def write(made: Figure, x: float, y: float, text: str, *, size: float, **style: Any) -> None:
    """Write text at a position counted in pixels from the left and from the top, ``size`` pixels high."""
    width, height = made.bbox.size
    made.text(x / width, 1 - y / height, text, fontsize=size * 72 / DPI, **style)


def save(made: Figure, path: Path, *, enlarge: int = 1) -> None:
    """Write a figure as PNG, whole or not at all. No date or version goes in: equal figures are equal bytes."""
    with write_whole(path) as draft:
        made.savefig(draft, format="png", dpi=enlarge * DPI, metadata={"Software": None})
