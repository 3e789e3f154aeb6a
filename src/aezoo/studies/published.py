"""Published weights beside the arms of a study: measured once, where they are installed, and kept in its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aezoo.autoencoder import Autoencoder
from aezoo.composition import recipe_of, resolve
from aezoo.datasets.image_array import data_hash
from aezoo.datasets.sources import digest
from aezoo.errors import AezooError
from aezoo.factory import create
from aezoo.plugins import registry
from aezoo.specs import WeightsSpec
from aezoo.studies.keys import VERSION
from aezoo.studies.state import Other, State
from aezoo.studies.study import Published
from aezoo.studies.trials import write_values
from aezoo.training.data import load_splits
from aezoo.weights.folder import read_state


def measure_others(state: State, out: Path, root: str) -> None:
    """Add what a full study measures beside its arms to ``state.others``, each once its part has finished runs.

    Args:
        state: it grows.
        out: of the study; values are kept in ``published/``, by what the weights and images are.
        root: where the data lies.

    Raises:
        DataError: the images are missing.
    """
    if state.study.quick:
        return
    for other in state.study.others:
        if any(state.arms.get(arm.name) for arm in state.study.arms_of(other.part)) and (found := _find(other)):
            state.others[other.name] = _measure(other, found, out, root)


def _find(other: Published) -> Autoencoder | None:
    entries = registry().entries("weights", other.model)
    installed = any(isinstance(entry.spec, WeightsSpec) and entry.spec.path for entry in entries)
    return create(other.model, pretrained=True) if installed else None  # from the Hub only where it is asked for


def _measure(other: Published, model: Autoencoder, out: Path, root: str) -> Other:
    splits = load_splits(recipe_of(resolve(other.model)), model.image, root=root or None)
    data = {split: data_hash(images) for split, images in splits.named().items()}
    groups = [split for split, images in splits.named().items() if images.groups is not None]
    kept = out / "published" / f"{_digest(model)}-{digest([*data.values()], VERSION, *groups)}.safetensors"
    try:
        return Other(model, read_state(kept), data)
    except AezooError:
        write_values(kept, model, splits, whole=True)
        return Other(model, read_state(kept), data)


def _digest(model: Autoencoder) -> str:
    whole = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        whole.update(name.encode() + tensor.numpy().tobytes())
    return whole.hexdigest()[:16]
