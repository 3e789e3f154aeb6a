"""How many JPEGs a second does a training read?

The training part of CelebA, in batches of 64 in random order: the centre of each image, 64x64, grey, as floats. Three
times all images: at the first start, in a later epoch, and at a second start. aezoo.dataset decodes at the first
start, into memory and onto the disk; torchvision's ImageFolder decodes each time, and in the processes of a
DataLoader, of which there are none, one or two. The files are in the page cache.

    AEZOO_DATA=... python benchmarks/reading.py

CelebA lies under AEZOO_DATA as the documentation says; files of full size are resized by both.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import alternating
import torch
from alternating import Case, Contender
from torch.utils.data import DataLoader

import aezoo
from aezoo.datasets.celeba import CelebA
from aezoo.datasets.pictures import read_picture

MEASURES = ("first start, images/s", "later epoch, images/s", "second start, images/s")
SIDE, BATCH = 64, 64
Open = Callable[[], DataLoader]


@contextmanager
def with_aezoo() -> Iterator[Open]:
    """Decoded once, with a cache on disk that is empty at first."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AEZOO_CACHE"] = cache
        image = aezoo.ImageSpec(size=(SIDE, SIDE), channels=1)
        yield lambda: DataLoader(aezoo.dataset("celeba(labels='')", "train", model=image), BATCH, shuffle=True)


@contextmanager
def with_torchvision(workers: int) -> Iterator[Open]:
    """Decoded in each epoch; the processes of the DataLoader stay between epochs."""
    importlib.import_module("aezoo._torchvision")  # first, where torchvision's compiled operators do not load
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    part = CelebA("train", labels="")
    names = {os.path.basename(name) for name in part.names}
    _, height, width = read_picture(part.folder / part.names[0]).shape
    transform = transforms.Compose(
        [
            transforms.CenterCrop(round(128 * min(width / 178, height / 218))),
            transforms.Resize(SIDE),
            transforms.Grayscale(),
            transforms.ToTensor(),
        ]
    )

    def start() -> DataLoader:
        images = ImageFolder(part.folder, transform, is_valid_file=lambda path: os.path.basename(path) in names)
        return DataLoader(images, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    yield start


def measured(way: Callable[[], Iterator[Open]], number: int) -> dict[str, float]:
    """Images a second of two epochs, and of the first one of another start."""
    torch.manual_seed(number)
    part = CelebA("train", labels="")
    for name in part.names:  # into the page cache
        (part.folder / name).read_bytes()
    with way() as start:
        times = [time.perf_counter()]
        for loader in each(start):
            n = sum(len(batch if isinstance(batch, torch.Tensor) else batch[0]) for batch in loader)
            times.append(time.perf_counter())
    return {measure: n / (end - begin) for measure, begin, end in zip(MEASURES, times, times[1:], strict=False)}


def each(start: Open) -> Iterator[DataLoader]:
    """One twice, then another."""
    yield from [start()] * 2
    yield start()


def main() -> None:
    asked = alternating.parser(__doc__, rounds=4).parse_args()
    whys = (
        "which cuts a picture before it becomes an array, and keeps nothing",
        "which decodes in a process of its own, beside what is done with the batches",
        "which decodes in two processes, aezoo in one",
    )
    torchvision = {
        f"torchvision, num_workers={workers}": Contender(
            run=partial(measured, partial(with_torchvision, workers)), needs=("torchvision",), why=why
        )
        for workers, why in enumerate(whys)
    }
    case = Case(
        title="CelebA, its training part",
        measures=MEASURES,
        contenders={"aezoo": Contender(run=partial(measured, with_aezoo))} | torchvision,
    )
    alternating.answer(__doc__, [case], asked)


if __name__ == "__main__":
    main()
