"""Studies that take a second: small models on drawn faces, and CUFS as noise."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.specs import Recipe
from aezoo.studies.study import Arm, Part, Study
from aezoo.studies.trials import Trial
from aezoo.training.run import Watcher

RECIPE = Recipe(dataset="toyfaces(count=12, size=28)", steps=6, batch_size=4, precision="float32", evaluate_every=3)


def small(**parts):
    chosen = {"encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))", "bottleneck": "gaussian(dim=3)"} | parts
    return aezoo.describe("cis680-vae16", image_size=28, **chosen)


@pytest.fixture
def trial():
    def make(arm="small", marks=(3, 6), parts=None, **changes):
        return Trial(arm=arm, spec=small(**(parts or {})), recipe=dataclasses.replace(RECIPE, **changes), marks=marks)

    return make


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def watcher():
    return Watcher()


class Stopping(Watcher):
    """Does something at a step of a run; remembers the steps."""

    def __init__(self, at=0, act=lambda: None):
        self.at, self.act, self.steps = at, act, []

    def step(self, done, steps, values):
        self.steps.append(done)
        if done == self.at:
            self.act()


@pytest.fixture
def stopping():
    return Stopping


@pytest.fixture
def study():
    """Two arms with two seeds; the learning rate of the second is searched for."""
    search = dataclasses.replace(RECIPE, validation=0.25, steps=3)
    arms = (
        Arm(name="one", part="toy", label="One", spec=small(), recipe=RECIPE, marks=(3,), seeds=2),
        Arm(
            name="two",
            part="toy",
            label="Two",
            spec=small(bottleneck="gaussian(dim=2)"),
            recipe=RECIPE,
            seeds=2,
            search=tuple(dataclasses.replace(search, lr=lr) for lr in (1e-12, 0.03)),
        ),
    )
    part = Part(name="toy", dataset=RECIPE.dataset, title="toys", says="drawn faces", needed=2, cost="a second")
    return Study(name="small", parts=(part,), arms=arms)


@pytest.fixture(scope="session")
def cufs(tmp_path_factory):
    """A root with eight noisy sketches in CUFS's layout."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "cufs/sketches64"
    (folder / "imgs").mkdir(parents=True)
    (folder / "devkit").mkdir()
    names = [f"{index}.png" for index in range(8)]
    for index, name in enumerate(names):
        noise = np.random.default_rng(index).integers(0, 2, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(255 * noise).save(folder / "imgs" / name)
    for split, chosen in (("train", names[:4]), ("test", names[4:])):
        (folder / f"devkit/{split}.txt").write_text("".join(f"{name} 0\n" for name in chosen))
    return root
