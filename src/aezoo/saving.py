"""A model as it stands, written: into a folder, or to the Hub. Nothing of it is measured."""

from __future__ import annotations

import copy
import os
import tempfile
from pathlib import Path

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.composition import inert
from aezoo.errors import WeightsError, is_text, shown
from aezoo.factory import load
from aezoo.weights import hub
from aezoo.weights.card import unmeasured
from aezoo.weights.folder import BEGAN, CARD, CONFIG, GOLDEN, METRICS, SIGNATURE, STATE, read_config, save_model
from aezoo.weights.golden import golden_images


def save_pretrained(folder: Path, model: Autoencoder, source: str = "") -> None:
    """Write a model folder of a model as it stands, of which nothing is measured, with a card that says so.

    Args:
        folder: to write to.
        model: what to write.
        source: what its card tells others to load it by; by default a path.

    Raises:
        WeightsError: the folder cannot be written, or holds a run or files of something else; or the model is no more
            what its spec says, and could not be read back.
    """
    if not is_text(str(folder)):  # its card names it
        raise WeightsError(f"{shown(str(folder))} is no path that a text can name: save to another folder")
    if taken := [name for name in (CONFIG, STATE, GOLDEN, CARD, METRICS) if (folder / name).exists()]:
        try:
            is_run = "training" in read_config(folder)[1] or METRICS in taken
        except WeightsError:
            raise WeightsError(f"{folder} holds another {taken[0]}: save to another folder") from None
        if is_run:
            raise WeightsError(f"{folder} holds the weights of a run: save to another folder")
    stored = copy.deepcopy(model).to("cpu", torch.float32)  # golden answers are in float32
    name = folder.resolve().name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as beside:
            draft = Path(beside)
            stored.spec = inert(model.spec, folder)  # as it is read back: a path of this machine is no part of it
            made_of = {BEGAN: model.source.origin} if model.source else {}
            save_model(draft, stored, golden_images(stored), **made_of)
            text = unmeasured(model, name=name, source=source or f"path/to/{name}")
            (draft / CARD).write_text(text, encoding="utf-8")
            try:
                load(draft)
            except WeightsError as error:
                reason = str(error).replace(f"{draft}{os.sep}", "")
                raise WeightsError(f"{model.spec.name} is no more what its spec says: {reason}") from None
            for file in (GOLDEN, CARD, STATE, CONFIG):  # a stop between two of them is all that can tear it
                os.replace(draft / file, folder / file)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be written: {error.strerror or error}") from error


def push_model(name: str, model: Autoencoder, *, private: bool = False, tag: str = "") -> str:
    """Send a model as it stands, unmeasured: `aezoo.Autoencoder.push_to_hub`."""
    repo = hub.Repo.of(name)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / repo.name.rpartition("/")[2]
        save_pretrained(folder, model, f"{hub.SCHEME}:{repo}")
        return hub.push(repo, folder, private=private, tag=tag, stale=(hub.PICTURES, METRICS, SIGNATURE))
