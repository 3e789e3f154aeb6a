"""What a person sees of a run: a progress bar, then the numbers, and where everything is."""

from __future__ import annotations

import time
from pathlib import Path

from aezoo.autoencoder import Autoencoder
from aezoo.cli import console
from aezoo.cli.measured import show
from aezoo.training.bars import Bars
from aezoo.training.data import SKIPPED, Splits
from aezoo.training.job import Job, Result
from aezoo.training.log import Entry
from aezoo.training.pictures import CURVES, FOLDER, PROGRESS, RECONSTRUCTIONS

_QUIET = 30.0  # seconds between two lines where no person watches


class Screen(Bars):
    """A progress bar with rate and time left on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._spoken = time.monotonic()

    def begins(self, job: Job, folder: Path) -> None:
        recipe = job.recipe
        loss = recipe.loss or job.spec.loss
        console.note(
            f"{job.spec.name} ({job.spec.image}) on {recipe.dataset}, loss {loss}, {recipe.steps} steps of "
            f"{recipe.batch_size}, seed {recipe.seed}, threads {job.threads} -> {folder}"
        )

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        if self._progress.disable and time.monotonic() - self._spoken > _QUIET:
            self._spoken = time.monotonic()
            test = next(entry for entry in entries if entry["split"] == "test")
            numbers = [f"{name} {test[name]:.5g}" for name in ("loss", "mse") if test.get(name) is not None]
            console.note(f"step {test['step']}: test {', '.join(numbers)}")

    def finish(self, folder: Path, result: Result) -> None:
        """Print the numbers and say where everything is. Nothing in the processes that only help."""
        if not result.metrics:
            return
        show({str(folder): result.metrics})
        pictures = {"curves": CURVES, "progress": PROGRESS, "pictures": RECONSTRUCTIONS}
        drawn = {label: folder / FOLDER / name for label, name in pictures.items()} | {"skipped": folder / SKIPPED}
        console.facts(
            [
                ("model", f"{folder}, step {result.step}"),
                *((label, str(path)) for label, path in drawn.items() if path.exists()),
                ("use it", f'aezoo.create("local-dir:{folder.as_posix()}", pretrained=True)'),
            ]
        )
