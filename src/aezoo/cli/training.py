"""What a person sees of a training run: a progress bar, the numbers, and where the pictures are."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Self

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from aezoo.autoencoder import Autoencoder
from aezoo.cli import console
from aezoo.cli.measured import show
from aezoo.datasets.image_array import ImageArray
from aezoo.figures.curves import loss_curves
from aezoo.figures.pictures import Row, progress, reconstructions
from aezoo.training.data import Splits
from aezoo.training.log import Entry
from aezoo.training.run import Job, Result, Watcher

SHOWN = 8
"""Images a row of a picture."""
_PATIENCE = 2.0  # seconds after which work that has said nothing shows a bar
_QUIET = 30.0  # seconds between two lines where no person watches


class Screen(Watcher):
    """A progress bar with rate and time left on a terminal; a line now and then elsewhere. Draws the run's pictures."""

    def __init__(self) -> None:
        self._terminal = console.is_terminal()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[numbers]}"),
            console=Console(stderr=True),
            disable=not self._terminal,
        )
        self._tasks: dict[str, Any] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._spoken = self._drawn = time.monotonic()
        self._folder: Path | None = None
        self._fixed: list[tuple[int, torch.Tensor]] = []

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begins(self, job: Job, folder: Path) -> None:
        self._folder = folder
        recipe = job.recipe
        loss = recipe.loss or job.spec.loss
        console.note(
            f"{job.spec.name} ({job.spec.image}) on {recipe.dataset}, loss {loss}, {recipe.steps} steps of "
            f"{recipe.batch_size}, seed {recipe.seed} -> {folder}"
        )

    def working(self, what: str, done: int, total: int) -> None:
        began, _ = self._began.setdefault(what, (time.monotonic(), done))
        if what in self._tasks or time.monotonic() - began > _PATIENCE:
            self._show(what, done, total, "")
        if done == total and what in self._tasks:
            self._progress.remove_task(self._tasks.pop(what))

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._show("training", done, steps, numbers)

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        test = next(entry for entry in entries if entry["split"] == "test")
        self._fixed.append((test["step"], answer(model, _first(splits.test))))
        if self._folder and time.monotonic() - self._drawn > _QUIET:  # a long run is looked at as it goes
            self._draw_progress(splits, self._folder)
            self._drawn = time.monotonic()
        if not self._terminal and time.monotonic() - self._spoken > _QUIET:
            self._spoken = time.monotonic()
            console.note(f"step {test['step']}: test loss {test['loss']:.5g}, mse {test['mse']:.4g}")

    def finish(self, folder: Path, result: Result) -> None:
        """Draw the pictures, print the numbers and say where everything is. Nothing in the processes that only help."""
        if not result.metrics:
            return
        figures = folder / "figures"
        baseline = result.metrics["mean-image"]["test"]
        _draw_curves(result, baseline, figures / "loss.png")
        self._draw_progress(result.splits, folder)
        draw(result.model, result.splits, figures / "reconstructions.png")
        show(result.metrics)
        console.facts(
            [
                ("model", f"{folder}, step {result.step}"),
                ("curves", str(figures / "loss.png")),
                ("progress", str(figures / "progress.png") if self._fixed else ""),
                ("pictures", str(figures / "reconstructions.png")),
                ("use it", f'aezoo.create("local-dir:{folder}", pretrained=True)'),
            ]
        )

    def _draw_progress(self, splits: Splits, folder: Path) -> None:
        if self._fixed:  # a run that was resumed at its end has measured nothing
            progress(_first(splits.test), self._fixed, folder / "figures" / "progress.png")

    def _show(self, what: str, done: int, total: int, numbers: str) -> None:
        if what not in self._tasks:
            self._began[what] = (time.monotonic(), done)
            self._tasks[what] = self._progress.add_task(what, total=total, rate="", numbers="")
        began, first = self._began[what]
        elapsed = time.monotonic() - began
        rate = f"{(done - first) / elapsed:.1f}/s" if elapsed > 0.5 else ""
        self._progress.update(self._tasks[what], completed=done, total=total, rate=rate, numbers=numbers)


def _draw_curves(result: Result, baseline: dict[str, float], path: Path) -> None:
    """The curves of the loss and its terms; what the mean image costs where its loss is known."""
    pixels = math.prod(result.model.image.shape)
    known = {"bce": baseline["bce"], "l2": pixels * baseline["mse"]}
    loss_curves(
        result.history,
        path,
        terms=result.terms,
        baseline=next((known[name] for name in result.terms if name in known), None),
        title=f"{result.model.spec.name} on {result.metrics['protocol']['dataset']}",
    )


def draw(model: Autoencoder, splits: Splits, path: Path) -> None:
    """Input above output, of the first images of training and test."""
    rows = []
    for label, images in (("train", splits.train), ("test", splits.test)):
        few = _first(images)
        rows.append(Row(label, few, answer(model, few)))
    reconstructions(rows, path)


@torch.no_grad()
def answer(model: Autoencoder, images: torch.Tensor) -> torch.Tensor:
    """What a model in ``eval()`` makes of images, on the CPU."""
    return model.eval()(images.to(model.latent_mean.device)).reconstruction.cpu()


def _first(images: ImageArray) -> torch.Tensor:
    return images.batch(range(min(SHOWN, len(images))))
