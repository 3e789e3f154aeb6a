import dataclasses

import pytest

from aezoo.benchmark.tasks import Task
from aezoo.composition import describe
from aezoo.datasets.image_array import data_hash
from aezoo.datasets.pipeline import load_images
from aezoo.factory import create
from aezoo.plain import ImageSpec
from aezoo.weights.folder import save_model

DATA, IMAGE = "toyfaces(style='shaded', count=12)", ImageSpec((28, 28))


@pytest.fixture
def task(monkeypatch):
    """A small task, the only one."""
    test, train = (data_hash(load_images(DATA, split, IMAGE)) for split in ("test", "train"))
    made = Task(
        name="few", summary="Few", dataset=DATA, image=IMAGE, images=12, sha256=test, training_images=12,
        training_sha256=train,
    )  # fmt: skip
    for module in ("tasks", "results"):
        monkeypatch.setattr(f"aezoo.benchmark.{module}.TASKS", (made,))
    return made


@pytest.fixture
def images(task):
    return task.load()


@pytest.fixture
def folder(tiny, tmp_path):
    """The model folder of an untrained model of such images."""
    model = create(dataclasses.replace(describe(tiny, image_size=28), name="mine"))
    save_model(tmp_path / "mine", model, model.latent_mean.new_zeros(1, 1, 28, 28))
    return tmp_path / "mine"
