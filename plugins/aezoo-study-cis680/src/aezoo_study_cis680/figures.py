"""The figures of the study: the report's four, and five that bear on its claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aezoo.figures.canvas import BLUE, GREEN, VERMILION, save
from aezoo.figures.panels import Line, Panel, panels
from aezoo.studies import Drawing, Figure
from aezoo.studies.drawings import COLORS, common_seeds, curve, draw_pictures
from aezoo_study_cis680 import big, small
from aezoo_study_cis680.scale import DEPTHS, DIMENSIONS, KINDS, Scale


def figures(scale: Scale) -> tuple[Figure, ...]:
    """All, by their numbers."""
    return (
        Figure(file="1-loss-curves.png", draw=lambda drawing: loss_curves(drawing, scale)),
        Figure(
            file="2-ae.png",
            draw=lambda drawing: small_model(
                drawing, small.AE, f"Figure 2. The autoencoder at step {scale.reported:,}"
            ),
        ),
        Figure(
            file="3-vae16.png",
            draw=lambda drawing: small_model(
                drawing, small.VAE, f"Figure 3. The 16-dimensional VAE at step {scale.reported:,}"
            ),
        ),
        Figure(file="4-vae512.png", draw=big_model),
        Figure(file="5-latent-sweep.png", draw=lambda drawing: sweep(drawing, scale)),
        Figure(file="6-depth.png", draw=lambda drawing: depth(drawing, scale)),
        Figure(file="7-kl-share.png", draw=kl_share),
        Figure(file="8-overfitting.png", draw=overfitting),
        Figure(file="9-one-channel-map.png", draw=lambda drawing: one_channel_map(drawing, scale)),
    )


def loss_curves(drawing: Drawing, scale: Scale) -> str:
    """The report's Figure 1."""
    state = drawing.state
    grey = state.study.part(big.PART).title
    end = (scale.reported, f"step {scale.reported:,}")
    cases = (
        ("ae-long", "AE", "squared error per image", end, ("l2",)),
        ("vae16-long", "VAE 16", "nats per image", end, ("bce", "kl")),
        ("vae16-report-long", f"VAE 16, {small.BESIDE},", "nats per image", end, ("bce", "kl")),
        (big.REPORTED, "VAE 512", "nats per image above the entropy", None, ("bce_excess", "kl")),
    )
    shown = []
    for arm, model, unit, step, terms in cases:
        if runs := state.arms.get(arm):
            title = f"{model} on {state.study.part_of(arm).title}"
            lines = [curve(runs, split, lambda entry, of=terms: sum(entry[name] for name in of)) for split in COLORS]
            # The first measurement, before any training, would flatten the rest.
            later = np.concatenate([line.runs[:, 1:].ravel() for line in lines])
            top = later.max() + 0.1 * np.ptp(later)
            shown.append(Panel(title=title, x="step", y=unit, lines=tuple(lines), step=step, top=float(top)))
    return _panels(
        drawing,
        shown,
        "Figure 1. Loss on training and test images. Each run is faint, their mean bold. The dashed line is the step "
        f"that the report stops at, {scale.reported:,}. On {grey}, whose images are grey, the images' own entropy is "
        "subtracted: no model gets below it, and it differs between training and test. Points there are of 512 images "
        "of each split.",
        columns=2,
    )


def small_model(drawing: Drawing, arm: str, what: str) -> str:
    """The report's Figures 2 and 3."""
    says = draw_pictures(drawing, arm)
    return f"{what}, seed 0: input on top, output below; {says} images." if says else ""


def big_model(drawing: Drawing) -> str:
    """The report's Figure 4: of the published weights where they are installed."""
    other = drawing.state.others.get(big.PUBLISHED)
    model = "the published weights" if other else "this study's run, seed 0"
    says = draw_pictures(drawing, big.REPORTED, splits=("test",), model=other.model if other else None)
    return f"Figure 4. The 512-dimensional VAE, {model}: input on top, output below; {says} images." if says else ""


def sweep(drawing: Drawing, scale: Scale) -> str:
    """Loss and gap against the dimensions of the latent."""
    state = drawing.state
    arms = {dim: small.VAE if dim == 16 else f"vae{dim}" for dim in DIMENSIONS}
    quick = state.study.quick  # whose decoders have learnt nothing yet
    live = {dim: sorted(state.seeds(arm) - (set() if quick else state.dead(arm))) for dim, arm in arms.items()}
    dims = [dim for dim in DIMENSIONS if live[dim]]
    if len(dims) < 2:
        return ""

    def losses(split: str) -> np.ndarray:
        found = np.full((1 + max(live[dim][-1] for dim in dims), len(dims)), np.nan)  # of each dimension its own seeds
        for at, dim in enumerate(dims):
            values = sum(state.values(arms[dim], live[dim], split, term) for term in ("bce", "kl"))
            found[live[dim], at] = np.mean(values, axis=1)
        return found[~np.isnan(found).all(1)]

    train, test = losses("train"), losses("test")
    mean_image = float(state.values(arms[dims[0]], live[dims[0]], "test", "mean-image/bce").mean())
    both = (
        Line(label="train", x=dims, runs=train, color=BLUE),
        Line(label="test", x=dims, runs=test, color=VERMILION),
    )
    gap = Line(label="test - train", x=dims, runs=test - train, color=GREEN)
    axes = {"x": "latent dimensions", "y": "nats per image", "ticks": tuple(dims)}
    level = ((mean_image, f"mean image, test: {mean_image:.0f}"),)
    return _panels(
        drawing,
        [Panel(title="loss", lines=both, levels=level, **axes), Panel(title="gap", lines=(gap,), **axes)],
        f"Figure 5. The small VAE with 4 to 128 dimensions, at step {scale.reported:,}: loss (bce + kl) on training "
        "and test images, and the gap between them. Of some dimensions there are more seeds than of others: the mean "
        "is of all.",
    )


def depth(drawing: Drawing, scale: Scale) -> str:
    """Error against depth, plain and residual."""
    state = drawing.state
    some = [run for kind in KINDS for depth in DEPTHS for run in state.arms.get(f"{kind}-{depth}", {}).values()]
    if not some:
        return ""
    mean_image = float(some[0].values("test", "mean-image/mse").mean())
    level = (mean_image, f"mean image, test: {mean_image:.4f}")
    shown = []
    stops = {arm.name: big.compared_at(arm) for arm in state.study.arms_of(big.PART)}
    for index, title in enumerate((*(f"{steps:,} steps" for steps in scale.budgets), "equal compute")):
        lines = []
        for kind, color in zip(KINDS, (VERMILION, BLUE), strict=True):
            depths = [depth for depth in DEPTHS if state.arms.get(f"{kind}-{depth}")]
            seeds = common_seeds(state, (f"{kind}-{depth}" for depth in depths))
            if not seeds:
                continue
            for split, dashed in (("test", False), ("train", True)):
                arms = [f"{kind}-{depth}" for depth in depths]
                values = [state.values(arm, seeds, split, "mse", stops[arm][index]).mean(1) for arm in arms]
                runs = np.stack(values, axis=1)
                lines.append(Line(label=f"{kind}, {split}", x=depths, runs=runs, color=color, dashed=dashed))
        if lines:
            axes = {"x": "convolutions a stage", "y": "mse", "ticks": tuple(map(float, DEPTHS)), "levels": (level,)}
            shown.append(Panel(title=title, lines=tuple(lines), bottom=0, **axes))
    return _panels(
        drawing,
        shown,
        "Figure 6. Mse against convolutions a stage, plain and residual: after as many steps, twice, and after as many "
        "multiply-accumulates. Solid is test, dashed is training.",
    )


def kl_share(drawing: Drawing) -> str:
    """How much of the loss KL is along a run."""
    state = drawing.state
    shown = []
    for arm, model in ((small.VAE, "VAE 16"), (big.REPORTED, "VAE 512")):
        if runs := state.arms.get(arm):
            title = f"{model} on {state.study.part_of(arm).title}"
            shown += [
                _without_peaks(title=f"{title}: {what}", y=unit, lines=[curve(runs, split, value) for split in COLORS])
                for what, unit, value in (
                    ("share of KL", "% of the loss", lambda entry: 100 * entry["kl"] / entry["loss"]),
                    ("KL", "nats per image", lambda entry: entry["kl"]),
                )
            ]
    caption = "Figure 7. The share of KL in the loss (bce + kl), and KL itself, on training and test images."
    return _panels(drawing, shown, caption, columns=2)


def _without_peaks(*, title: str, y: str, lines: Sequence[Line]) -> Panel:
    """As high as the highest mean: the first steps of a run may go far beyond."""
    top = 1.15 * max(line.runs.mean(0).max() for line in lines)
    return Panel(title=title, x="step", y=y, lines=tuple(lines), bottom=0, top=float(top))


def overfitting(drawing: Drawing) -> str:
    """Where the error on test images leaves that on training images."""
    shown = []
    for arm, model in (("ae-long", "AE"), ("vae16-long", "VAE 16"), (big.REPORTED, "VAE 512")):
        if runs := drawing.state.arms.get(arm):
            test, train = (curve(runs, split, lambda entry: entry["mse"]) for split in ("test", "train"))
            ratio = Line(label="test / train", x=test.x, runs=test.runs / train.runs, color=GREEN)
            title = f"{model} on {drawing.state.study.part_of(arm).title}"
            claimed = ((1.1, "claimed: below 1.1"),) if arm == big.REPORTED else ()
            shown.append(Panel(title=title, x="step", y="mse, test over train", lines=(ratio,), levels=claimed))
    return _panels(
        drawing,
        shown,
        "Figure 8. Mse on test images over that on training images along the longest runs; of more than 512 images, "
        "of 512. Each run is faint, their mean bold.",
    )


def one_channel_map(drawing: Drawing, scale: Scale) -> str:
    """What Table 2's map does to the loss on test images, by each recipe."""
    state, every = drawing.state, [*small.ways(scale)]  # of each recipe with the map, then without
    shown = []
    for with_map, without in zip(every[::2], every[1::2], strict=True):
        of = ((with_map, "with the map", BLUE), (without, "without it", VERMILION))
        lines = [
            replace(curve(runs, "test", lambda entry: entry["bce"] + entry["kl"]), label=label, color=color)
            for way, label, color in of
            if (runs := state.arms.get(way.long))
        ]
        if lines:
            top = float(max(line.runs[:, 1:].max() for line in lines))  # what comes before any training is far beyond
            step = (scale.reported, f"step {scale.reported:,}")
            axes = {"x": "step", "y": "nats per test image", "step": step, "top": top}
            shown.append(Panel(title=with_map.how, lines=tuple(lines), **axes))
    return _panels(
        drawing,
        shown,
        "Figure 9. Loss of the 16-dimensional VAE on test images, with Table 2's one-channel map and without it. Each "
        f"run is faint, their mean bold. The dashed line is the step that the report stops at, {scale.reported:,}.",
    )


def _panels(drawing: Drawing, shown: Sequence[Panel], caption: str, columns: int = 3) -> str:
    if not shown:
        return ""
    save(panels(shown, columns=columns), drawing.path)
    return caption
