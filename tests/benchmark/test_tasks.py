import dataclasses
import os

import pytest

from aezoo.benchmark.tasks import TASKS, find_task
from aezoo.datasets.image_array import data_hash
from aezoo.errors import DataError, UnknownNameError


def test_a_task_is_found_with_and_without_its_version():
    assert [find_task(task.name) for task in TASKS] == [find_task(task.id) for task in TASKS] == [*TASKS]
    with pytest.raises(UnknownNameError, match=r"no task 'cufs@2': did you mean cufs@1"):
        find_task("cufs@2")
    with pytest.raises(UnknownNameError, match=r"for 'aezoo eval MODEL --data ./photos'"):
        find_task("./photos")


@pytest.mark.parametrize("task", [task for task in TASKS if task.name.startswith("faces")], ids=lambda task: task.name)
def test_drawn_faces_are_those_that_are_pinned(task):
    assert len(task.load()) == task.images


@pytest.mark.data
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.skipif("AEZOO_DATA" not in os.environ, reason="AEZOO_DATA names no folder of images")
def test_images_are_those_that_are_pinned(task, split):
    assert len(task.load(split)) == (task.images if split == "test" else task.training_images)


def test_other_images_are_refused(task):
    with pytest.raises(DataError, match=r"few@1 is of other test images .* sha256 abc\.\.\., not"):
        dataclasses.replace(task, sha256="abc").load()
    with pytest.raises(DataError, match=r"few@1 is of other train images"):
        dataclasses.replace(task, training_sha256="abc").load("train")


def test_every_fifth_image(task, images):
    first = data_hash(images.subset([0, 5, 10]))
    assert dataclasses.replace(task, every=5, sha256=first).load().index.tolist() == [0, 5, 10]


def test_which_models_were_trained_on_a_task_s_data():
    grey, colour, mnist = (find_task(name) for name in ("faces-shaded", "faces-colour", "mnist"))
    assert colour.trains("toyfaces(style='colour', count=8000)")
    assert not colour.trains("toyfaces(style='colour', count=8000, size=128)")
    assert not grey.trains("toyfaces(style='colour', count=8000)")
    assert mnist.trains("torchvision:MNIST")
    assert not mnist.trains("torchvision:FashionMNIST")
    assert not mnist.trains("./my photos")
    assert find_task("faces-sketch").trains("toyfaces")
