"""The report of the CIS 680 study: ``report.md`` for a reader, ``report.json`` with every number."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aezoo.autoencoder import Autoencoder
from aezoo.errors import AezooError
from aezoo.factory import create, recipe_of, resolve
from aezoo.files import write_json, write_whole
from aezoo.specs import to_json
from aezoo.studies import cis680, statistics
from aezoo.studies.claims import Claim, Found, judge
from aezoo.studies.drawings import Drawn, draw
from aezoo.studies.study import Arm, Other, Part, State, validation_loss
from aezoo.studies.trials import BASELINES, Finished, write_values
from aezoo.training.data import load_splits
from aezoo.weights.folder import read_state

REPORT, NUMBERS = "report.md", "report.json"
_SHOWN = ("mse", "gradient", "bce", "kl")


@dataclass(frozen=True)
class Report:
    """What was written: the claims with what was found of each, and the figures."""

    claims: tuple[tuple[Claim, tuple[Found, ...]], ...]
    figures: tuple[Drawn, ...]


def write_report(state: State, out: Path, *, pictures: str = "own", root: str = "") -> Report:
    """Write ``report.md``, ``report.json`` and ``figures/`` from the trials that are finished.

    Args:
        state: what is there.
        out: of the study.
        pictures: as in `aezoo.studies.drawings.draw`.
        root: where the data lies.

    Raises:
        DataError: images to draw are missing.
    """
    big = None if state.study.quick else _published(state, out, root)
    figures = draw(state, out, pictures=pictures, root=root, big=big)
    judged = tuple(
        (claim, tuple(judge(row, state) for row in claim.rows)) for claim in cis680.claims(state.study.quick)
    )
    report = Report(judged, tuple(figures))
    with write_whole(out / REPORT) as draft:
        draft.write_text(_markdown(state, report), encoding="utf-8")
    write_json(out / NUMBERS, _json(state, report))
    return report


def _published(state: State, out: Path, root: str) -> Autoencoder | None:
    """The published big VAE, where its weights are installed; what it scores is measured once and kept.

    Its training images are those of its own recipe, which holds some out.
    """
    if not state.arms.get("plain-1"):
        return None
    try:
        model = create(cis680.MODEL, pretrained=True)
    except AezooError:  # not installed
        return None
    part = state.part_of("plain-1")
    kept = out / "published" / f"{_digest(model)}.safetensors"
    try:
        tensors = read_state(kept)
    except AezooError:
        splits = load_splits(recipe_of(resolve(cis680.MODEL)), model.image, root=root or None)
        write_values(kept, model, splits)
        tensors = read_state(kept)
    state.others[cis680.PUBLISHED] = Other(part.name, tensors)
    return model


def _digest(model: Autoencoder) -> str:
    whole = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        whole.update(name.encode() + tensor.numpy().tobytes())
    return whole.hexdigest()[:16]


# Text


def _markdown(state: State, report: Report) -> str:
    sections = [
        _introduction(state),
        "" if state.study.quick else _summary(state, report),
        _claims(state, report),
        *(f"![{figure.caption}](figures/{figure.file})\n\n*{figure.caption}*" for figure in report.figures),
        *(_arms(state, part) for part in state.study.parts if any(_finished(state, part))),
        _depth_table(state),
        _searches(state),
        _protocol(state),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _introduction(state: State) -> str:
    study = state.study
    lines = ["# The CIS 680 report, measured", ""]
    if study.quick:
        lines += ["**A quick look: a handful of steps. It shows that everything runs; no verdicts.**", ""]
    lines += [
        "`aezoo reproduce cis680` trains the autoencoders of the CIS 680 course report again and measures what it "
        "claims of them. Where a verdict is given, it is computed from the numbers beside it.",
        "",
        "| part | images | training | test | runs | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for part in study.parts:
        arms = [arm for arm in study.arms if arm.part == part.name]
        there = sum(1 for _ in _finished(state, part))
        counts = _counts(state, part)
        wanted = sum(arm.seeds + len(arm.search) for arm in arms)
        seeds = max((arm.seeds for arm in arms), default=0)
        lines.append(
            f"| {part.name} | {part.says} | {counts.get('train', '')} | {counts.get('test', '')} | "
            f"{there} of {wanted or 'none'} | {seeds or ''} |"
        )
    lines += [
        "",
        "What differs from the report: what it calls the standard deviation's head gives the log-variance; the weights "
        "of the 16-dimensional VAE start from DCGAN's N(0, 0.02), which the report does not say; batch normalisation "
        "is shown on and off, because it decides one claim.",
    ]
    return "\n".join(lines)


def _summary(state: State, report: Report) -> str:
    """A line a claim: its verdicts, and of which cases each is."""
    rows = []
    for claim, found in report.claims:
        said = {each.row.case: verdict(state, each) for each in found if each.row.region}
        texts = list(dict.fromkeys(said.values()))
        cases = {text: "; ".join(_together([case for case, each in said.items() if each == text])) for text in texts}
        whole = [f"**{text}**" if len(texts) == 1 else f"**{text}**: {cases[text]}" for text in texts]
        rows.append([str(claim.number), claim.says, "<br>".join(whole)])
    return f"## In short\n\n{_table(['#', 'claim', 'verdict'], rows)}"


def _together(cases: Sequence[str]) -> list[str]:
    """The cases, one name for those on training and on test images where both are there."""
    names = {case: case.removesuffix(", train").removesuffix(", test") for case in cases}
    both = {name for name in names.values() if {f"{name}, train", f"{name}, test"} <= set(cases)}
    return list(dict.fromkeys(name if name in both else case for case, name in names.items()))


def _claims(state: State, report: Report) -> str:
    lines = ["## Claims", "", "| # | claim, case | measured | claimed | verdict |", "|---|---|---|---|---|"]
    for claim, found in report.claims:
        lines.append(f"| **{claim.number}** | **{claim.says}** | {claim.rule} | | |")
        lines += [
            f"| | {each.row.case} | {_measured(each)} | {_claimed(each)} | {verdict(state, each)} |" for each in found
        ]
    lines += [
        "",
        f"In brackets: the {100 * statistics.COVERS:.0f} % interval of a bootstrap of {statistics.DRAWS:,} draws over "
        "seeds and images, paired over both. A claim *holds* where all of the interval is where the claim says, *does "
        "not hold* where none of it is, and is *undecided* between. With three or five seeds such an interval is too "
        "narrow (it is about the range of the seeds): read one that nearly touches its bound as undecided.",
    ]
    return "\n".join(lines)


def number(found: Found) -> str:
    """A row's number with its interval."""
    if found.missing:
        return f"needs {', '.join(found.missing)}"
    interval = found.interval
    bounds = f"[{_number(interval.low)}, {_number(interval.high)}]"
    return f"{found.row.number} {_number(interval.estimate)} {bounds}"


def _measured(found: Found) -> str:
    """A row's number in a line: the means that it is of, the number, and on what."""
    if found.missing:
        return number(found)
    means = ", ".join(f"{name} {_number(value)}" for name, value in found.means.items())
    means = f"{means}; " if len(found.means) > 1 else ""
    images = " and ".join(f"{n:,} {split}" for split, n in found.images.items())
    on = ", ".join(filter(None, (found.part, images, f"{len(found.seeds)} seed{'s'[: len(found.seeds) > 1]}")))
    return f"{means}{number(found)} ({on})"


def _claimed(found: Found) -> str:
    return str(found.row.region) if found.row.region else ""


def verdict(state: State, found: Found) -> str:
    """What is said of a row: a verdict, or why there is none."""
    if found.missing:
        return "not run yet"
    if not found.row.region:
        return ""
    if state.study.quick:
        return "quick: no verdicts"
    if not found.verdict:
        return f"too few seeds ({len(found.seeds)} of {state.study.part(found.part).needed})"
    return found.verdict


def _arms(state: State, part: Part) -> str:
    """Every arm's numbers at its last step, beside those of the mean image and the constant grey."""
    arms = [arm for arm in state.study.arms if arm.part == part.name and state.arms.get(arm.name)]
    if not arms:
        return ""
    columns = [(split, name) for name in _SHOWN for split in ("train", "test")]
    heads = [f"{name} {split}" for split, name in columns]
    rows = []
    for arm in arms:
        runs = state.arms[arm.name].values()
        cells = [
            _mean_sd([run.values(*column).mean() for run in runs if column[1] in run.measures()]) for column in columns
        ]
        rows.append([arm.label, f"{arm.recipe.steps:,}", str(len(runs)), *cells, _flags(runs)])
    some = next(iter(state.arms[arms[0].name].values()))
    for baseline in BASELINES:
        known = [f"{baseline}/{name}" for _, name in columns]
        cells = [
            _number(some.values(split, name).mean()) if name in some.measures() else ""
            for (split, _), name in zip(columns, known, strict=True)
        ]
        rows.append([baseline, "", "", *cells, ""])
    table = _table(["arm", "steps", "seeds", *heads, "warnings"], rows)
    counts = " and ".join(f"{n:,} {split}" for split, n in _counts(state, part).items())
    return (
        f"## All arms: {part.name}\n\n{table}\n\n"
        f"At the last step, {counts} images of {part.dataset}: mean over images and seeds, with the standard deviation "
        "over seeds. `mse` and `gradient` (gradient energy of the output over the input's, mean over images) are from "
        "the posterior's mean; `bce`, in nats an image, from one seeded sample; `kl` is in nats an image. *Collapsed*: "
        "KL is near 0, z says nothing of the image. *Dead*: the output is constant in z, which is another fault; such "
        "a decoder draws the constant grey. Behind each, how many runs show it."
    )


def _flags(runs: Iterable[Finished]) -> str:
    """Which failures how many runs show."""
    kinds = [kind for run in runs for kind in run.warnings]
    return ", ".join(f"{kind}: {kinds.count(kind)}" for kind in dict.fromkeys(kinds))


def _depth_table(state: State) -> str:
    arms = [arm for arm in state.study.arms if arm.part == "celeba" and state.arms.get(arm.name)]
    if not arms:
        return ""
    scale = cis680.QUICK if state.study.quick else cis680.FULL
    rows = []
    for arm in arms:
        runs = state.arms[arm.name].values()
        cells = [
            _mean_sd([run.values(split, "mse", mark).mean() for run in runs])
            for mark in (scale.equal, None)
            for split in ("train", "test")
        ]
        rows.append(
            [
                arm.label,
                str(longest_path(arm)),
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
        cells = [_number(some.values(split, f"{baseline}/mse").mean()) for split in ("train", "test")]
        rows.append([baseline, "", "", "", "", *cells, "", *cells])
    heads = ["arm", "depth", "parameters", "million MACs", "lr", f"mse train, {scale.equal} steps", "mse test"]
    table = _table([*heads, "steps of equal compute", "mse train", "mse test"], rows)
    return (
        f"## Depth\n\n{table}\n\n"
        "The number in an arm's name is that of 3x3 convolutions a stage. Depth counts the convolutions and linear "
        "layers on the longest path, shortcuts left out. Plain and residual networks have the same layers and differ "
        "in the shortcut and the zero start of each block. MACs are multiply-accumulates of one image. Of equal "
        f"compute are steps that cost what {scale.equal} cost the deepest network. The learning rate was chosen on "
        "held-out images."
    )


def longest_path(arm: Arm) -> int:
    """The convolutions and linear layers on the longest path; the heads of mean and log-variance lie side by side."""
    counted = [layer for layer in arm.summary.layers if layer.type in ("Conv2d", "ConvTranspose2d", "Linear")]
    return sum(layer.part != "bottleneck" for layer in counted) + 1


def _searches(state: State) -> str:
    rows = [
        [
            arm.label,
            f"{finished.trial.recipe.lr:g}",
            f"{finished.trial.recipe.steps:,}",
            _number(validation_loss(finished)),
            "chosen" if state.rate(arm) == finished.trial.recipe.lr else "",
        ]
        for arm in state.study.arms
        for finished in state.searches.get(arm.name, [])
    ]
    if not rows:
        return ""
    table = _table(["arm", "lr", "steps", "validation loss", ""], rows)
    return f"## Learning rates\n\n{table}\n\nSeed 0; a twentieth of the training images is held out, by person."


def _protocol(state: State) -> str:
    runs = [run for part in state.study.parts for run in _finished(state, part)]
    if not runs:
        return ""
    seconds = sum(run.seconds for run in runs)
    threads = sorted({run.training["threads"] for run in runs})
    return "\n".join(
        [
            "## Protocol",
            "",
            "- Adam with betas 0.5 and 0.999, batch "
            f"{', '.join(map(str, sorted({run.trial.recipe.batch_size for run in runs})))}, a constant rate of 0.001 "
            "where none is named. Arms of the same seed see the same order of images.",
            "- Steps are fixed beforehand; nothing is chosen by test images. They are measured in float32.",
            "- Differences are paired: seed by seed, image by image.",
            f"- {len(runs)} runs took {duration(seconds)} with {' or '.join(map(str, threads))} "
            f"thread{'s'[: threads != [1]]} of torch.",
            f"- Every number, each seed's included, is in [{NUMBERS}]({NUMBERS}).",
        ]
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float, digits: int = 4) -> str:
    """So many digits, and no exponent for numbers of this study."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def _mean_sd(values: Sequence[float]) -> str:
    if not values:
        return ""
    return _number(float(np.mean(values))) + (
        f" ± {_number(float(np.std(values, ddof=1)), 2)}" if len(values) > 1 else ""
    )


def duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"``, ``"3 h 20 min"``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# Numbers


def _finished(state: State, part: Part) -> Iterable[Finished]:
    for arm in state.study.arms:
        if arm.part == part.name:
            yield from state.searches.get(arm.name, [])
            yield from state.arms.get(arm.name, {}).values()


def _counts(state: State, part: Part) -> dict[str, int]:
    """The number of images of each split."""
    for arm in state.study.arms:
        if arm.part == part.name:
            for run in state.arms.get(arm.name, {}).values():
                return {split: len(run.values(split, "mse")) for split in ("train", "test")}
    return {}


def _json(state: State, report: Report) -> dict[str, Any]:
    return {
        "study": state.study.name,
        "quick": state.study.quick,
        "bootstrap": {"draws": statistics.DRAWS, "seed": statistics.SEED, "covers": statistics.COVERS},
        "claims": [
            {
                "number": claim.number,
                "says": claim.says,
                "rule": claim.rule,
                "rows": [_row_json(each) for each in found],
            }
            for claim, found in report.claims
        ],
        "arms": {arm.name: _arm_json(state, arm) for arm in state.study.arms},
        "figures": {figure.file: figure.caption for figure in report.figures},
    }


def _row_json(found: Found) -> dict[str, Any]:
    row = found.row
    if found.missing:
        return {"case": row.case, "number": row.number, "missing": list(found.missing)}
    return {
        "case": row.case,
        "number": row.number,
        "part": found.part,
        "images": found.images,
        "seeds": list(found.seeds),
        "means": found.means,
        "by_seed": list(found.by_seed),
        "estimate": found.interval.estimate,
        "interval": [found.interval.low, found.interval.high],
        "claimed": str(row.region) if row.region else None,
        "verdict": found.verdict or None,
    }


def _arm_json(state: State, arm: Arm) -> dict[str, Any]:
    return {
        "label": arm.label,
        "part": arm.part,
        "parameters": arm.summary.parameters,
        "macs": arm.summary.macs,
        "depth": longest_path(arm),
        "recipe": {**to_json(arm.recipe), "lr": state.rate(arm)},
        "search": {
            f"{finished.trial.recipe.lr:g}": validation_loss(finished) for finished in state.searches.get(arm.name, [])
        },
        "runs": [_run_json(run) for _, run in sorted(state.arms.get(arm.name, {}).items())],
    }


def _run_json(run: Finished) -> dict[str, Any]:
    return {
        "folder": run.folder.name,
        "seed": run.trial.recipe.seed,
        "seconds": run.seconds,
        "threads": run.training["threads"],
        "device": run.training["device"],
        "data": run.training["data"],
        "warnings": run.warnings,
        "marks": {
            str(mark): {
                f"{split}/{name}": float(run.values(split, name, mark).mean())
                for split in ("train", "test")
                for name in run.measures()
            }
            for mark in run.trial.marks
        },
    }
