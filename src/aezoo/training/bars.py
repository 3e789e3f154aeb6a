"""Progress bars that fit the terminal: the count and the time left always, of the rest as much as there is room for."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from aezoo.training.steps import Watcher

_LONGEST, _SHORTEST = 40, 12  # characters of the bar itself
_PATIENCE = 2.0  # seconds after which work that has said nothing shows a bar


class Bars(Watcher):
    """What a run is working on, one bar each, within a ``with`` block."""

    def __init__(self) -> None:
        self._progress = progress()
        self._tasks: dict[str, Any] = {}
        self._began: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def working(self, what: str, done: int, total: int) -> None:
        began, _ = self._began.setdefault(what, (time.monotonic(), done))
        if what in self._tasks or time.monotonic() - began > _PATIENCE:
            self._show(what, done, total)
        if done == total and what in self._tasks:
            self._progress.remove_task(self._tasks.pop(what))

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        self._show("training", done, steps, [f"{name} {value:.4g}" for name, value in values.items()])

    def _show(self, what: str, done: int, total: int, notes: Sequence[str] = ()) -> None:
        if what not in self._tasks:
            self._began[what] = (time.monotonic(), done)
            self._tasks[what] = self._progress.add_task(what, total=total)
        began, first = self._began[what]
        elapsed = time.monotonic() - began
        rate = f"{(done - first) / elapsed:.1f}/s" if elapsed > 0.5 else ""
        self._progress.update(self._tasks[what], completed=done, total=total, rate=rate, notes=notes)


def progress() -> Progress:
    """Bars on stderr; nothing where no person watches.

    Each task has the fields ``rate``, a text, and ``notes``, texts of which the last give way first.
    """
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        _Rest(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


class _Rest(ProgressColumn):
    """All of a line but what is worked on."""

    def render(self, task: Task) -> _Line:
        return _Line(task)


class _Line:
    """One task, as wide as it may be."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        task = self.task
        total = "?" if task.total is None else f"{task.total:.0f}"
        count = f"{task.completed:{len(total)}.0f}/{total}"
        left = "" if task.finished else f"{_time(task.time_remaining)} left"
        parts = {"count": count, "rate": task.fields.get("rate", ""), "elapsed": _time(task.elapsed), "left": left}
        bar, shown, notes = fit(parts, task.fields.get("notes", ()), options.max_width)
        grid = Table.grid(padding=(0, 1), pad_edge=False)
        cells = [ProgressBar(total=task.total, completed=task.completed, width=bar)] if bar else []
        styles = {"count": "progress.download", "left": "progress.remaining", "elapsed": "progress.elapsed"}
        cells += [Text(parts[name], styles.get(name, "")) for name in shown]
        cells += [Text("  ".join(notes), "dim")] if notes else []
        for _ in cells:
            grid.add_column(no_wrap=True)
        grid.add_row(*cells)
        yield grid


def fit(parts: dict[str, str], notes: Sequence[str], width: int) -> tuple[int, list[str], list[str]]:
    """The length of the bar, the names of the parts that are shown, and the notes that are, in ``width`` characters.

    First to give way are the notes, from the last on; then the time that has passed, the rate, and the bar.
    """
    shown = [name for name, text in parts.items() if text]

    def room() -> int:
        return width - sum(len(parts[name]) + 1 for name in shown) + 1

    for name in ("elapsed", "rate"):
        if name in shown and room() < _SHORTEST + 1:
            shown.remove(name)
    spare = room()
    if spare < _SHORTEST + 1:
        return 0, shown, []
    spare -= _SHORTEST + 1
    kept: list[str] = []
    for note in notes:
        if len(note) + (2 if kept else 1) > spare:
            break
        spare -= len(note) + (2 if kept else 1)
        kept.append(note)
    return min(_LONGEST, _SHORTEST + spare), shown, kept


def _time(seconds: float | None) -> str:
    """``"0:01:30"``."""
    return "-:--:--" if seconds is None else str(timedelta(seconds=max(0, int(seconds))))
