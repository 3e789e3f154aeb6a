"""The figures of a study's report, and what its functions draw them with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import load_images
from aezoo.figures.canvas import BLUE, VERMILION, save
from aezoo.figures.panels import Line
from aezoo.figures.pictures import Row, reconstructions
from aezoo.studies.state import State
from aezoo.studies.trials import Finished

Pictures = Literal["own", "none"]
SHOWN = 8
"""Images a row."""
COLORS = {"train": BLUE, "test": VERMILION}
"""Of lines, by split."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What a figure is drawn from, and where.

    Attributes:
        state: what is there of the study.
        path: of the figure.
        pictures: ``"own"``: of the images trained and tested on; ``"none"``: where those may not be shown to anyone.
        root: where the data lies.
    """

    state: State
    path: Path
    pictures: Pictures = "own"
    root: str = ""


@dataclass(frozen=True)
class Drawn:
    """A figure: the file's name and its caption."""

    file: str
    caption: str


def draw(state: State, out: Path, *, pictures: Pictures = "own", root: str = "") -> tuple[Drawn, ...]:
    """Draw every figure of the study that what is there allows, into ``out/figures``.

    Args:
        state: the finished trials.
        out: of the study.
        pictures, root: as in `Drawing`.
    """
    drawn = []
    for figure in state.study.figures:
        path = out / "figures" / figure.file
        if caption := figure.draw(Drawing(state=state, path=path, pictures=pictures, root=root)):
            drawn.append(Drawn(figure.file, caption))
        else:
            path.unlink(missing_ok=True)  # of another study in this folder
    return tuple(drawn)


def common_seeds(state: State, arms: Iterable[str]) -> list[int]:
    """The seeds that all of these arms have."""
    seeds = [state.seeds(arm) for arm in arms]
    return sorted(set.intersection(*seeds)) if seeds else []


def curve(runs: dict[int, Finished], split: str, value: Callable[[dict], float]) -> Line:
    """A line of what the logs of an arm's runs give at each measurement of a split.

    Args:
        runs: of an arm, by seed.
        split: ``"train"`` or ``"test"``.
        value: of an entry of the log.
    """
    entries = [[entry for entry in run.history if entry["split"] == split] for run in runs.values()]
    steps = [entry["step"] for entry in entries[0]]
    values = np.array([[value(entry) for entry in each] for each in entries])
    return Line(label=split, x=steps, runs=values, color=COLORS[split])


def draw_pictures(
    drawing: Drawing, arm: str, *, splits: tuple[str, ...] = ("train", "test"), model: Autoencoder | None = None
) -> str:
    """Draw images above what a model makes of them, two rows of eight in all.

    Args:
        drawing: where, and of whose images.
        arm: whose run of seed 0 answers.
        splits: one or two.
        model: answers in the place of the arm's, once that has been trained.

    Returns:
        Of which splits the pictures are, for a caption; empty where there is no run yet, or none are wanted.
    """
    runs = drawing.state.arms.get(arm, {})
    if 0 not in runs or drawing.pictures == "none":
        return ""
    model = model or runs[0].model()
    part = drawing.state.study.part_of(arm)
    few = range(SHOWN if len(splits) > 1 else 2 * SHOWN)
    root, binarize = drawing.root or None, runs[0].trial.recipe.binarize
    images = {split: load_images(part.dataset, split, model.image, binarize=binarize, root=root) for split in splits}
    rows = [_row(split, images[split], few, model) for split in splits]
    save(reconstructions(rows, columns=SHOWN), drawing.path)
    return " and ".join(splits)


@torch.no_grad()
def _row(label: str, images: ImageArray, indices: range, model: Autoencoder) -> Row:
    batch = images.batch(indices[: len(images)])
    return Row(label, batch.images, model(batch).reconstruction)
