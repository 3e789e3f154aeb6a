"""The table of what was measured, under it the protocol."""

from __future__ import annotations

from typing import Any

from aezoo.cli import console
from aezoo.weights.card import draws, heading, with_error


def show(metrics: dict[str, Any]) -> None:
    """Print metrics as `aezoo.training.results.measure_all` gives them: a row a split, then those of the baseline."""
    baseline, protocol = metrics["mean-image"], metrics["protocol"]
    models = {"this model": {split: metrics[split] for split in baseline}, "mean-image": baseline}
    names = list(dict.fromkeys(name for rows in models.values() for values in rows.values() for name in values))
    rows = [
        [model, split, *(with_error(values.get(name), errors.get(name)) for name in names)]
        for model, splits in models.items()
        for split, values in splits.items()
        for errors in [protocol.get("errors", {}).get(split, {}) if splits is not baseline else {}]
    ]
    columns = [console.Column("model"), console.Column("split")]
    console.table([*columns, *(console.Column(heading(name), right=True) for name in names)], rows, keys=2)
    images = ", ".join(f"{n}" if split == "all" else f"{n} {split}" for split, n in protocol["images"].items())
    console.text(
        f"{protocol['dataset']}: {images} images; {protocol['precision']}; seed {protocol['seed']}.{draws(protocol)}"
    )
