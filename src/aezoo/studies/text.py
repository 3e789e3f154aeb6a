"""What a report and the screen write alike: tables, numbers, durations, verdicts, and what rows measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from aezoo.studies.state import State
from aezoo.studies.statistics import Interval
from aezoo.studies.verdicts import Found


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float, digits: int = 4) -> str:
    """So many digits, and an exponent only below 0.0001."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def mean_sd(values: Sequence[float]) -> str:
    """``"1.500 ± 0.71"``: the mean, and the standard deviation where there are several; empty of nothing.

    Values that are no numbers, as of runs that diverged, are counted instead.
    """
    if not values:
        return ""
    if odd := sum(not math.isfinite(value) for value in values):
        return f"{odd} of {len(values)} not finite"
    return number(float(np.mean(values))) + (
        f" ± {number(float(np.std(values, ddof=1)), 2)}" if len(values) > 1 else ""
    )


def duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"``, ``"3 h 20 min"``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    """``"1 seed"``, ``"3 seeds"``."""
    return f"{count} {noun}{'s'[: count != 1]}"


def measured(found: Found) -> str:
    """A row's number with its interval, or what is missing for it."""
    if found.missing:
        return f"needs {', '.join(found.missing)}"
    if not found.seeds:
        return "nothing: every decoder is dead" if found.dead else "nothing: every run diverged"
    return f"{found.row.number} {bounds(found.interval)}"


def bounds(interval: Interval) -> str:
    """``"0.18 [0.16, 0.19]"``."""
    return f"{number(interval.estimate)} [{number(interval.low)}, {number(interval.high)}]"


def verdict(state: State, found: Found) -> str:
    """What is said of a row: a verdict, or why there is none."""
    if found.missing:
        return "not run yet"
    if state.study.quick:
        return "quick: no verdicts"
    if found.seeds and not math.isfinite(found.interval.estimate):
        return "not finite"
    if not found.verdict:
        live = "live " if found.dead else ""
        return f"too few {live}seeds ({len(found.seeds)} of {state.study.part(found.part).needed})"
    return found.verdict
