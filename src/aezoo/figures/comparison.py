"""Curves of several runs on common axes: a colour a run, held-out images solid, training images dotted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aezoo.errors import DataError
from aezoo.figures.canvas import BLUE, FAINT, GREEN, INK, VERMILION, figure, set_log, style_axes
from aezoo.figures.curves import points_of, unit_of, wants_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEGEND = 460, 340, 34  # pixels of a panel, and of a line of the legend
_PER_LINE = 3
# Okabe & Ito (2008), without the yellow, which is faint on white.
COLOURS = (BLUE, VERMILION, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""One a run: no more runs are told apart."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's name and the lines of its log, as `aezoo.figures.loss_curves` takes them."""

    label: str
    history: Sequence[Mapping[str, Any]]


def comparison(runs: Sequence[Run], shown: Sequence[str], *, split: str = "test") -> Figure:
    """The curves of runs, a panel a quantity.

    Args:
        runs: at most seven, which colours tell apart.
        shown: what is drawn, by its name in the logs: ``["loss", "bce", "mse"]``. What no run has is left out.
        split: whose curves are solid; those of ``train`` are dotted beside them.

    Raises:
        DataError: there is nothing to draw, or there are too many runs.
    """
    if len(runs) > len(COLOURS):
        raise DataError(f"{len(runs)} runs in one picture: at most {len(COLOURS)} are told apart")
    shown = [name for name in shown if any(points_of(run.history, split, name) for run in runs)]
    if not shown:
        raise DataError(f"no curve to compare: none of the runs has a log with values of the split {split!r}")
    down = math.ceil(len(shown) / _PER_LINE)
    across = math.ceil(len(shown) / down)
    legend = math.ceil((len(runs) + 2) / (3 * across)) * _LEGEND
    made = figure(across * _WIDTH, down * _HEIGHT + legend)
    made.set_layout_engine("constrained", h_pad=0.1, w_pad=0.12)
    grid = made.add_gridspec(down, across)
    for number, name in enumerate(shown):
        _panel(made.add_subplot(grid[number // across, number % across]), runs, name, split)
    handles = [made.axes[0].plot([], [], color=colour)[0] for _, colour in zip(runs, COLOURS, strict=False)]
    labels = [run.label for run in runs]
    for part, style in _styles(split).items():
        handles.append(made.axes[0].plot([], [], style, color=FAINT)[0])
        labels.append(part)
    look = {"frameon": False, "fontsize": 11, "labelcolor": INK}
    legend = made.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 3 * across), **look)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return made


def _styles(split: str) -> dict[str, str]:
    return {"train": ":", split: "-"}


def _panel(axes: Axes, runs: Sequence[Run], name: str, split: str) -> None:
    values: list[float] = []
    for run, colour in zip(runs, COLOURS, strict=False):
        for part, style in _styles(split).items():
            if points := points_of(run.history, part, name):
                marker = "o" if len(points) == 1 else ""
                axes.plot(*zip(*points, strict=True), style, color=colour, linewidth=1.8, marker=marker)
                values += [value for _, value in points]
    if wants_log(values):
        set_log(axes)
    unit = unit_of(name)
    style_axes(axes, title=name, x="step", y=f"{unit} per image" if unit else "")
