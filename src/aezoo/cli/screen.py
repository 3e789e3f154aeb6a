"""What a person sees of a run: a progress bar, then the numbers, and where everything is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from aezoo.autoencoder import Autoencoder
from aezoo.cli import bars, console
from aezoo.cli.measured import show
from aezoo.training.data import SKIPPED, Splits
from aezoo.training.log import Entry
from aezoo.training.pictures import CURVES, FOLDER, PROGRESS, RECONSTRUCTIONS
from aezoo.training.run import Job, Result, Watcher

_PATIENCE = 2.0  # seconds after which work that has said nothing shows a bar
_QUIET = 30.0  # seconds between two lines where no person watches


class Screen(Watcher):
    """A progress bar with rate and time left on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = console.is_terminal()
        self._progress = bars.progress()
        self._tasks: dict[str, Any] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._spoken = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begins(self, job: Job, folder: Path) -> None:
        recipe = job.recipe
        loss = recipe.loss or job.spec.loss
        console.note(
            f"{job.spec.name} ({job.spec.image}) on {recipe.dataset}, loss {loss}, {recipe.steps} steps of "
            f"{recipe.batch_size}, seed {recipe.seed} -> {folder}"
        )

    def working(self, what: str, done: int, total: int) -> None:
        began, _ = self._began.setdefault(what, (time.monotonic(), done))
        if what in self._tasks or time.monotonic() - began > _PATIENCE:
            self._show(what, done, total)
        if done == total and what in self._tasks:
            self._progress.remove_task(self._tasks.pop(what))

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        self._show("training", done, steps, [f"{name} {value:.4g}" for name, value in values.items()])

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        if not self._terminal and time.monotonic() - self._spoken > _QUIET:
            self._spoken = time.monotonic()
            test = next(entry for entry in entries if entry["split"] == "test")
            numbers = [f"{name} {test[name]:.5g}" for name in ("loss", "mse") if test.get(name) is not None]
            console.note(f"step {test['step']}: test {', '.join(numbers)}")

    def finish(self, folder: Path, result: Result) -> None:
        """Print the numbers and say where everything is. Nothing in the processes that only help."""
        if not result.metrics:
            return
        show(result.metrics)
        pictures = {"curves": CURVES, "progress": PROGRESS, "pictures": RECONSTRUCTIONS}
        drawn = {label: folder / FOLDER / name for label, name in pictures.items()} | {"skipped": folder / SKIPPED}
        console.facts(
            [
                ("model", f"{folder}, step {result.step}"),
                *((label, str(path)) for label, path in drawn.items() if path.exists()),
                ("use it", f'aezoo.create("local-dir:{folder}", pretrained=True)'),
            ]
        )

    def _show(self, what: str, done: int, total: int, notes: Sequence[str] = ()) -> None:
        if what not in self._tasks:
            self._began[what] = (time.monotonic(), done)
            self._tasks[what] = self._progress.add_task(what, total=total)
        began, first = self._began[what]
        elapsed = time.monotonic() - began
        rate = f"{(done - first) / elapsed:.1f}/s" if elapsed > 0.5 else ""
        self._progress.update(self._tasks[what], completed=done, total=total, rate=rate, notes=notes)
