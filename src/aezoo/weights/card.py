"""The model card: ``README.md`` of a model folder, from what the config and the metrics say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aezoo.files import write_whole
from aezoo.specs import DatasetSpec, ModelSpec, Recipe, to_json
from aezoo.weights.folder import CARD


def write_card(folder: Path, spec: ModelSpec, recipe: Recipe, metrics: dict[str, Any], dataset: DatasetSpec) -> None:
    """Write the card of a trained model."""
    with write_whole(folder / CARD) as draft:
        draft.write_text(card(spec, recipe, metrics, dataset, folder.name), encoding="utf-8")


def card(spec: ModelSpec, recipe: Recipe, metrics: dict[str, Any], dataset: DatasetSpec, name: str) -> str:
    """The card's text: what it is, how to load it, what it measures, how it was trained, on which terms."""
    splits = [split for split in ("train", "validation", "test") if split in metrics]
    columns = list(metrics[splits[0]])
    rows = [(spec.name, metrics), ("mean-image", metrics["mean-image"])]
    table = "\n".join(
        f"| {label} | {split} | " + " | ".join(_number(values[split].get(column)) for column in columns) + " |"
        for label, values in rows
        for split in splits
    )
    settings = "\n".join(
        f"| {key} | `{value}` |" for key, value in to_json(recipe).items() if key not in ("cost", "reaches")
    )
    measured = metrics["protocol"]
    images = ", ".join(f"{measured['images'][split]} {split}" for split in splits)
    return f"""---
library_name: aezoo
pipeline_tag: image-to-image
tags: [aezoo, autoencoder, pytorch]
---
# {name}

{spec.summary}. Trained with aezoo.

```python
import aezoo

model = aezoo.create("local-dir:{name}", pretrained=True)  # the folder that holds this file
latent = model.encode(model.preprocess("picture.png"))
```

## Measured

| model | split | {" | ".join(columns)} |
|---|---|{"---|" * len(columns)}
{table}

{recipe.dataset}, {images} images; float32; evaluation seed {measured["seed"]}. {measured["z"].capitalize()}.
`mean-image` answers every image with the training images' mean.

## Training

| setting | value |
|---|---|
| image | `{spec.image}` |
| encoder | `{spec.encoder}` |
| bottleneck | `{spec.bottleneck}` |
| decoder | `{spec.decoder}` |
{settings}

{spec.citation}

## Terms

Trained on {dataset.name}: {dataset.licence or "its licence is not known to aezoo"}. {dataset.citation}
The weights are subject to the terms of that data.
"""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}"
