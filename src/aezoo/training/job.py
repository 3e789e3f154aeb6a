"""What a run is asked for, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aezoo.autoencoder import Autoencoder
from aezoo.errors import OptionError, shown
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec
from aezoo.training import devices
from aezoo.training.data import Splits
from aezoo.training.log import Entry
from aezoo.weights.card import heading

TRACKERS = ("tensorboard", "trackio")
"""Where the numbers of a run may go beside its log."""
THREADS = 1024
"""More than these torch answers with a crash."""
LONGEST = 1e9
"""Epochs, minutes, or steps between checkpoints: what is more than anyone waits for is still a number."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for.

    Attributes:
        spec: a described model.
        recipe: how to train it.
        root: where the data lies; empty: ``AEZOO_DATA``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        checkpoint_every: steps between two checkpoints.
        begin_with: a pretrained model (any name of one) to take the first weights from, or empty.
        trackers: of ``"tensorboard"`` and ``"trackio"``.
        threads: of torch on the CPU; zero: as many as cores are idle when the run starts.
        epochs: where given, the run's steps are those in which each training image is seen so often; the recipe that is
            recorded says how many.
        minutes: where given, those that fit in so much time, as is measured before the run.
        from_images: whether the steps follow from the number of training images, where nothing else says them.
        figures: whether pictures are drawn.

    Raises:
        OptionError: something of another kind, a number that is too small, or steps that are said twice.
    """

    spec: ModelSpec
    recipe: Recipe
    root: str = ""
    device: str = "auto"
    checkpoint_every: int = 250
    begin_with: str = ""
    trackers: tuple[str, ...] = ()
    threads: int = 0
    epochs: float = 0.0
    minutes: float = 0.0
    from_images: bool = False
    figures: bool = True

    @property
    def default_folder(self) -> Path:
        """Where the run is written, where nothing else is said."""
        return Path("runs") / f"{self.spec.name}-{self.recipe.seed}"

    def __post_init__(self) -> None:
        for name, kind, make in (("spec", ModelSpec, "aezoo.describe(name)"), ("recipe", Recipe, "aezoo.Recipe(...)")):
            if not isinstance(getattr(self, name), kind):
                raise OptionError(f"{name}={shown(getattr(self, name))} of a job is no {kind.__name__}: give {make}")
        if self.device not in devices.DEVICES:
            raise OptionError(f"device={shown(self.device)} is none of {', '.join(map(repr, devices.DEVICES))}")
        for tracker in self.trackers:
            if tracker not in TRACKERS:  # a record is a file, and a tracker's name becomes an import
                raise OptionError(f"trackers: {shown(tracker)} is none of {', '.join(TRACKERS)}")
        for name, low, high in (("checkpoint_every", 1, LONGEST), ("threads", 0, THREADS)):
            if type(getattr(self, name)) is not int or not low <= getattr(self, name) <= high:
                raise OptionError(f"{name}={shown(getattr(self, name))} is not a whole number from {low} to {high:g}")
        for name in ("epochs", "minutes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value <= LONGEST):
                raise OptionError(f"{name}={shown(value)} is not a number from 0 to {LONGEST:g}")
        if self.epochs and self.minutes:
            raise OptionError(f"epochs={self.epochs:g} and minutes={self.minutes:g} both say how long: give one")


@dataclass(frozen=True, repr=False)
class Result:
    """What came of a run. Printed, it is a table of its metrics beside those of the training images' mean.

    Attributes:
        model: trained, in ``eval()``, on the CPU.
        splits: the images.
        terms: of the loss.
        metrics: of each split, of ``"mean-image"``, and the protocol.
        history: the log: losses of batches, and the points of the curves.
        step: whose weights they are.
        folder: the model folder.
    """

    model: Autoencoder
    splits: Splits
    terms: list[str]
    metrics: dict[str, Any]
    history: list[Entry]
    step: int
    folder: Path

    def __repr__(self) -> str:
        title = f"{self.model.spec.name} after {self.step} steps, in {self.folder}"
        columns = [(name, self.metrics[name]) for name in self.splits.named() if name in self.metrics]
        columns += [("mean image (test)", self.metrics["mean-image"]["test"])] if columns else []
        rows = [["", *(name for name, _ in columns)]]
        for name in columns[0][1] if columns else ():
            numbers = [values.get(name) for _, values in columns]
            rows.append([heading(name), *("" if number is None else f"{number:.4g}" for number in numbers)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
        return "\n".join([title, *(lines if columns else [])])
