"""The figures of the CIS 680 study, from what is there of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import load_images
from aezoo.figures.canvas import BLUE, GREEN, VERMILION
from aezoo.figures.panels import Line, Panel, panels
from aezoo.figures.pictures import Row, reconstructions
from aezoo.studies.cis680 import DEPTHS, DIMENSIONS, FULL, KINDS, QUICK
from aezoo.studies.study import State
from aezoo.studies.trials import Finished

SHOWN = 8
"""Images a row."""
_COLORS = {"train": BLUE, "test": VERMILION}
_TOYFACES = {"cufs": "toyfaces", "celeba": "toyfaces(style='shaded')"}


@dataclass(frozen=True)
class Drawn:
    """A figure: the file's name and its caption."""

    file: str
    caption: str


def draw(state: State, out: Path, *, pictures: str, root: str, big: Autoencoder | None) -> list[Drawn]:
    """Draw every figure that what is there allows, into ``out/figures``.

    Args:
        state: the finished trials.
        out: of the study.
        pictures: ``"own"``: of the images trained on; ``"toyfaces"``: of drawn faces, which may be shown to anyone.
        root: where the data lies.
        big: the published big VAE, for Figure 4; None: the study's own.
    """
    folder = out / "figures"
    scale = QUICK if state.study.quick else FULL
    drawn = []

    def add(file: str, caption: str, make: Callable[[Path], bool]) -> None:
        if make(folder / file):
            drawn.append(Drawn(file, caption))
        else:
            (folder / file).unlink(missing_ok=True)  # of another study in this folder

    add(
        "1-loss-curves.png",
        "Figure 1. Loss on training and test images. Each run is faint, their mean bold. The dashed line is the step "
        f"that the report stops at, {scale.reported:,}. On CelebA, whose images are grey, the images' own entropy is "
        "subtracted: no model gets below it, and it differs between training and test. Points there are of 512 images "
        "of each split.",
        lambda path: _loss(state, path, scale.reported),
    )
    whose = "drawn faces, which the model was not trained on" if pictures == "toyfaces" else "train and test"
    for number, arm, name in ((2, "ae", "autoencoder"), (3, "vae16", "16-dimensional VAE")):
        add(
            f"{number}-{arm}.png",
            f"Figure {number}. The {name} at step {scale.reported:,}, seed 0: input on top, output below; {whose}.",
            lambda path, arm=arm: _pictures(state, arm, path, pictures, root, ("train", "test")),
        )
    model = "the published weights" if big else "this study's run, seed 0"
    whose = "drawn faces, which the model was not trained on" if pictures == "toyfaces" else "test images"
    add(
        "4-vae512.png",
        f"Figure 4. The 512-dimensional VAE, {model}: input on top, output below; {whose}.",
        lambda path: _pictures(state, "plain-1", path, pictures, root, ("test",), big),
    )
    add(
        "5-latent-sweep.png",
        f"Figure 5. The VAE on CUFS with 4 to 128 dimensions, at step {scale.reported:,}: loss (bce + kl) on training "
        "and test images, and the gap between them.",
        lambda path: _sweep(state, path),
    )
    add(
        "6-depth.png",
        "Figure 6. Mse against convolutions a stage, plain and residual: after as many steps, and after as many "
        "multiply-accumulates. Solid is test, dashed is training.",
        lambda path: _depth(state, path, scale.equal),
    )
    add(
        "7-kl-share.png",
        "Figure 7. The share of KL in the loss (bce + kl), and KL itself, on training and test images.",
        lambda path: _share(state, path, scale.reported),
    )
    return drawn


def _loss(state: State, path: Path, reported: int) -> bool:
    end = (reported, f"step {reported:,}")
    cases = (
        ("ae-long", "AE", "squared error per image", end, ("l2",)),
        ("vae16-long", "VAE 16", "nats per image", end, ("bce", "kl")),
        ("plain-1", "VAE 512", "nats per image above the entropy", None, ("bce_excess", "kl")),
    )
    shown = []
    for arm, model, unit, step, terms in cases:
        if runs := state.arms.get(arm):
            title = f"{model} on {state.part_of(arm).title}"
            lines = [_curve(runs, split, lambda entry, of=terms: sum(entry[name] for name in of)) for split in _COLORS]
            # The first measurement, before any training, would flatten the rest.
            later = np.concatenate([line.runs[:, 1:].ravel() for line in lines])
            top = later.max() + 0.1 * np.ptp(later)
            shown.append(Panel(title=title, x="step", y=unit, lines=tuple(lines), step=step, top=float(top)))
    return _panels(shown, path)


def _share(state: State, path: Path, reported: int) -> bool:
    shown = []
    for arm, model in (("vae16", "VAE 16"), ("plain-1", "VAE 512")):
        if runs := state.arms.get(arm):
            title = f"{model} on {state.part_of(arm).title}"
            share = [_curve(runs, split, lambda entry: 100 * entry["kl"] / entry["loss"]) for split in _COLORS]
            kl = [_curve(runs, split, lambda entry: entry["kl"]) for split in _COLORS]
            shown.append(
                Panel(title=f"{title}: share of KL", x="step", y="% of the loss", lines=tuple(share), bottom=0)
            )
            shown.append(Panel(title=f"{title}: KL", x="step", y="nats per image", lines=tuple(kl), bottom=0))
    return _panels(shown, path, columns=2)


def _sweep(state: State, path: Path) -> bool:
    dims = [dim for dim in DIMENSIONS if state.arms.get(f"vae{dim}")]
    seeds = sorted(set.intersection(*(state.seeds(f"vae{dim}") for dim in dims))) if dims else []
    if len(dims) < 2 or not seeds:
        return False

    def losses(split: str) -> np.ndarray:
        each = [
            state.values(f"vae{dim}", seeds, split, "bce") + state.values(f"vae{dim}", seeds, split, "kl")
            for dim in dims
        ]
        return np.stack([values.mean(1) for values in each], axis=1)  # (seeds, dims)

    train, test = losses("train"), losses("test")
    mean_image = float(state.values("vae16", seeds, "test", "mean-image/bce").mean())
    both = (
        Line(label="train", x=dims, runs=train, color=BLUE),
        Line(label="test", x=dims, runs=test, color=VERMILION),
    )
    gap = Line(label="test - train", x=dims, runs=test - train, color=GREEN)
    axes = {"x": "latent dimensions", "y": "nats per image", "ticks": tuple(dims)}
    level = ((mean_image, f"mean image, test: {mean_image:.0f}"),)
    return _panels(
        [Panel(title="loss", lines=both, levels=level, **axes), Panel(title="gap", lines=(gap,), **axes)], path
    )


def _depth(state: State, path: Path, equal: int) -> bool:
    some = [run for kind in KINDS for depth in DEPTHS for run in state.arms.get(f"{kind}-{depth}", {}).values()]
    if not some:
        return False
    mean_image = float(some[0].values("test", "mean-image/mse").mean())
    level = (mean_image, f"mean image, test: {mean_image:.4f}")
    shown = []
    for mark, title in ((equal, f"equal steps: {equal:,}"), (None, "equal compute")):
        lines = []
        for kind, color in zip(KINDS, (VERMILION, BLUE), strict=True):
            depths = [depth for depth in DEPTHS if state.arms.get(f"{kind}-{depth}")]
            seeds = sorted(set.intersection(*(state.seeds(f"{kind}-{d}") for d in depths))) if depths else []
            if not seeds:
                continue
            for split, dashed in (("test", False), ("train", True)):
                values = [state.values(f"{kind}-{depth}", seeds, split, "mse", mark).mean(1) for depth in depths]
                runs = np.stack(values, axis=1)
                lines.append(Line(label=f"{kind}, {split}", x=depths, runs=runs, color=color, dashed=dashed))
        if lines:
            axes = {"x": "convolutions a stage", "y": "mse", "ticks": tuple(map(float, DEPTHS)), "levels": (level,)}
            shown.append(Panel(title=title, lines=tuple(lines), bottom=0, **axes))
    return _panels(shown, path)


def _panels(shown: list[Panel], path: Path, columns: int = 3) -> bool:
    if shown:
        panels(shown, path, columns=columns)
    return bool(shown)


def _curve(runs: dict[int, Finished], split: str, value: Callable[[dict], float]) -> Line:
    entries = [[entry for entry in run.history if entry["split"] == split] for run in runs.values()]
    steps = [entry["step"] for entry in entries[0]]
    values = np.array([[value(entry) for entry in each] for each in entries])
    return Line(label=split, x=steps, runs=values, color=_COLORS[split])


def _pictures(
    state: State,
    arm: str,
    path: Path,
    pictures: str,
    root: str,
    splits: tuple[str, ...],
    model: Autoencoder | None = None,
) -> bool:
    if 0 not in state.arms.get(arm, {}):
        return False
    model = model or state.arms[arm][0].model()
    part = state.part_of(arm)
    if pictures == "toyfaces":
        images = load_images(_TOYFACES[part.name], "test", model.image)
        rows = [_row("toyfaces", images, range(2 * SHOWN), model)]
    else:
        few = range(SHOWN if len(splits) > 1 else 2 * SHOWN)
        rows = [
            _row(split, load_images(part.dataset, split, model.image, root=root or None), few, model)
            for split in splits
        ]
    reconstructions(rows, path, columns=SHOWN)
    return True


@torch.no_grad()
def _row(label: str, images: ImageArray, indices: range, model: Autoencoder) -> Row:
    batch = images.batch(indices[: len(images)])
    return Row(label, batch, model(batch).reconstruction)
