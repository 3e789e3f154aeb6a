"""What was measured of models, as a table for a terminal, a README or a spreadsheet, or as JSON."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import console
from aezoo.files import write_whole
from aezoo.plain import ImageSpec
from aezoo.weights.card import draws, heading, with_error

if TYPE_CHECKING:
    from aezoo.training.drift import Drift
    from aezoo.training.evaluated import Evaluation


def show(models: dict[str, dict[str, Any]], form: str = "text") -> None:
    """Print what was measured: a row a model and split, then the baselines; under it the protocol.

    Args:
        models: the metrics of each, by its name.
        form: ``"text"``, ``"markdown"``, ``"csv"`` or ``"json"``. JSON of one model is its metrics; of several it is
            theirs by name.
    """
    if form == "json":
        console.print_json(models if len(models) > 1 else next(iter(models.values())))
        return
    rows = _rows(models)
    names = list(dict.fromkeys(name for _, _, values, _ in rows for name in values))
    if form == "csv":
        lines = [
            ["model", "split", *names],
            *([*key, *(values.get(name) for name in names)] for *key, values, _ in rows),
        ]
        sys.stdout.write(_as_csv(lines))
        return
    head = ["model", "split", *map(heading, names)]
    cells = [[*key, *(with_error(values.get(n), errors.get(n)) for n in names)] for *key, values, errors in rows]
    if form == "markdown":
        for line in (head, ["---", "---", *("--:" for _ in names)], *cells):
            click.echo("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |")
        click.echo()
    else:
        columns = [console.Column(title, right=number > 1) for number, title in enumerate(head)]
        console.table(columns, cells, keys=2)
    for line in dict.fromkeys(_protocol(metrics["protocol"]) for metrics in models.values()):
        console.text(line)


def show_drifts(compared: dict[str, list[Drift]]) -> None:
    """Say of each model whether its numbers are its card's, and by how much those that are not have drifted."""
    from aezoo.training.drift import TOLERANCE

    for name, found in compared.items():
        wrong = [drift for drift in found if not drift.passes]
        for drift in wrong:
            numbers = f"{drift.metric} of {drift.split} is {drift.now:.6g}, on its card {drift.card:.6g}"
            console.fail(f"{name}: {numbers}: off by {drift.share:.2g}, more than {TOLERANCE:g} of itself")
        if not wrong:
            most = max(drift.share for drift in found)
            within = f"within {TOLERANCE:g} of themselves (at most {most:.1g})"
            console.note(f"{name}: {len(found)} numbers as on its card, {within}")


def verdict(found: Sequence[Drift]) -> dict[str, Any]:
    """What `show_drifts` says of a model, as JSON has it; what is no number is null."""
    numbers = [
        {"split": each.split, "metric": each.metric, "card": _finite(each.card), "now": _finite(each.now)}
        | {"share": _finite(each.share), "passes": each.passes}
        for each in found
    ]
    return {"passes": all(each.passes for each in found), "numbers": numbers}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def write_scores(found: Sequence[Evaluation], path: Path) -> None:
    """Write every image's values: a row an image, of each split and model, whole or not at all."""
    names = list(dict.fromkeys(name for each in found for of in each.found.values() for name in of.values))
    lines: list[list[Any]] = [["model", "split", "index", "image", *names]]
    for each in found:
        for split, measurement in each.found.items():
            images = each.images[split]
            for place, index in enumerate(images.index.tolist()):
                values = [
                    values[place].item() if (values := measurement.values.get(n)) is not None else "" for n in names
                ]
                lines.append([each.name, split, index, images.names[place] if images.names else "", *values])
    with write_whole(path) as draft:
        draft.write_text(_as_csv(lines), encoding="utf-8", errors="surrogateescape")


def _rows(models: dict[str, dict[str, Any]]) -> list[tuple[str, str, dict[str, Any], dict[str, float]]]:
    """Model, split, numbers and their errors; then the baselines, of the same images once."""
    rows, beside = [], {}
    all_of = [metrics["protocol"] for metrics in models.values()]
    differ = [key for key in ("dataset", "image", "binarize") if len({str(each.get(key)) for each in all_of}) > 1]
    for name, metrics in models.items():
        about, splits = metrics["protocol"], [*metrics["mean-image"]]
        rows += [(name, split, metrics[split], about.get("errors", {}).get(split, {})) for split in splits]
        for baseline in (key for key in metrics if key not in (*splits, "protocol")):
            of = (_image(about[key]) if key == "image" else about[key] for key in differ if about.get(key))
            label = ", ".join([baseline, *of])
            beside |= {(label, split, str(values)): values for split, values in metrics[baseline].items()}
    return rows + [(label, split, values, {}) for (label, split, _), values in beside.items()]


def _image(image: dict[str, Any]) -> str:
    return str(ImageSpec.of(image["size"], image["channels"]))


def _protocol(protocol: dict[str, Any]) -> str:
    images = ", ".join(f"{n}" if split == "all" else f"{n} {split}" for split, n in protocol["images"].items())
    how = f"as {protocol['convention']}, z a posterior's {protocol['z']}; " if "convention" in protocol else ""
    about = f"{protocol['dataset']}: {images} images; {how}{protocol['precision']}; seed {protocol['seed']}."
    of = f" PCA of {protocol['pca']['images']:,} training images." if "pca" in protocol else ""
    return about + of + draws(protocol)


def _as_csv(lines: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
