"""Weights inside installed packages: the record of each, and the model folder that it stands for.

A package holds ``weights/<model>.<tag>/``, a model folder, and beside it ``weights/<model>.<tag>.json``, its
`WeightsSpec`; ``aezoo package`` writes both. What is listed is read from the records alone.
"""

from __future__ import annotations

import dataclasses
import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from aezoo.errors import AezooError, WeightsError
from aezoo.plain import from_json
from aezoo.plugins import registry
from aezoo.registry import BUILTIN, Entry
from aezoo.specs import WeightsSpec

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
        WeightsError: a record is damaged; it is named.
    """
    folder = files(package).joinpath(FOLDER)
    found = sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else []
    specs = [read_record(file) for file in found if file.name.endswith(".json")]
    return [dataclasses.replace(spec, path=f"{package}:{FOLDER}/{spec.name}") for spec in specs]


def weights_of(entry: Entry, tag: str) -> Entry | None:
    """The weights of a model's tag: the built-in ones, else those of the first plugin that has them."""
    for distribution in (BUILTIN, ""):  # plugins are loaded only where they may decide
        for found in registry().entries("weights", distribution=distribution):
            assert isinstance(found.spec, WeightsSpec)
            if (found.spec.model, found.spec.tag) == (entry.qualified_name, tag):
                return found
    return None


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
