"""The key of a trial: a hash of what decides its weights and its values.

Trials are found again by it, so it must not change when aezoo learns more. What the first version hashed is hashed for
ever, at its default too; a field or an option that came later only where it is not at its default.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aezoo.composition import default_prior
from aezoo.plain import Component, to_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe, Tag
from aezoo.requests import ask
from aezoo.specs import MetricSpec, ModelSpec, Spec

VERSION = 2
"""Raised whenever the values of a trial come to mean something else."""

# What the first version hashed.
_PARTS = ("encoder", "bottleneck", "decoder")
_OPTIONS = {"depth", "dim", "hidden", "init", "layers", "norm", "pretrained", "sampling", "shortcut", "widths"}
_RECIPE = {
    "dataset": "toyfaces",
    "binarize": "",
    "mirror": False,
    "validation": 0.0,
    "loss": "",
    "steps": 1000,
    "batch_size": 64,
    "accumulate": 1,
    "optimizer": "adam",
    "lr": 1e-3,
    "betas": (0.5, 0.999),
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0,
    "clip_norm": 0.0,
    "ema": 0.0,
    "kl_warmup": 0,
    "precision": "auto",
    "compile": False,
    "seed": 0,
    "evaluate_every": 0,
    "patience": 0,
    "keep": "last",
}
# What decides nothing: names, descriptions, and what follows from the parts.
_SILENT = {field.name for cls in (Spec, Tag) for field in dataclasses.fields(cls)} - {"implementation"}
_SILENT |= {"tags", "default_tag", "citation", "cost", "reaches"}


def key(spec: ModelSpec, recipe: Recipe, marks: tuple[int, ...], measures: tuple[str, ...] = ()) -> str:
    """Twelve hexadecimal digits.

    Args:
        spec: a described model.
        recipe: how it is trained.
        marks: the steps whose values are kept.
        measures: the metrics beside the usual ones; none in the first version.
    """
    parts = {name: _part(name, getattr(spec, name)) for name in _PARTS}
    whole = {"image": to_json(spec.image), **parts, "implementation": spec.implementation, "loss": spec.loss}
    asked = {name: to_json(getattr(recipe, name, default)) for name, default in _RECIPE.items()}
    named = tuple(map(_revised, measures))
    decides = [VERSION, whole | _later(spec, whole), asked | _later(recipe, asked), marks, *filter(None, [named])]
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _revised(measure: str) -> str:
    """A metric's request, and its revision from the second on."""
    spec = ask("metric", measure).entry.spec
    assert isinstance(spec, MetricSpec)
    return measure if spec.revision == 1 else f"{measure}@{spec.revision}"


def _part(kind: str, component: Component) -> dict[str, Any]:
    """A part without the options that came later and are at their default."""
    options = dict(component.options)
    if later := options.keys() - _OPTIONS:
        defaults = {option.name: option.default for option in registry().find(kind, component.name).spec.options}
        options = {name: value for name, value in options.items() if name not in later or value != defaults.get(name)}
    return to_json(Component.of(component.name, **options))


def _later(thing: ModelSpec | Recipe, first: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that came later and are not at their default, however that is spelt."""
    found = {}
    for field in dataclasses.fields(thing):
        if field.name not in _SILENT and field.name not in first:
            value = getattr(thing, field.name)
            same = _plainest(field.name, value) == _plainest(field.name, _default(thing, field))
            found |= {} if same else {field.name: to_json(_plainest(field.name, value))}
    return found


def _default(thing: ModelSpec | Recipe, field: dataclasses.Field[Any]) -> Any:
    if isinstance(thing, ModelSpec) and field.name == "prior":
        return default_prior(thing)
    return field.default


def _plainest(kind: str, value: Any) -> Any:
    """A part by its qualified name, with the options alone that are not at their default; the rest as it is."""
    if not isinstance(value, Component):
        return value
    entry = registry().find(kind, value.name)
    defaults = {option.name: option.default for option in entry.spec.options}
    options = {name: given for name, given in value.options if given != defaults.get(name)}
    return Component.of(entry.qualified_name, **options)
