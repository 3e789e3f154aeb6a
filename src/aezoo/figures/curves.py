"""Loss curves: the total on top, below it each of its terms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aezoo.errors import DataError, UnknownNameError
from aezoo.figures.canvas import BLUE, FAINT, GREEN, INK, VERMILION, figure, set_log, style_axes
from aezoo.plugins import registry
from aezoo.specs import LossSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = list[tuple[int, float]]

_WIDTH, _TOTAL, _TERM = 900, 430, 270  # pixels
_PER_LINE = 3  # panels of terms side by side
# Held-out curves are drawn over those of training, thicker and with their points.
_STYLE: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "linewidth": 1.6},
    "validation": {"color": GREEN, "linewidth": 1.8, "marker": "s", "markersize": 3.5},
    "test": {"color": VERMILION, "linewidth": 1.8, "marker": "o", "markersize": 3.5},
}


def loss_curves(
    history: Sequence[Mapping[str, Any]],
    *,
    terms: Sequence[str],
    baseline: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the loss over the steps, for each split that was measured, and the terms that it is the sum of.

    Args:
        history: ``{"step": 100, "split": "test", "loss": 1843.0, "bce": 1820.0, "kl": 23.0}``, one a measurement.
            The splits ``train``, ``validation`` and ``test`` are drawn; ``batch`` is the log of the training itself.
        terms: of the loss.
        baseline: the loss of answering every image with the mean of the training images.
        title: over the figure.

    Raises:
        DataError: there is nothing to draw.
    """
    entries = [entry for entry in history if entry["split"] in _STYLE and math.isfinite(entry["loss"])]
    if not entries:
        raise DataError("loss curves need a history with a loss of the split 'train', 'validation' or 'test'")
    units = {term: unit_of(term) for term in terms}
    shared = set(units.values())
    panels = terms if len(terms) > 1 else ()  # one alone is the loss
    lines = math.ceil(len(panels) / _PER_LINE)
    across = math.ceil(len(panels) / lines) if lines else 1

    canvas = figure(_WIDTH, _TOTAL + lines * _TERM, enlarge=2)
    canvas.set_layout_engine("constrained", h_pad=0.1, w_pad=0.1)
    grid = canvas.add_gridspec(1 + lines, across, height_ratios=[_TOTAL, *[_TERM] * lines])
    total = canvas.add_subplot(grid[0, :])
    _panel(total, entries, "loss", shared.pop() if len(shared) == 1 else "", title=title, size=13)
    if baseline is not None:
        total.axhline(baseline, color=FAINT, linewidth=1.3, linestyle=(0, (5, 4)), label=f"mean image {baseline:.4g}")
    _mark_lowest(total, entries)
    total.legend(frameon=False, fontsize=11, labelcolor=INK)
    for number, term in enumerate(panels):
        axes = canvas.add_subplot(grid[1 + number // across, number % across])
        _panel(axes, entries, term, units[term])
    return canvas


def unit_of(term: str) -> str:
    """The unit of a loss term; empty of what is none."""
    try:
        spec = registry().find("loss", term).spec
    except UnknownNameError:
        return ""
    return spec.unit if isinstance(spec, LossSpec) else ""


def _panel(
    axes: Axes, entries: Sequence[Mapping[str, Any]], name: str, unit: str, *, title: str = "", size: float = 12
) -> None:
    curves = {split: points_of(entries, split, name) for split in _STYLE}
    curves = {split: points for split, points in curves.items() if points}
    for split, points in curves.items():
        style = _STYLE[split] if len(points) > 1 else {**_STYLE[split], "marker": "o"}
        axes.plot(*zip(*points, strict=True), label=split, **style)
    if wants_log([value for points in curves.values() for _, value in points]):
        set_log(axes)
    style_axes(axes, title=title or name, x="step", y=f"{unit} per image".strip(), size=size)


def points_of(entries: Sequence[Mapping[str, Any]], split: str, name: str) -> Points:
    """The steps and values of a number of a split, in order; those that are not finite are left out."""
    points = [(entry["step"], entry[name]) for entry in entries if entry["split"] == split and name in entry]
    return sorted((step, value) for step, value in points if math.isfinite(value))


def wants_log(values: list[float]) -> bool:
    """Whether half of the values would lie in the lowest tenth of a linear axis."""
    ordered = sorted(values)
    if not ordered or ordered[0] <= 0:
        return False
    return ordered[len(ordered) // 2] - ordered[0] < (ordered[-1] - ordered[0]) / 10 and ordered[-1] > 10 * ordered[0]


def _mark_lowest(axes: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    """A ring around the lowest point of the test curve, with its step; of the validation curve where there is none."""
    for split in ("test", "validation"):
        if len(points := points_of(entries, split, "loss")) > 1:
            value, step = min((value, step) for step, value in points)
            color = _STYLE[split]["color"]
            ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.8}
            label = f"lowest {split} {value:.4g}, step {step:,}"
            axes.plot([step], [value], linestyle="none", markeredgecolor=color, label=label, **ring)
            return
