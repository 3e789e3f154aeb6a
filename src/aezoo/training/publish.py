"""Publishing: a trained model, measured again, sent to the Hugging Face Hub and compared with what comes back."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.composition import NO_PRIOR, Source, ask_whole, recipe_of, resolve, stored
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import confirms, dataset_spec, is_path, load_images, public_name
from aezoo.embedded import folder_of
from aezoo.errors import WeightsError
from aezoo.factory import load
from aezoo.figures import Row, grid, reconstructions, save
from aezoo.files import write_json
from aezoo.grammar import parse_component, parse_loss
from aezoo.latent import Batch
from aezoo.plain import PARTS, from_json, to_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.requests import ask
from aezoo.specs import DatasetSpec, ModelSpec, WeightsSpec
from aezoo.training.data import Report, Splits, load_recorded
from aezoo.training.pictures import CURVES, FOLDER, RECONSTRUCTIONS, SHOWN
from aezoo.training.results import measure_all
from aezoo.weights import hub
from aezoo.weights.card import card
from aezoo.weights.folder import (
    BEGAN,
    CARD,
    CONFIG,
    GOLDEN,
    METRICS,
    SIGNATURE,
    STATE,
    facts,
    read_config,
    read_golden,
    sha256,
    standing,
    write_config,
    write_state,
)
from aezoo.weights.golden import golden

SAMPLES = "samples.png"
_GREY, _COLOUR = "toyfaces(count=8)", "toyfaces(style='colour', count=8)"


@dataclass(frozen=True)
class Draft:
    """A model folder as it is sent.

    Attributes:
        folder: where it lies.
        files: how many bytes each file has, by its path within.
        metrics: what `measure_all` gave.
    """

    folder: Path
    files: dict[str, int]
    metrics: dict[str, Any]


def draft(
    model: str,
    repo: hub.Repo,
    folder: Path,
    *,
    data: str = "",
    root: Path | None = None,
    report: Report | None = None,
) -> Draft:
    """Write what is to be published of a model: weights, config, card, golden tensors, numbers and pictures.

    Every number is measured here, on the images that the model was trained and tested on. Of data that may not be
    shown to others no picture is drawn: of drawn faces then. A path, to images or in an option, is left as its last
    name.

    Args:
        model: a run, a model folder or a name with weights.
        repo: where it is to be.
        folder: to write to, empty.
        data: the images that a run names by their path, said again.
        root: where datasets lie; by default ``AEZOO_DATA``.
        report: called as images are read and measured.

    Raises:
        WeightsError: nothing is known of its training, the training has not ended, or its images are others by now.
        DataError: its images are not there.
    """
    source = resolve(model)
    origin, record = stored(source, STATE, GOLDEN)
    trained, (spec, config) = load(origin, record), read_config(origin)
    training = config.get("training") or {}
    if "data" not in training:
        raise WeightsError(f"{origin} says nothing of a training; model.push_to_hub(...) sends it as it is, unmeasured")
    if (state := standing(training)).startswith("unfinished"):
        raise WeightsError(f"{origin} is {state}: 'aezoo train --finish' ends it")
    recipe = recipe_of(Source(spec, folder=origin))
    if data and not confirms(data, recipe.dataset):
        if not is_path(data):
            raise WeightsError(f"{origin} was trained on {recipe.dataset}, not on {data}: its numbers are of those")
        recipe = dataclasses.replace(recipe, dataset=data)  # moved: its images are compared by their hash
    # Written as they are printed, so that a path in one is found.
    terms = " + ".join(map(str, parse_loss(recipe.loss))) if recipe.loss else ""
    recipe = dataclasses.replace(recipe, loss=terms, metrics=tuple(str(parse_component(m)) for m in recipe.metrics))
    spec = dataclasses.replace(spec, loss=" + ".join(map(str, parse_loss(spec.loss))))
    asked = "caller" if data else "file"
    splits = load_recorded(origin, recipe, trained.image, training["data"], root=root, origin=asked, report=report)
    metrics = measure_all(trained, splits, recipe, report)
    dataset, paths = dataset_spec(recipe.dataset), _paths(spec, recipe)
    named = {"dataset": public_name(recipe.dataset)}
    metrics["protocol"] |= named
    metrics, spec = _without(paths, metrics), from_json(ModelSpec, _without(paths, to_json(spec)))
    trained.spec = spec
    recipe = from_json(Recipe, _without(paths, to_json(recipe) | named))
    shutil.copyfile(origin / STATE, folder / STATE)
    training = _without(paths, training)
    told = {"sha256": sha256(folder / STATE), "training": {**training, "recipe": to_json(recipe)}}
    write_config(folder, spec, **{**config, **told, **facts(trained)})
    write_state(folder / GOLDEN, golden(trained, read_golden(origin)[0]), model=spec.name)
    write_json(folder / METRICS, metrics)
    text = card(
        trained,
        recipe,
        metrics,
        dataset,
        name=repo.name.rpartition("/")[2],
        source=f"{hub.SCHEME}:{repo}",
        cost=config.get("halved", {}).get("cost"),
        state=state,
        step=training.get("step"),
        began=str(training.get(BEGAN, "")),
        pictures=_draw(folder, origin, trained, splits, dataset),
    )
    (folder / CARD).write_text(text, encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Draft(folder, {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}, metrics)


def publish(made: Draft, repo: hub.Repo, *, private: bool = False, tag: str = "") -> str:
    """Send a draft in one commit, bring it back into an empty cache, compare its answers, and return the commit.

    Raises:
        WeightsError: the Hub refuses or cannot be reached, or what comes back answers otherwise.
    """
    message = f"Publish {made.folder.name} with aezoo"
    commit = hub.push(repo, made.folder, private=private, tag=tag, message=message, stale=(hub.PICTURES, SIGNATURE))
    with tempfile.TemporaryDirectory() as empty:
        for file in (CONFIG, STATE, GOLDEN):
            back = hub.pull(hub.Repo(repo.name, commit), file, cache=Path(empty)).parent
        asked, known = read_golden(back)
        again = golden(load(back), asked)
    close = {name: torch.allclose(tensor, again[name], rtol=1e-4, atol=1e-4) for name, tensor in known.items()}
    if different := [name for name in close if not close[name]]:
        raise WeightsError(f"{hub.SCHEME}:{repo.name}@{commit}: what comes back gives another {different[0]}")
    return commit


def pin(weights: WeightsSpec, repo: hub.Repo, commit: str) -> Path:
    """Write into the record of a package's weights where they lie on the Hub, and return it.

    Raises:
        WeightsError: the package cannot be written to.
    """
    record = folder_of(weights).parent / f"{weights.name}.json"
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        write_json(record, {**known, "repo": repo.name, "revision": commit})
    except OSError as error:
        raise WeightsError(f"{record} cannot be written: {error.strerror or error}") from error
    return record


def installed() -> list[WeightsSpec]:
    """All weights whose bytes installed packages bring."""
    found = [entry.spec for entry in registry().entries("weights")]
    return [spec for spec in found if isinstance(spec, WeightsSpec) and spec.path]


def _paths(spec: ModelSpec, recipe: Recipe) -> dict[str, str]:
    """The paths that parts, images, terms and metrics were given as options, as they are and as they stand in quotes,
    and the last name of each.
    """
    parts = [(kind, getattr(spec, kind) or NO_PRIOR) for kind in PARTS]
    asked = [ask_whole(spec)] if spec.implementation else [ask(*part) for part in parts]
    asked += [] if is_path(recipe.dataset) else [ask("dataset", recipe.dataset)]
    asked += [ask("loss", term.component) for term in parse_loss(recipe.loss or spec.loss)]
    asked += [ask("metric", metric) for metric in recipe.metrics]
    values = [each.options[option.name] for each in asked for option in each.entry.spec.options if option.external]
    found = [value for value in values if isinstance(value, str) and os.path.dirname(value)]
    return {text: Path(value).name for value in found for text in (value, repr(value)[1:-1])}


def _without(paths: dict[str, str], data: Any) -> Any:
    """Plain data with the last name of each path in its place."""
    if isinstance(data, dict):
        return {_without(paths, key): _without(paths, value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without(paths, each) for each in data]
    for path, name in paths.items() if isinstance(data, str) else ():
        data = data.replace(path, name)
    return data


def _draw(folder: Path, stored: Path, model: Autoencoder, splits: Splits, dataset: DatasetSpec) -> dict[str, str]:
    """Draw the pictures, and say what each shows."""
    figures = folder / FOLDER
    shown: dict[str, str] = {}
    if not model.only and model.image.channels in (1, 3):
        batch, of = _shown(model, splits.test, dataset)
        with torch.no_grad():
            row = Row(of, batch.images, model(batch).reconstruction)
        save(reconstructions([row]), figures / RECONSTRUCTIONS)
        shown[RECONSTRUCTIONS] = f"{of.capitalize()}, and below each what the model makes of it"
        # A map is seen by a model of maps to come: each of its numbers drawn by itself gives noise.
        if model.prior is not None and not model.bottleneck.spatial and not model.conditional:
            save(grid(model.sample(2 * SHOWN, torch.Generator().manual_seed(0))), figures / SAMPLES)
            shown[SAMPLES] = f"{2 * SHOWN} images drawn from the prior, seed 0"
    drawn = stored / FOLDER / CURVES
    if drawn.is_file() and drawn.resolve().parent == stored.resolve() / FOLDER:  # nothing is sent that lies elsewhere
        shutil.copyfile(drawn, figures / CURVES)
        shown[CURVES] = "The loss along the training"
    return {f"{FOLDER}/{name}": text for name, text in shown.items()}


def _shown(model: Autoencoder, test: ImageArray, dataset: DatasetSpec) -> tuple[Batch, str]:
    """The images of the picture, and what they are."""
    if dataset.redistributable:
        return test.batch(range(min(SHOWN, len(test)))), "test images"
    drawn = load_images(_GREY if model.image.channels == 1 else _COLOUR, "test", model.image).batch(range(SHOWN))
    what = f"drawn faces, as images of {dataset.name} may not be shown"
    return Batch(drawn.images, model.example(SHOWN).labels), what
