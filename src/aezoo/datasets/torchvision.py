"""The datasets of torchvision that yield single images, by their class names: ``torchvision:MNIST``.

A target that is a whole number is the image's label; boxes, masks and texts are none.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from aezoo._torchvision import torchvision
from aezoo.datasets.pictures import read_picture, stack_pixels
from aezoo.datasets.sources import ImageRows, Root, data_root, digest, file_state
from aezoo.datasets.splits import held_out, no_such_split
from aezoo.errors import DataError, OptionError, one_line
from aezoo.plain import Value

# Left out: pairs (stereo, flow, LFWPairs), video, made-up data, and those that need more than a folder to be built.
_MEMBERS = (
    *("CIFAR10", "CIFAR100", "CLEVRClassification", "Caltech101", "Caltech256", "CelebA", "Cityscapes", "Country211"),
    *("DTD", "EuroSAT", "FER2013", "FGVCAircraft", "FashionMNIST", "Flowers102", "Food101", "GTSRB", "INaturalist"),
    *("ImageNet", "Imagenette", "KMNIST", "Kitti", "LFWPeople", "MNIST", "Omniglot", "OxfordIIITPet", "PCAM"),
    *("Places365", "QMNIST", "RenderedSST2", "SBDataset", "SBU", "SEMEION", "STL10", "SUN397", "SVHN", "StanfordCars"),
    *("USPS", "VOCDetection", "VOCSegmentation", "WIDERFace"),
)
# What a member calls the part to train on or the part held out, where it has another word for it.
_WORDS = {
    ("ImageNet", "test"): "val",
    ("Imagenette", "test"): "val",
    ("OxfordIIITPet", "train"): "trainval",
    ("Places365", "train"): "train-standard",
    ("Places365", "test"): "val",
    ("SBDataset", "test"): "val",
    ("VOCDetection", "test"): "val",
    ("VOCSegmentation", "test"): "val",
}
# The terms of those on which weights of aezoo's were trained: of the others their pages say them.
_TERMS: dict[str, dict[str, Any]] = {
    "MNIST": {
        "licence": "CC BY-SA 3.0",
        "spdx": "CC-BY-SA-3.0",
        "redistributable": True,
        "citation": "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner. Gradient-Based Learning Applied to Document "
        "Recognition. Proceedings of the IEEE 86(11), 1998.",
        "homepage": "http://yann.lecun.com/exdb/mnist/",
    }
}
_SAMPLED = 16  # images of a member that lies in files, decoded to identify it


def members() -> list[str]:
    """The members that the installed torchvision has."""
    return [name for name in _MEMBERS if hasattr(torchvision.datasets, name)]


def terms(member: str, options: Mapping[str, Value]) -> dict[str, Any]:
    """What is known of a member beside what all have: its terms, citation and homepage."""
    return _TERMS.get(member, {})


def open_torchvision(
    split: str, root: Root = None, *, member: str = "MNIST", download: bool = False
) -> ImageRows | TorchvisionImages:
    """The images of a split of a member. Where it has no splits (EuroSAT, Caltech101, ...), a tenth is held out.

    Args:
        split: ``"train"``, ``"test"`` or what the member has.
        root: the folder of its files as torchvision lays them out, or the one that holds ``torchvision/`` with them.
        member: the class's name.
        download: fetch the files into that folder first.

    Raises:
        OptionError: a split that it does not have; ``download`` of what torchvision cannot fetch.
        DataError: its files are not there or cannot be read.
    """
    name, base = f"torchvision:{member}", data_root(root)
    if base is None:
        raise DataError(f"{name}: say where its files are or shall be, --root FOLDER (root=...), or set AEZOO_DATA")
    folder = base / "torchvision" if (base / "torchvision").is_dir() else base
    dataset, own_splits = _build(member, split, folder, download)
    chosen = range(len(dataset)) if own_splits else held_out(name, [str(i) for i in range(len(dataset))], split)
    pictures = TorchvisionImages(dataset, chosen, name, split)

    data = getattr(dataset, "data", None)  # MNIST and the like: no need of 60,000 PIL images
    array = data.numpy() if isinstance(data, Tensor) else data
    if isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.ndim > 2 and len(array) == len(dataset):
        pixels = stack_pixels(array, name)
        pixels = pixels if own_splits else pixels[chosen]
        labels = pictures.labels(np.arange(len(pictures)))
        hashes = [hashlib.sha256(each.data).hexdigest() for each in (pixels, labels) if each is not None]
        return ImageRows(pixels, digest(name, split, pixels.shape, *hashes), labels, classes=pictures.classes)
    return pictures


class TorchvisionImages:
    """The pictures of a torchvision dataset, and their targets where these are classes."""

    def __init__(self, dataset: Any, indices: range | list[int], name: str, split: str) -> None:
        self._dataset, self._indices, self._name, self._split = dataset, indices, name, split
        names = getattr(dataset, "classes", None) or ()
        self.classes = tuple(names) if all(isinstance(each, str) for each in names) else ()
        self._seen: dict[int, int | None] = {}  # the class of each image that was decoded, or is known without
        for listed in (getattr(dataset, word, None) for word in ("targets", "labels")):
            if isinstance(listed, list | np.ndarray | Tensor) and len(listed) == len(dataset):
                known = [_class_of(listed[index]) for index in indices]
                if None not in known:
                    self._seen = dict(enumerate(known))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        try:
            item = self._dataset[self._indices[index]]
        except (OSError, SyntaxError, ValueError) as error:  # Pillow's ways to say that a file is damaged
            raise DataError(f"cannot read image {index} of {self._name}: {one_line(error)}") from error
        picture, *target = item if isinstance(item, tuple) else (item,)
        self._seen[index] = _class_of(target[0]) if target else None
        return read_picture(picture)

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The class of each of the images at ``indices``; None where the targets are something else.

        Where the dataset has no list of them, they are known of the images that were decoded; the others are, now.
        """
        if self._name == "torchvision:Omniglot":  # whose characters are numbered anew in each split
            return None
        labels = np.empty(len(indices), np.int64)
        for place, index in enumerate(indices.tolist()):
            if index not in self._seen:
                self[index]
            label = self._seen[index]
            if label is None:
                return None
            labels[place] = label
        return labels

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the number of images, of a few of them, and of every file's state where the dataset has a list."""
        step = max(1, len(self) // _SAMPLED)
        pictures = []
        for index in range(0, len(self), step):
            try:
                pictures.append((hashlib.sha256(self[index].numpy().data).hexdigest(), self._seen[index]))
            except DataError:
                pictures.append("")
        listed = (getattr(self._dataset, word, None) for word in _LISTS)
        files = next((each for each in map(_paths, listed) if len(each) == len(self._dataset)), [])
        states = [(files[index], *file_state(files[index])) for index in self._indices] if files else []
        return digest(self._name, self._split, torchvision.__version__, len(self), *pictures, *states)


_LISTS = ("samples", "_samples", "imgs", "images", "_images", "_image_files", "_image_paths", "filename")


def _paths(listed: Any) -> list[Path]:
    """The files that a list of a dataset's names, of which each is one or begins with one; of another list none."""
    if not isinstance(listed, list | tuple):
        return []
    first = [each[0] if isinstance(each, list | tuple) and each else each for each in listed]
    files = [Path(each) for each in first if isinstance(each, str | os.PathLike)]
    return files if len(files) == len(listed) and all(map(os.path.isfile, files)) else []


def _class_of(target: Any) -> int | None:
    """The class that a target is, if it is one. A negative one says that there is none."""
    if isinstance(target, Tensor | np.ndarray | np.generic) and target.ndim == 0:
        target = target.item()
    return target if type(target) is int and target >= 0 else None


def _build(member: str, split: str, folder: Path, download: bool) -> tuple[Any, bool]:
    """The torchvision dataset, and whether it knows splits."""
    name = f"torchvision:{member}"
    constructor = getattr(torchvision.datasets, member)
    takes = dict(inspect.signature(constructor).parameters)
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in takes.values()):  # which the class above it takes
        takes = {**inspect.signature(constructor.__base__).parameters, **takes}
    arguments: dict[str, Any] = {}
    if download and "download" not in takes:
        raise OptionError(f"{name} cannot be downloaded by torchvision: get its files by hand")
    if "download" in takes:
        arguments["download"] = download  # two members download unless told not to
    if flag := next((word for word in ("train", "background") if word in takes), ""):
        if split not in ("train", "test"):
            raise no_such_split(name, split, ("train", "test"))
        arguments[flag] = split == "train"
    elif word := next((word for word in ("split", "image_set") if word in takes), ""):
        arguments[word] = _WORDS.get((member, split), split)
    try:
        return constructor(folder, **arguments), len(arguments) > ("download" in takes)
    except ValueError as error:
        raise OptionError(f"{name} has no split {split!r}: {one_line(error)}") from error
    except (RuntimeError, OSError, ImportError) as error:
        cause = one_line(error).removesuffix(". You can use download=True to download it")
        offer = f", or ask for {name}(download=True)" if "download" in takes else ""
        advice = f"put its files there, or set AEZOO_DATA or --root{offer}"
        raise DataError(f"{name}: {cause}, in {folder}\n{advice}") from error
