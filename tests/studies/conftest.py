"""Studies that take a second: small models on drawn faces."""

import dataclasses
import shutil

import pytest

import aezoo
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Part, Study, work
from aezoo.studies.state import look
from aezoo.studies.trials import Trial, carry_out
from aezoo.training.steps import Watcher

RECIPE = Recipe(dataset="toyfaces(count=12, size=28)", steps=6, batch_size=4, precision="float32", evaluate_every=3)


def small(**parts):
    chosen = {"encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))", "bottleneck": "gaussian(dim=3)"} | parts
    return aezoo.describe("cis680-vae16", image_size=28, **chosen)


def make_trial(arm="small", marks=(3, 6), parts=None, **changes):
    return Trial(arm=arm, spec=small(**(parts or {})), recipe=dataclasses.replace(RECIPE, **changes), marks=marks)


@pytest.fixture
def trial():
    return make_trial


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


class Listening(work.Watcher):
    """Remembers what it is told of a study, and does something at a step or at an end."""

    def __init__(self, at=0, act=lambda: None, at_end=lambda left: None):
        self.at, self.act, self.at_end = at, act, at_end
        self.begun, self.steps, self.jobs = [], [], set()

    def begins(self, job, task, left):
        self.begun.append((task.trial.arm, task.trial.recipe.seed))
        self.jobs.add(job)

    def step(self, job, done, steps, values):
        self.steps.append(done)
        if done == self.at:
            self.act()

    def ends(self, job, task, finished, left):
        self.at_end(left)


@pytest.fixture
def listening():
    return Listening


@pytest.fixture
def stopping():
    return Stopping


def make_study():
    search = dataclasses.replace(RECIPE, validation=0.25, steps=3)
    arms = (
        Arm(name="one", part="toy", label="One", spec=small(), recipe=RECIPE, marks=(3,)),
        Arm(
            name="two",
            part="toy",
            label="Two",
            spec=small(bottleneck="gaussian(dim=2)"),
            recipe=RECIPE,
            search=tuple(dataclasses.replace(search, lr=lr) for lr in (1e-12, 0.03)),
        ),
    )
    part = Part(name="toy", dataset=RECIPE.dataset, title="toys", says="drawn faces", needed=2, cost="a second")
    return Study(name="small", title="A small study", parts=(part,), arms=arms)


@pytest.fixture
def study():
    """Two arms with two seeds; the learning rate of the second is searched for."""
    return make_study()


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The runs of `study` and one of `trial`, made once: tests work on copies."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AEZOO_CACHE", str(folder / "cache"))
        work.carry_out(look(make_study(), folder), threads=1)
        carry_out(make_trial(), folder / "runs", watcher=Watcher())
    return folder / "runs"


@pytest.fixture
def copied(trained, tmp_path):
    """Copies the runs of some arms to where those of a study in the test's folder are."""

    def copy(*arms):
        for folder in (each for arm in arms for each in trained.glob(f"{arm}-*")):
            shutil.copytree(folder, tmp_path / "runs" / folder.name)
        return tmp_path

    return copy


@pytest.fixture
def done(study, copied):
    """The study, carried out."""
    return look(study, copied("one", "two"))
