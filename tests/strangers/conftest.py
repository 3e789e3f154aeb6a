"""What strangers write: a plugin's two modules as text, installed, and a run of a few steps with what they bring."""

import dataclasses
import tempfile
from pathlib import Path

import pytest
import torch

import aezoo
from aezoo.factory import build
from aezoo.training import engine
from aezoo.training.data import load_splits

TOY = aezoo.Recipe(dataset="toyfaces(count=40, size=32)", steps=20, batch_size=16, precision="float32")


@pytest.fixture
def stranger(site):
    """Install a plugin: the specs that it yields, and the module ``stranger_parts`` that implements them."""

    def plug(*specs, parts=""):
        site.install("stranger", *specs)
        (site.path / "stranger_parts.py").write_text(f"import torch\nfrom torch import nn\n{parts}")

    return plug


@pytest.fixture
def run(tmp_path):
    """Train a model on toy faces, and give it with the entries of its log."""

    def go(spec, **recipe):
        recipe = dataclasses.replace(TOY, **recipe)
        torch.manual_seed(0)
        splits = load_splits(recipe, spec.image)
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        model, progress = engine.run(build(spec), recipe, splits, folder, device="cpu")
        return model, progress.history

    return go


def small(**parts):
    """A model of linear layers on 32x32 pixels, with a stranger's parts in it."""
    linear = {"encoder": "mlp(hidden=(16,))", "decoder": "mlp(hidden=(16,))", "bottleneck": "gaussian(dim=4)"}
    return aezoo.describe("cis680-vae16", image_size=32, **(linear | parts))
