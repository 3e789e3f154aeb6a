"""Panels of lines measured several times: each run faint, their mean bold, one legend below all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aezoo.errors import DataError
from aezoo.figures.canvas import FAINT, INK, figure, style_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 460, 360  # pixels of a panel
_COLUMNS = 2  # of the legend, for each panel in a row
_FEW = 12  # points, up to which each is marked


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line.

    Attributes:
        label: for the legend.
        x: (points,).
        runs: (runs, points); NaN where a run has no value.
        color: of all of it.
        dashed: instead of solid.
    """

    label: str
    x: Sequence[float]
    runs: np.ndarray
    color: str
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Lines on common axes.

    Attributes:
        title, x, y: what is shown, and the axes.
        lines: at least one. Those of one label look alike in all panels.
        levels: horizontal lines and their labels.
        step: a vertical line and its label.
        ticks: the values that the x axis names, evenly spaced by their logarithm; by default its own, linear.
        top: of the y axis, where what lies above would flatten the rest.
        bottom: of the y axis.
    """

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    levels: tuple[tuple[float, str], ...] = ()
    step: tuple[float, str] | None = None
    ticks: tuple[float, ...] = ()
    top: float | None = None
    bottom: float | None = None


def panels(shown: Sequence[Panel], *, columns: int = 3) -> Figure:
    """Draw panels side by side.

    Args:
        shown: the panels.
        columns: panels in a row; more wrap.

    Raises:
        DataError: there is nothing to draw.
    """
    if not shown or not all(panel.lines for panel in shown):
        raise DataError("panels need lines to draw")
    across = min(columns, len(shown))
    canvas = figure(across * _WIDTH, math.ceil(len(shown) / across) * _HEIGHT, enlarge=2)
    canvas.set_layout_engine("constrained", h_pad=0.1, w_pad=0.12)
    grid = canvas.add_gridspec(math.ceil(len(shown) / across), across)
    named: dict[str, Artist] = {}
    for number, panel in enumerate(shown):
        axes = canvas.add_subplot(grid[number // across, number % across])
        _draw(axes, panel)
        artists, labels = axes.get_legend_handles_labels()
        named |= dict(zip(labels, artists, strict=True))
    canvas.legend(
        named.values(),
        named.keys(),
        loc="outside lower center",
        ncols=_COLUMNS * across,
        edgecolor="none",
        fontsize=10,
        labelcolor=INK,
        handlelength=3,
    )
    return canvas


def _draw(axes: Axes, panel: Panel) -> None:
    for line in panel.lines:
        style = "--" if line.dashed else "-"
        mark = "o" if len(line.x) <= _FEW else ""
        if len(line.runs) > 1:
            for run in line.runs:
                axes.plot(line.x, run, style, color=line.color, linewidth=1, alpha=0.3, marker=mark, markersize=3)
        mean = np.nanmean(line.runs, axis=0)
        axes.plot(line.x, mean, style, color=line.color, linewidth=2, marker=mark, markersize=5, label=line.label)
    for value, label in panel.levels:
        axes.axhline(value, color=FAINT, linewidth=1.3, linestyle=(0, (1, 2)), label=label)
    if panel.step:
        axes.axvline(panel.step[0], color=FAINT, linewidth=1.3, linestyle=(0, (5, 4)), label=panel.step[1])
    if panel.ticks:
        axes.set_xscale("log", base=2)
        axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
        axes.minorticks_off()
    if panel.bottom is not None or panel.top is not None:
        high = axes.dataLim.ymax
        axes.set_ylim(panel.bottom, high + 0.08 * (high - (panel.bottom or 0)) if panel.top is None else panel.top)
    style_axes(axes, title=panel.title, x=panel.x, y=panel.y)
