import inspect
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets import pipeline
from aezoo.datasets.pipeline import dataset_spec, load_images, prepare
from aezoo.datasets.torchvision import _WORDS, TorchvisionImages, members, open_torchvision, torchvision
from aezoo.errors import DataError, OptionError
from aezoo.plain import ImageSpec


def idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def mnist(tmp_path, noise):
    for part, count in (("train", 6), ("t10k", 4)):
        idx(tmp_path / f"torchvision/MNIST/raw/{part}-images-idx3-ubyte", noise(count, 28, 28))
        idx(tmp_path / f"torchvision/MNIST/raw/{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8))
    return tmp_path


def test_mnist_is_read_as_an_array(mnist, noise):
    train = open_torchvision("train", mnist)
    assert np.array_equal(train.images(range(6))[:, 0], noise(6, 28, 28))
    assert len(open_torchvision("test", mnist / "torchvision")) == 4
    assert train.fingerprint != open_torchvision("test", mnist).fingerprint


def test_targets_that_are_classes_are_labels(mnist):
    images = load_images("torchvision:MNIST", "train", ImageSpec.of(28, 1), root=mnist)
    assert images.labels.tolist() == list(range(6))
    assert images.classes[3] == "3 - three"


class Drawn:
    """A member without a list of targets; ``decoded`` counts."""

    def __init__(self, targets):
        self.given, self.decoded = targets, 0

    def __len__(self):
        return len(self.given)

    def __getitem__(self, index):
        self.decoded += 1
        return Image.new("L", (8, 8), index), self.given[index]


def test_targets_are_kept_as_images_are_decoded(monkeypatch):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    drawn = [Drawn([4, np.int64(2), torch.tensor(7)]) for _ in range(2)]
    images = [prepare(TorchvisionImages(each, [2, 0, 1], "x", "train"), ImageSpec.of(8, 1)) for each in drawn]
    assert [each.labels.tolist() for each in images] == [[7, 4, 2]] * 2
    assert [each.decoded for each in drawn] == [6, 3]  # for the fingerprint; then once, and from the cache


def test_a_file_that_was_not_looked_at_is_part_of_the_fingerprint(tmp_path, save, noise):
    drawn = Drawn([1] * 40)
    drawn.samples = [(str(tmp_path / f"{number}.png"), 1) for number in range(40)]
    for path, _ in drawn.samples:
        save(Path(path), noise(5, 4))
    before = TorchvisionImages(drawn, range(40), "x", "train").fingerprint
    assert TorchvisionImages(drawn, range(40), "x", "train").fingerprint == before
    os.utime(drawn.samples[3][0], (0, 0))
    assert TorchvisionImages(drawn, range(40), "x", "train").fingerprint != before


def test_classes_that_are_numbered_anew_in_each_split_are_no_labels():
    assert TorchvisionImages(Drawn([1, 2]), [0], "torchvision:Omniglot", "train").labels(np.arange(1)) is None


@pytest.mark.parametrize("targets", [[{"boxes": ()}], ["a text"], [None], [0.5], [-1], [True], [(1, 2)]])
def test_other_targets_are_no_labels(targets):
    assert TorchvisionImages(Drawn(targets), [0], "x", "train").labels(np.arange(1)) is None


def test_a_list_of_targets_saves_decoding():
    drawn = Drawn([4, 2])
    drawn.targets = drawn.given
    assert TorchvisionImages(drawn, [1, 0], "x", "train").labels(np.arange(2)).tolist() == [2, 4]
    assert drawn.decoded == 0


def test_a_member_of_files_without_splits_holds_a_tenth_out(tmp_path, save, noise):
    for number in range(20):
        save(tmp_path / f"eurosat/2750/Forest/Forest_{number}.jpg", noise(64, 64, 3, seed=number))
    train, test = (open_torchvision(split, tmp_path, member="EuroSAT") for split in ("train", "test"))
    assert len(train) + len(test) == 20
    assert train[0].shape == (3, 64, 64)
    assert train.fingerprint == open_torchvision("train", tmp_path, member="EuroSAT").fingerprint != test.fingerprint


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"member": "MNIST"}, DataError, r"torchvision:MNIST: .*not found.*\n.*torchvision:MNIST\(download=True\)"),
        ({"member": "MNIST", "split": "val"}, OptionError, "no split 'val'; it has train and test"),
        ({"member": "DTD", "split": "all"}, OptionError, "no split 'all': .*train"),
        ({"member": "Cityscapes", "download": True}, OptionError, "cannot be downloaded"),
        ({"member": "ImageNet", "download": True}, OptionError, "cannot be downloaded"),
        ({"member": "QMNIST"}, DataError, r"torchvision:QMNIST\(download=True\)"),  # its base class takes that
    ],
)
def test_errors_say_what_to_do(tmp_path, options, error, message):
    with pytest.raises(error, match=message) as caught:
        open_torchvision(**{"split": "train", "root": tmp_path, **options})
    assert str(caught.value).count("\n") <= 1


def test_terms_are_the_member_s_where_they_are_known():
    known, other = dataset_spec("torchvision:MNIST"), dataset_spec("torchvision:KMNIST")
    assert (known.licence, known.spdx, known.redistributable) == ("CC BY-SA 3.0", "CC-BY-SA-3.0", True)
    assert (other.licence, other.spdx, other.redistributable) == ("that of the member", "", False)


def test_the_members_are_there():
    assert {"MNIST", "CIFAR10", "STL10", "SVHN"} <= set(members())
    assert not {"FakeData", "Kinetics", "FlyingChairs"} & set(members())


@pytest.mark.parametrize("module", ["aezoo._torchvision", "aezoo._torchvision, timm"])
def test_torchvision_imports_with_any_torch(module):
    code = f"import {module}; import torchvision; print(torchvision.models.resnet18().conv1.out_channels)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "64\n", done.stderr


@pytest.mark.data
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_real_mnist(data, split, count):
    images = load_images("torchvision:MNIST", split, ImageSpec.of(28, 1))
    dataset = open_torchvision(split, data)
    assert torch.equal(images.pixels[[0, -1]], torch.stack([dataset[0], dataset[count - 1]]))
    assert len(images) == len(images.labels) == count
    assert images.labels[:3].tolist() == {"train": [5, 0, 4], "test": [7, 2, 1]}[split]
    if split == "test":
        assert load_images("torchvision:MNIST", split, ImageSpec.of(64, 1)).pixels.shape == (count, 1, 64, 64)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("member", sorted({member for member, _ in _WORDS}))
def test_the_test_split_is_never_the_training_split(member, split, tmp_path, monkeypatch):
    heard, real = {}, getattr(torchvision.datasets, member)

    def init(self, root, **arguments):
        heard.update(arguments)
        raise RuntimeError("asked")

    fake = type(member, (real,), {"__init__": init, "__signature__": inspect.signature(real)})
    monkeypatch.setattr(torchvision.datasets, member, fake)
    with pytest.raises(DataError, match="asked"):
        open_torchvision(split, tmp_path, member=member)
    assert ("train" in str(heard.get("split", heard.get("image_set")))) == (split == "train"), heard
