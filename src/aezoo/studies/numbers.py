"""Every number of a study as JSON, each seed's included."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from aezoo.plain import to_json
from aezoo.studies import statistics
from aezoo.studies.drawings import Drawn
from aezoo.studies.state import State
from aezoo.studies.statistics import Interval
from aezoo.studies.study import Arm
from aezoo.studies.trials import Finished
from aezoo.studies.verdicts import Found, Judged


def numbers(state: State, judged: Judged, figures: Iterable[Drawn]) -> dict[str, Any]:
    """What ``report.json`` holds."""
    return {
        "study": state.study.name,
        "quick": state.study.quick,
        "covers": statistics.COVERS,
        "claims": [
            {"number": claim.number, "says": claim.says, "rule": claim.rule, "rows": [_row(each) for each in found]}
            for claim, found in judged
        ],
        "arms": {arm.name: _arm(state, arm) for arm in state.study.arms},
        "figures": {figure.file: figure.caption for figure in figures},
    }


def _row(found: Found) -> dict[str, Any]:
    row = found.row
    if not found.seeds:
        return {"case": row.case, "number": row.number, "missing": list(found.missing), **_lost(found)}
    return {
        "case": row.case,
        "number": row.number,
        "part": found.part,
        "images": found.images,
        **({"groups": found.groups} if found.groups else {}),
        "seeds": list(found.seeds),
        **_lost(found),
        "with_dead": _interval(found.with_dead),
        "means": {name: _known(mean) for name, mean in found.means.items()},
        "by_seed": [_known(each) for each in found.by_seed],
        **_interval(found.interval),
        "claimed": str(row.region),
        "p": _known(found.p),
        "verdict": found.verdict or None,
    }


def _lost(found: Found) -> dict[str, int]:
    return {"dead": found.dead, "diverged": found.diverged}


def _interval(number: Interval) -> dict[str, Any]:
    return {
        "estimate": _known(number.estimate),
        "error": _known(number.error),
        "parts": [{"variance": _known(variance), "freedom": freedom} for variance, freedom in number.parts],
        "interval": [_known(number.low), _known(number.high)],
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no others


def _arm(state: State, arm: Arm) -> dict[str, Any]:
    return {
        "label": arm.label,
        "part": arm.part,
        "parameters": arm.summary.parameters,
        "macs": arm.summary.macs,
        "depth": arm.depth,
        "recipe": {**to_json(arm.recipe), "lr": state.rate(arm)},
        "search": {
            f"{lr:g}": [_known(loss) for loss in losses]  # None: it diverged
            for lr, losses in state.validation_losses(arm).items()
        },
        "diverged": [*state.diverged.get(arm.name, {})],  # seeds
        "runs": [_run(run) for run in state.arms.get(arm.name, {}).values()],
    }


def _run(run: Finished) -> dict[str, Any]:
    return {
        "folder": run.folder.name,
        "seed": run.trial.recipe.seed,
        "seconds": run.seconds,
        "threads": run.training["threads"],
        "device": run.training["device"],
        "precision": run.training["precision"],
        "revision": run.training["revision"],
        "packages": run.training["packages"],
        "data": run.training["data"],
        "warnings": run.warnings,
        "marks": {
            str(mark): {
                f"{split}/{name}": _known(float(run.values(split, name, mark, whole=True).mean()))
                for split in ("train", "test")
                for name in run.measures(split, mark)
            }
            for mark in run.trial.marks
        },
    }
