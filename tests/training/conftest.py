"""A model and a run that take a second."""

import dataclasses

import pytest

import aezoo
from aezoo.recipe import Recipe
from aezoo.training import engine, run, steps
from aezoo.training.data import load_splits

TOY = Recipe(dataset="toyfaces(count=40, size=28)", steps=20, batch_size=16, precision="float32", evaluate_every=10)


def small(**parts):
    """An 8-dimensional VAE on 28x28 pixels, of linear layers alone unless other parts are given."""
    chosen = {"encoder": "mlp(hidden=(16,))", "decoder": "mlp(hidden=(16,))", "bottleneck": "gaussian(dim=8)"} | parts
    return aezoo.describe("cis680-vae16", image_size=28, **chosen)


@pytest.fixture
def recipe():
    return TOY


@pytest.fixture
def job():
    def make(parts=None, **changes):
        return run.Job(spec=small(**(parts or {})), recipe=dataclasses.replace(TOY, **changes), figures=False)

    return make


@pytest.fixture
def train(tmp_path):
    """The engine alone: a model trained by a recipe, without results."""
    from aezoo.factory import build

    def go(recipe, spec=None, folder=None, watcher=None, model=None):
        import torch

        spec = spec or small()
        torch.manual_seed(recipe.seed)
        splits = load_splits(recipe, spec.image)
        folder, model = folder or tmp_path / "run", model or build(spec)
        return engine.run(model, recipe, splits, folder, device="cpu", checkpoint_every=6, watcher=watcher)

    return go


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """A line of the log every few steps."""
    monkeypatch.setattr(steps, "LOG_EVERY", 5)
