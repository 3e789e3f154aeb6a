import struct
import subprocess
import sys

import numpy as np
import pytest
import torch

from aezoo.datasets.pipeline import load_images
from aezoo.datasets.torchvision import members, open_torchvision
from aezoo.errors import DataError, OptionError, UnknownNameError
from aezoo.specs import ImageSpec


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
        ({"member": "Mnist"}, UnknownNameError, "did you mean MNIST"),
        ({"member": "MNIST"}, DataError, r"torchvision:MNIST: .*not found.*\n.*torchvision:MNIST\(download=True\)"),
        ({"member": "MNIST", "split": "val"}, OptionError, "no split 'val'; it has train and test"),
        ({"member": "DTD", "split": "all"}, OptionError, "no split 'all': .*train"),
        ({"member": "Cityscapes", "download": True}, OptionError, "cannot be downloaded"),
    ],
)
def test_errors_say_what_to_do(tmp_path, options, error, message):
    with pytest.raises(error, match=message) as caught:
        open_torchvision(**{"split": "train", "root": tmp_path, **options})
    assert str(caught.value).count("\n") <= 1


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
    assert len(images) == count
    if split == "test":
        assert load_images("torchvision:MNIST", split, ImageSpec.of(64, 1)).pixels.shape == (count, 1, 64, 64)
