"""The table of the study of depth: what each network costs, and its error after equal steps and equal compute."""

from __future__ import annotations

import math

from aezoo.studies import State
from aezoo.studies.text import mean_sd, number, table
from aezoo.studies.trials import BASELINES
from aezoo_study_cis680.scale import Scale


def depth_table(state: State, scale: Scale) -> str:
    """A section of the report; empty where nothing is."""
    arms = [arm for arm in state.study.arms_of("celeba") if state.arms.get(arm.name)]
    if not arms:
        return ""
    rows = []
    for arm in arms:
        runs = state.arms[arm.name].values()
        cells = [
            mean_sd([run.values(split, "mse", mark).mean() for run in runs])
            for mark in (scale.equal, None)
            for split in ("train", "test")
        ]
        rows.append(
            [
                arm.label,
                str(arm.depth),
                f"{arm.summary.parameters:,}",
                f"{arm.summary.macs / 1e6:.0f}",
                f"{state.rate(arm) or math.nan:g}",
                *cells[:2],
                f"{arm.recipe.steps:,}",
                *cells[2:],
            ]
        )
    some = next(iter(state.arms[arms[0].name].values()))
    for baseline in BASELINES:
        cells = [number(some.values(split, f"{baseline}/mse").mean()) for split in ("train", "test")]
        rows.append([baseline, "", "", "", "", *cells, "", *cells])
    heads = ["arm", "depth", "parameters", "million MACs", "lr", f"mse train, {scale.equal} steps", "mse test"]
    whole = table([*heads, "steps of equal compute", "mse train", "mse test"], rows)
    return (
        f"## Depth\n\n{whole}\n\n"
        "The number in an arm's name is that of 3x3 convolutions a stage. Depth counts the convolutions and linear "
        "layers on the longest path, shortcuts left out. Plain and residual networks have the same layers and differ "
        "in the shortcut and the zero start of each block. MACs are multiply-accumulates of one image. Of equal "
        f"compute are steps that cost what {scale.equal} cost the deepest network. The learning rate was chosen on "
        "held-out images."
    )
