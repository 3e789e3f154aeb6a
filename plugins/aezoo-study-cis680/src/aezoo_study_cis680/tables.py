"""The study's own tables: what cross-validation chose of the small models, and what depth costs and gives."""

from __future__ import annotations

import math

import numpy as np

from aezoo.studies import State
from aezoo.studies.text import mean_sd, table
from aezoo_study_cis680 import big, small
from aezoo_study_cis680.scale import Scale


def choice(state: State) -> str:
    """Which normalisation and start have the lowest cross-validated loss, each at its best rate; empty before."""
    arms = {arm.name: arm for arm in state.study.arms}
    rows, agreed = [], []
    for model in small.CHOSEN:
        cells = {cell: arms[f"{small.CHOICE}-{model}-{cell}"] for cell in small.CELLS}
        rates = {cell: state.rate(arm) for cell, arm in cells.items()}
        if None in rates.values():
            continue
        losses = {cell: state.validation_losses(arm)[rates[cell] or 0.0] for cell, arm in cells.items()}
        best = min(losses, key=lambda cell, losses=losses: float(np.mean(losses[cell])))
        taken = {cell: small.RATES[f"{model}-{cell}"] for cell in cells}
        agreed.append(best == small.CHOSEN[model] and rates == taken)
        rows += [
            [cells[cell].label, f"{rates[cell]:g}", mean_sd(found), "lowest" if cell == best else ""]
            for cell, found in losses.items()
        ]
    if not rows:
        return ""
    others = " and ".join(f"{small.SAYS[cell]} for `{model}`" for model, cell in small.CHOSEN.items())
    return (
        "## Normalisation and start\n\n"
        f"{table(['arm', 'lr', 'validation loss', ''], rows)}\n\n"
        "The lowest mean over the folds of each arm, at the rate that gives it, and the standard deviation over folds: "
        "squared error an image of the AE, nats of the VAE. Each fold has a seed of its own. The arms of the small "
        f"models take these rates, and those that vary something else {others}, as they were chosen so on CUFS"
        f"{'' if all(agreed) else '; on these images the choice would have been another'}."
    )


def depth(state: State, scale: Scale) -> str:
    """What each big network costs, and its error after equal steps and at its end; empty where nothing is."""
    arms = [arm for arm in state.study.arms_of(big.PART) if state.arms.get(arm.name)]
    if not arms:
        return ""
    rows = []
    for arm in arms:
        runs = state.arms[arm.name].values()
        stops = big.compared_at(arm)
        cells = [
            mean_sd([run.values(split, "mse", stop).mean() for run in runs])
            for stop in stops
            for split in ("train", "test")
        ]
        costs = [f"{arm.summary.parameters:,}", f"{arm.summary.macs / 1e6:.0f}", f"{state.rate(arm) or math.nan:g}"]
        rows.append([arm.label, str(arm.depth), *costs, *cells[:4], f"{stops[-1]:,}", *cells[4:]])
    heads = ["arm", "depth", "parameters", "million MACs", "lr"]
    heads += [f"{split}, {steps:,} steps" for steps in scale.budgets for split in ("train", "test")]
    return (
        f"## Depth and width\n\n{table([*heads, 'equal compute', 'train', 'test'], rows)}\n\n"
        "Mse, mean and standard deviation over seeds; of training images as many as there are test images. The number "
        "in an arm's name is that of 3x3 convolutions a stage. "
        "Depth counts the convolutions and linear layers on the longest path, shortcuts left out. Plain and residual "
        "networks have the same layers and differ in the shortcut and the zero start of each block. MACs are "
        f"multiply-accumulates of one image. Compute is equal after steps that cost what {scale.budgets[1]:,} cost "
        "the deepest network; the network half as wide stops there. Learning rates were chosen on held-out images of "
        "CelebA."
    )
