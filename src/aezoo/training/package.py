"""Packaging: a finished run becomes the weights of its tag, in the form in which a package holds them.

``<directory>/<model>.<tag>/`` is a model folder of five files (no pictures, no log, nothing to resume from), and
``<directory>/<model>.<tag>.json`` its record: see `aezoo.embedded`.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.composition import Source, describe, differing, recipe_of
from aezoo.datasets.pipeline import dataset_spec
from aezoo.embedded import read_record
from aezoo.errors import WeightsError
from aezoo.factory import load
from aezoo.files import write_folder, write_json
from aezoo.plain import to_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.registry import Entry
from aezoo.specs import ModelSpec, WeightsSpec
from aezoo.training.data import Report, load_recorded
from aezoo.training.results import measure_all
from aezoo.weights.card import card
from aezoo.weights.folder import (
    CARD,
    CONFIG,
    GOLDEN,
    METRICS,
    STATE,
    begun_with,
    read_config,
    read_golden,
    read_metrics,
    read_state,
    sha256,
    standing,
    write_config,
    write_state,
)
from aezoo.weights.golden import golden

LARGEST_COST = 1e-3
"""How much, relative to itself, the test bce, mse or nll may change when weights are halved."""
# A recipe's fields that say how it is computed or what is known of it, not what is trained.
_NOT_COMPARED = ("cost", "reaches", "precision", "compile")


@dataclass(frozen=True)
class Packaged:
    """What was packaged: its record, its folder, its metrics, and what halving changed in each of the test metrics."""

    spec: WeightsSpec
    folder: Path
    metrics: dict[str, Any]
    cost: dict[str, float]


def package(
    run: Path,
    directory: Path,
    tag: str = "",
    *,
    half: bool = False,
    replace: bool = False,
    root: str | PathLike[str] | None = None,
    report: Report | None = None,
) -> Packaged:
    """Write the weights of a finished run, and their record, into a package's folder ``weights``: both or neither.

    Args:
        run: the model folder of a finished run.
        directory: such as ``src/my_package/weights``.
        tag: of the model; by default the one that has the run's recipe.
        half: store weights as float16, but biases and all that normalises as float32, and measure them again on the
            run's own images.
        replace: overwrite a record with other bytes.
        root: where the data lies; by default ``AEZOO_DATA``.
        report: called as images are read and measured.

    Raises:
        WeightsError: the run is not finished, not of a registered model or not of the tag's recipe; other weights have
            its name; or halving costs more than `LARGEST_COST`.
        DataError: ``half``, and the run's images are not there.
    """
    if not run.is_dir():
        raise WeightsError(f"there is no folder {run}")
    for name in (CONFIG, STATE, GOLDEN, METRICS):
        if not (run / name).is_file():
            raise WeightsError(f"{run} is no finished run: it has no {name}; 'aezoo train --resume {run}' ends one")
    model = load(run)  # checks its hash
    entry = _entry(model.spec, run)
    recipe = recipe_of(Source(model.spec, folder=run))
    tag = _tag(entry, model.spec, recipe, tag, run)
    name = f"{model.spec.name}.{tag}"
    record = directory / f"{name}.json"
    cost: dict[str, float] = {}
    if (directory / name).exists() and not record.exists():
        raise WeightsError(f"{directory / name} is there, and no record of it: it is not replaced; move it away")
    with write_folder(directory / name) as draft:
        if half:
            cost = _write_halved(draft, run, model, recipe, root, report)
        else:
            for each in (CONFIG, STATE, GOLDEN, METRICS):
                shutil.copyfile(run / each, draft / each)
        spec = record_of(draft, entry, tag)
        earlier = read_record(record) if record.exists() else None
        if earlier and earlier.sha256 == spec.sha256:  # the same weights stay pinned where they are published
            spec = dataclasses.replace(spec, repo=earlier.repo, revision=earlier.revision)
        elif earlier and not replace:
            raise WeightsError(
                f"{record} has other bytes, and those of a published tag are never replaced: declare a new tag, as "
                f"{tag}-v2, and say --tag; if nobody has them yet, --replace"
            )
        metrics = read_metrics(draft)
        step = read_config(run)[1]["training"]["step"]
        text = card(model, recipe, metrics, dataset_spec(recipe.dataset), name=name, source=name, cost=cost, step=step)
        (draft / CARD).write_text(text, encoding="utf-8")
        record.unlink(missing_ok=True)  # stopped between here and the end, there are no weights rather than wrong ones
    write_json(record, to_json(spec))
    return Packaged(spec, directory / name, metrics, cost)


def record_of(folder: Path, model: Entry, tag: str) -> WeightsSpec:
    """The record of a model folder that holds the weights of a model's tag, from what is in the folder."""
    trained = load(folder)
    recipe = recipe_of(Source(trained.spec, folder=folder))
    dataset = dataset_spec(recipe.dataset)
    metrics = read_metrics(folder)
    halved = any(tensor.dtype == torch.float16 for tensor in read_state(folder / STATE).values())
    return WeightsSpec(
        name=f"{trained.spec.name}.{tag}",
        summary=f"{trained.spec.name}, trained on {recipe.dataset}",
        model=model.qualified_name,
        tag=tag,
        sha256=sha256(folder / STATE),
        size=(folder / STATE).stat().st_size,
        parameters=sum(parameter.numel() for parameter in trained.parameters()),
        precision="float16" if halved else "float32",
        dataset=recipe.dataset,
        images=metrics["protocol"]["images"]["test"],
        metrics=_known(metrics["test"]),
        baseline=_known(metrics["mean-image"]["test"]),
        licence=dataset.licence,
        spdx=dataset.spdx,
    )


def halve(model: Autoencoder) -> dict[str, Tensor]:
    """The state of a model with its float32 weights as float16.

    Matrices and kernels alone: vectors (biases, the scales of normalisations) and buffers (running statistics, the
    moments of the latents) are a thousandth of the bytes, and a small variance rounded in float16 may be zero.
    """
    every = model.named_parameters(remove_duplicate=False)
    wide = {name for name, x in every if x.ndim > 1 and x.dtype == torch.float32}
    return {name: x.half() if name in wide else x for name, x in model.state_dict().items()}


def _write_halved(
    draft: Path, run: Path, model: Autoencoder, recipe: Recipe, root: str | PathLike[str] | None, report: Report | None
) -> dict[str, float]:
    """Write the halved model and what is measured of it, and return what that changed in each test metric."""
    _, config = read_config(run)
    recorded = config["training"]["data"]
    # Its recipe is that of a tag: what names the images is an installed package.
    splits = load_recorded(run, recipe, model.image, recorded, root=root, origin="caller", report=report)
    write_state(draft / STATE, halve(model), model=model.spec.name)
    more = {**config, "sha256": sha256(draft / STATE), "halved": {"from": config["sha256"]}}
    write_config(draft, model.spec, **more)
    stored = load(draft)
    metrics, before = measure_all(stored, splits, recipe, report), dict(_known(read_metrics(run)["test"]))
    cost = {name: value - before[name] for name, value in _known(metrics["test"]) if name in before}
    for name in ("bce", "mse", "nll"):
        if name in before and not abs(cost.get(name, math.inf)) <= LARGEST_COST * abs(before[name]):
            now = "not finite" if metrics["test"][name] is None else f"{metrics['test'][name]:.6g}"
            raise WeightsError(
                f"in half precision the test {name} of {run} is {now}, not {before[name]:.6g}: leave --half out"
            )
    more["halved"]["cost"] = cost
    write_config(draft, model.spec, **more)
    write_json(draft / METRICS, metrics)
    write_state(draft / GOLDEN, golden(stored, read_golden(run)[0]), model=model.spec.name)
    return cost


def _known(measured: dict[str, float | None]) -> tuple[tuple[str, float], ...]:
    """Without what could not be measured."""
    return tuple((name, value) for name, value in measured.items() if value is not None)


def _entry(spec: ModelSpec, run: Path) -> Entry:
    """The registered model that a run is of."""
    found = registry().entries("model", spec.name) or [registry().find("model", spec.name)]
    differences = []
    for entry in found:
        assert isinstance(entry.spec, ModelSpec)
        registered = describe(dataclasses.replace(entry.spec, image=spec.image))  # a tag may have images of its own
        differences.append(differing(registered, spec))
        if not differences[-1]:
            return entry
    raise WeightsError(f"{run} is made with {differences[0]}: it is not {found[0].qualified_name}")


def _tag(entry: Entry, spec: ModelSpec, recipe: Recipe, name: str, run: Path) -> str:
    """The tag of this name, or the one that has the recipe."""
    registered = entry.spec
    assert isinstance(registered, ModelSpec)
    tags = [registered.tag(name)] if name else registered.tags
    trained = dataclasses.replace(recipe, loss=recipe.loss or spec.loss)
    differences = {
        tag.name: _changed(trained, dataclasses.replace(tag.recipe, loss=tag.recipe.loss or registered.loss))
        for tag in tags
    }
    for tag, different in differences.items():
        if (image := registered.of_tag(tag).image) != spec.image:
            different.append(f"images of {spec.image} (not {image})")
    if not differences:
        raise WeightsError(f"model {entry.qualified_name} has no tag: weights are those of a tag, with its recipe")
    nearest = min(differences, key=lambda tag: len(differences[tag]))
    if began := begun_with(run):
        differences[nearest].append(f"--from {began}")
    if state := standing(read_config(run)[1].get("training")):
        differences[nearest].append(state)
    if differences[nearest]:
        raise WeightsError(f"{run} is not {spec.name}.{nearest}: it was trained with {', '.join(differences[nearest])}")
    return nearest


def _changed(recipe: Recipe, declared: Recipe) -> list[str]:
    """``["steps=20 (not 1299)", ...]``: what decides what is trained, where the two differ."""
    names = [field.name for field in dataclasses.fields(Recipe) if field.name not in _NOT_COMPARED]
    pairs = {name: (getattr(recipe, name), getattr(declared, name)) for name in names}
    return [f"{name}={mine!r} (not {theirs!r})" for name, (mine, theirs) in pairs.items() if mine != theirs]
