"""Weights that installed packages bring: the record of each, the model folder that it stands for, and who has any.

A package holds ``weights/<model>.<tag>/``, a model folder, and beside it ``weights/<model>.<tag>.json``, its
`WeightsSpec`; ``aezoo package`` writes both. A record that pins a commit on the Hugging Face Hub needs no folder beside
it. What is listed is read from the records alone.
"""

from __future__ import annotations

import dataclasses
import json
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from aezoo.errors import AezooError, WeightsError, shown
from aezoo.plain import from_json
from aezoo.plugins import list_names, registry
from aezoo.registry import BUILTIN, Entry
from aezoo.specs import ModelSpec, WeightsSpec

FOLDER = "weights"


def read_weights(package: str) -> list[WeightsSpec]:
    """The weights that a package holds, for its plugin's hook to yield. Imports no tensor library.

    A whole plugin that brings weights::

        @aezoo.hookimpl
        def aezoo_specs():
            yield from aezoo.read_weights("my_package")

    Args:
        package: as it is imported.

    Raises:
        WeightsError: there is no such package; or a record is damaged, which is named.
    """
    try:
        folder = files(package).joinpath(FOLDER)
    except (ImportError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{shown(package)} is no installed package: give the name that it is imported by") from error
    found = sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else []
    here = {file.name for file in found}
    specs = [read_record(file) for file in found if file.name.endswith(".json")]
    paths = [f"{package}:{FOLDER}/{spec.name}" if spec.name in here or not spec.repo else "" for spec in specs]
    return [dataclasses.replace(spec, path=path) for spec, path in zip(specs, paths, strict=True)]


def list_models(pattern: str = "*", *, pretrained: bool = False, dataset: str = "") -> list[str]:
    """The names of models, or of their tags, that `aezoo.create` takes. Imports no tensor library.

    >>> list_models("cis680-*", pretrained=True, dataset="celeba")
    ['cis680-vae512.celeba']

    Args:
        pattern: as in a shell. It may fit the name of a model or of a tag: ``"cis680-*"``, ``"*.celeba"``.
        pretrained: tags alone, of which the weights are installed, or pinned on the Hub by what is.
        dataset: tags alone, which are trained on this dataset.

    Raises:
        UnknownNameError: there is no such dataset.
        OptionError: the pattern is no text.
    """
    if dataset != "":
        registry().find("dataset", dataset)
        dataset = _short(dataset)
    models, names = list_names("model", pattern), []
    if not pretrained and dataset == "":
        return models
    for name in list_names("model"):
        entry = registry().find("model", name)
        assert isinstance(entry.spec, ModelSpec)
        for tag in entry.spec.tags:
            fits = fnmatchcase(name, pattern) or fnmatchcase(f"{name}.{tag.name}", pattern)
            fits &= dataset in ("", _short(tag.recipe.dataset))
            if fits and not (pretrained and weights_of(entry, tag.name) is None):
                names.append(f"{name}.{tag.name}")
    return names


def _short(dataset: str) -> str:
    """A dataset's name without the distribution before it and the options after; a member's own may hold slashes."""
    family, colon, member = dataset.partition("(")[0].partition(":")
    return family.rpartition("/")[2] + colon + member


def weights_of(entry: Entry, tag: str) -> Entry | None:
    """The weights of a model's tag: the built-in ones, else those of the first plugin that has them."""
    return next(iter(all_weights_of(entry, tag)), None)


def all_weights_of(entry: Entry, tag: str) -> list[Entry]:
    """The weights of a model's tag: the built-in ones, else those of each plugin that has any."""
    for distribution in (BUILTIN, ""):  # plugins are loaded only where they may decide
        found = []
        for each in registry().entries("weights", distribution=distribution):
            assert isinstance(each.spec, WeightsSpec)
            if (each.spec.model, each.spec.tag) == (entry.qualified_name, tag):
                found.append(each)
        if found:
            return found
    return []


def pinned(repo: str) -> Entry | None:
    """The weights of which an installed package says that they lie in this repository of the Hub."""
    found = registry().entries("weights")
    return next((entry for entry in found if isinstance(entry.spec, WeightsSpec) and entry.spec.repo == repo), None)


def folder_of(spec: WeightsSpec) -> Path:
    """The model folder of weights.

    Raises:
        WeightsError: the package that should hold it is not there.
    """
    package, _, inside = spec.path.partition(":")
    try:
        return Path(str(files(package))) / inside
    except (ImportError, TypeError, ValueError):
        raise WeightsError(f"weights {spec.name}: their path {spec.path!r} names no installed package") from None


def read_record(file: Traversable) -> WeightsSpec:
    """One record, as it was written.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        return from_json(WeightsSpec, json.loads(file.read_text(encoding="utf-8")))
    except (AezooError, ValueError, OSError, RecursionError) as error:
        raise WeightsError(f"{file} is damaged, and with it the package that holds it: {error}") from None
