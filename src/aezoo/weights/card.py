"""The model card: ``README.md`` of a model folder, from what the config and the metrics say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from aezoo.errors import AezooError
from aezoo.grammar import metric_of, parse_component
from aezoo.plain import PARTS, to_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.registry import BUILTIN, LOCAL
from aezoo.specs import DatasetSpec, MetricSpec, ModelSpec

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder

BETTER: Mapping[str, str] = {"lower": "↓", "higher": "↑", "": ""}
"""What stands beside a number whose lower or higher end is the better one."""
OWN_TERMS = "LicenseRef-"
"""What the SPDX identifier of terms that are no published licence begins with."""
_BEGAN = "It began with the weights {}, whose terms hold for these too."
_INHERITED = {"license": "other", "license_name": "inherited"}


def card(
    model: Autoencoder,
    recipe: Recipe,
    metrics: dict[str, Any] | None,
    dataset: DatasetSpec,
    *,
    name: str,
    source: str,
    cost: dict[str, float] | None = None,
    state: str = "",
    step: int | None = None,
    began: str = "",
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The card's text: what it is, how to load it, what it measures, how it was trained and is trained again, what
    it is not for, on which terms. Its front matter is what the Hugging Face Hub reads, the numbers included.

    Args:
        model: as it was trained.
        recipe: how it was trained.
        metrics: what `aezoo.training.results.measure_all` gives; None where nothing is measured yet.
        dataset: what it was trained on; its terms are the weights' terms.
        name: the title.
        source: what ``aezoo.create`` and ``aezoo train`` are told.
        cost: what half precision changed in each test metric, where the weights are stored so.
        state: what `aezoo.weights.folder.standing` says: how far the training came, where it did not come to its end.
        step: of the training, whose weights these are.
        began: the weights that it began with, where it did not begin anew.
        pictures: by the path within the folder, what each shows.
    """
    spec = model.spec
    said = to_json(recipe) | {"loss": recipe.loss or spec.loss}
    settings = "\n".join(f"| {key} | `{value}` |" for key, value in said.items() if key not in ("cost", "reaches"))
    own = {"built by": spec.implementation} if spec.implementation else {kind: getattr(spec, kind) for kind in PARTS}
    parts = "\n".join(f"| {label} | `{value}` |" for label, value in own.items())
    measured = f"## Measured\n\n{_measured(spec.name, recipe, metrics)}{_halved(cost)}\n\n" if metrics else ""
    under_way = f"\n\n**{state.capitalize()}.**" if state else ""
    kept = f" The weights are those of step {step}." if step is not None else ""
    shown = "".join(f"![{text}]({path})\n\n{text}.\n\n" for path, text in (pictures or {}).items())
    index = {"model-index": [{"name": name, "results": _results(recipe, metrics)}]} if metrics else {}
    return f"""{_head(name, _INHERITED if began else _licence(dataset), index)}

{spec.summary}. Trained with aezoo.{under_way}

{_loading(f'aezoo.create("{source}", pretrained=True)')}
{_needed(spec)}
{shown}{measured}## Training

| setting | value |
|---|---|
| image | `{spec.image}`; it takes {model.sizes} |
| latent | `{model.latent_shape}`, mean and deviation stored of each {model.statistics} |
{parts}
{settings}

`config.json` holds the sha256 of the weights and of the images, versions, threads and device.{kept}
`aezoo train {source}` trains it again{", beginning with the weights named below" if began else ""}.

{spec.citation}

## Limits

It gives back images like those that it was trained on; what it makes of others, no number here says. What an image
loses, the decoder makes up: nothing that it draws is evidence of what was there, and it is not meant to identify or
judge anyone. It is as one-sided as its training images are.

## Terms

{_terms(dataset, recipe, began)}
"""


def unmeasured(model: Autoencoder, *, name: str, source: str) -> str:
    """The card of a model that was saved as it stands, of which nothing is measured.

    Args:
        model: as it was saved.
        name: the title.
        source: what ``from_pretrained`` is told.
    """
    begun = _BEGAN.format(model.source.origin) if model.source else ""
    return f"""{_head(name, _INHERITED if begun else {}, {})}

{model.spec.summary}. Saved as it was: what else it was trained on, and how good it is, is not said.
{begun}

{_loading(f'aezoo.Autoencoder.from_pretrained("{source}")')}
{_needed(model.spec)}
It takes images of {model.image.channels} channels, {model.sizes} pixels; one latent is {model.latent_shape}.
"""


def _head(name: str, licence: Mapping[str, str], index: Mapping[str, Any]) -> str:
    """The front matter, as the Hugging Face Hub reads it, and the title."""
    matter = {
        "library_name": "aezoo",
        "pipeline_tag": "image-to-image",
        **licence,
        "tags": ["aezoo", "autoencoder", "pytorch"],
        **index,
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, width=1000)}---\n# {name}"


def _loading(model: str) -> str:
    """The code that loads a model and uses it."""
    return f"""```python
import aezoo

model = {model}
latent = model.encode(model.preprocess("picture.png"))
```"""


def _measured(name: str, recipe: Recipe, metrics: dict[str, Any]) -> str:
    """The table of what was measured, and of what."""
    splits = [split for split in ("train", "validation", "test") if split in metrics]
    rows = [(name, metrics), ("mean-image", metrics["mean-image"])]
    columns = list(dict.fromkeys(column for _, values in rows for split in splits for column in values[split]))
    protocol, lines = metrics["protocol"], []
    for label, values in rows:
        for split in splits:
            errors = protocol.get("errors", {}).get(split, {}) if values is metrics else {}
            cells = [with_error(values[split].get(column), errors.get(column)) for column in columns]
            lines.append(f"| {label} | {split} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    images = ", ".join(f"{protocol['images'][split]} {split}" for split in splits)
    return f"""| model | split | {" | ".join(map(heading, columns))} |
|---|---|{"---|" * len(columns)}
{table}

{recipe.dataset}, {images} images; float32; evaluation seed {protocol["seed"]}.
{protocol["z"].capitalize()}.{draws(protocol)}
`mean-image` answers every image with the training images' mean."""


def heading(metric: str) -> str:
    """``"psnr (dB) ↑"``: a metric, its unit and its better end; of one that nothing registers the name alone."""
    try:
        spec = registry().find("metric", parse_component(metric).name).spec
    except AezooError:
        return metric
    assert isinstance(spec, MetricSpec)
    return " ".join(filter(None, (metric, spec.unit and f"({spec.unit})", BETTER[spec.better])))


def _results(recipe: Recipe, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """The numbers as the Hub's ``model-index`` has them: a result a split, each with what it was measured on."""
    protocol, baseline = metrics["protocol"], metrics["mean-image"]
    ids = protocol.get("metrics", {})
    image = "x".join(map(str, (*protocol["image"]["size"], protocol["image"]["channels"])))
    results = []
    for split in (name for name in ("train", "validation", "test") if name in metrics):
        about = {"images": protocol["images"][split], "sha256": protocol.get("sha256", {}).get(split, "")}
        about |= {"image": image}
        about |= {key: protocol[key] for key in ("binarize", "precision", "z", "unit") if protocol.get(key)}
        values = []
        for name, value in _finite(metrics[split]).items():
            known = {"mean_image": mean} if (mean := _finite(baseline[split]).get(name)) is not None else {}
            # There are none in a folder that is older than they are.
            known |= {"protocol": ids[metric_of(name)]} if metric_of(name) in ids else {}
            args = {"seed": protocol["seed"], **known}
            values.append({"type": name, "name": heading(name), "value": value, "args": args})
        dataset = {"name": recipe.dataset, "type": recipe.dataset.partition("(")[0], "split": split, "args": about}
        task = {"type": "image-to-image", "name": "Image reconstruction"}
        results.append({"task": task, "dataset": dataset, "metrics": values})
    return results


def _finite(values: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def _needed(spec: ModelSpec) -> str:
    """The packages that its parts come from, but aezoo itself; and the parts that only a program has."""
    whole = registry().entries("model", spec.name) if spec.implementation else []
    names = [entry.qualified_name for entry in whole if entry.spec.implementation == spec.implementation]
    parts = {} if spec.implementation else {kind: part.name for kind in PARTS if (part := getattr(spec, kind))}
    packages = {name.rpartition("/")[0] for name in (*names, *parts.values())} - {BUILTIN, LOCAL, ""}
    own = [f"the {kind} `{name}`" for kind, name in parts.items() if name.startswith(f"{LOCAL}/")]
    lines = [f"\nIt needs the package{'s'[: len(packages) != 1]} {', '.join(sorted(packages))}.\n"] if packages else []
    lines += [f"\nIt needs {' and '.join(own)}, of a program that calls `aezoo.register`.\n"] if own else []
    return "".join(lines)


def _licence(dataset: DatasetSpec) -> dict[str, str]:
    """The licence as the Hugging Face Hub's front matter has it."""
    if dataset.spdx and not dataset.spdx.startswith(OWN_TERMS):
        return {"license": dataset.spdx.lower()}
    link = {"license_link": dataset.homepage} if dataset.homepage else {}
    return {"license": "other", "license_name": dataset.spdx.removeprefix(OWN_TERMS).lower() or "unknown", **link}


def _terms(dataset: DatasetSpec, recipe: Recipe, began: str) -> str:
    name = recipe.dataset.partition("(")[0] if dataset.members else dataset.name
    trained = f"Trained on {name}: {dataset.licence or 'its licence is not known to aezoo'}."
    if began:
        terms = f"The weights are subject to the terms of that data. {_BEGAN.format(began)}"
    elif dataset.spdx and not dataset.spdx.startswith(OWN_TERMS):
        terms = f"The weights may be used under the same licence, {dataset.spdx}."
    else:
        where = f" ({dataset.homepage})" if dataset.homepage else ""
        terms = f"The weights are subject to the terms of that data{where}, whatever the licence of the code."
    return "\n".join(filter(None, (trained, terms, dataset.citation)))


def _halved(cost: dict[str, float] | None) -> str:
    if not cost:
        return ""
    changed = ", ".join(f"{name} {value:+.2g}" for name, value in cost.items())
    return f"""
Stored in half precision (biases and normalisation in float32), computed and measured in float32. Next to the weights as
they were trained, test metrics changed by: {changed}."""


def with_error(value: float | None, error: float | None = None) -> str:
    """``"1737.0 ± 0.4"``: a number, and its standard error over the draws of the posterior where there is one."""
    if value is None:
        return ""
    digits = f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}"
    return f"{digits} ± {error:.1g}" if error else digits


def draws(protocol: dict[str, Any]) -> str:
    """How many draws, where the posterior was drawn from more than once."""
    many = {split: each for split, each in protocol.get("draws", {}).items() if each > 1}
    said = ", ".join(f"{each} an image of {split}" for split, each in many.items())
    return f" Draws: {said}; ± is the standard error over them." if said else ""
