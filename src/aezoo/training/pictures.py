"""The pictures of a run, in its folder ``figures/``: curves of the loss, and the same images along the way.

One that cannot be drawn costs itself, with a warning, and nothing of the run.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import public_name
from aezoo.errors import warn
from aezoo.figures.canvas import save
from aezoo.figures.curves import loss_curves
from aezoo.figures.pictures import Row, progress, reconstructions
from aezoo.latent import Batch
from aezoo.training.data import Splits
from aezoo.training.log import Entry
from aezoo.training.steps import Watcher

FOLDER = "figures"
CURVES, PROGRESS, RECONSTRUCTIONS = "loss.png", "progress.png", "reconstructions.png"
SHOWN = 8
"""Images a row of a picture."""
KEPT = 16
"""Answers along a run that stay in memory; of a long one every second, every fourth, ..."""
REDRAWN = 30.0
"""Seconds between two drawings of the progress: a long run is looked at as it goes."""


class Pictures(Watcher):
    """Draws as a run goes on, and passes on what it is told.

    Args:
        folder: of the run.
        watcher: who else is told.
    """

    def __init__(self, folder: Path, watcher: Watcher) -> None:
        self._folder, self._watcher = folder / FOLDER, watcher
        self._answers: list[tuple[int, Tensor]] = []
        self._every, self._seen = 1, 0
        self._drawn = time.monotonic()

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        self._watcher.step(done, steps, values)

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        with _drawing(PROGRESS):
            self._keep(entries[0]["step"], _answer(model, splits.test))
        if time.monotonic() - self._drawn > REDRAWN:
            self._draw_progress(splits)
            self._drawn = time.monotonic()
        self._watcher.measured(model, splits, entries)

    def finish(
        self, model: Autoencoder, splits: Splits, history: Sequence[Entry], terms: list[str], metrics: dict[str, Any]
    ) -> None:
        """Draw all of them, of the trained model, on the CPU.

        Args:
            model: trained.
            splits: its images.
            history: of the run.
            terms: of its loss, by name.
            metrics: what `aezoo.training.results.measure_all` gives.
        """
        with _drawing(CURVES):
            drawn = loss_curves(
                history,
                terms=terms,
                baseline=_baseline(model, terms, metrics["mean-image"]["test"]),
                title=f"{model.spec.name} on {public_name(metrics['protocol']['dataset'])}",
            )
            save(drawn, self._folder / CURVES)
        self._draw_progress(splits)
        with _drawing(RECONSTRUCTIONS):
            shown = {"train": splits.train, "test": splits.test}
            rows = [Row(label, _first(images).images, _answer(model, images)) for label, images in shown.items()]
            save(reconstructions(rows), self._folder / RECONSTRUCTIONS)

    def _keep(self, step: int, answer: Tensor) -> None:
        """Answers at even distances, at most `KEPT` however long the run is, and the newest one."""
        if self._answers and (self._seen - 1) % self._every:  # the newest so far stands between two of those
            self._answers.pop()
        self._answers.append((step, answer))
        self._seen += 1
        if len(self._answers) > KEPT:
            self._answers, self._every = self._answers[::2], 2 * self._every

    def _draw_progress(self, splits: Splits) -> None:
        if self._answers:  # a run that was resumed at its end has measured nothing
            with _drawing(PROGRESS):
                save(progress(_first(splits.test).images, self._answers), self._folder / PROGRESS)


def _baseline(model: Autoencoder, terms: list[str], measured: Mapping[str, float | None]) -> float | None:
    """What the mean image costs by the loss's first term that it is known for."""
    mse = measured.get("mse")
    known = {"bce": measured.get("bce"), "l2": None if mse is None else math.prod(model.image.shape) * mse}
    return next((known[term] for term in terms if known.get(term) is not None), None)


@torch.no_grad()
def _answer(model: Autoencoder, images: ImageArray) -> Tensor:
    """What a model makes of the first images, on the CPU."""
    return model.eval()(_first(images).to(model.device)).reconstruction.cpu()


def _first(images: ImageArray) -> Batch:
    return images.batch(range(min(SHOWN, len(images))))


@contextlib.contextmanager
def _drawing(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # no picture is worth a run
        warn(f"{name} is not drawn: {error}")
