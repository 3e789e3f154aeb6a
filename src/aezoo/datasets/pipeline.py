"""The pipeline that all datasets share: a request and a split become an `ImageArray` of a model's images.

Every picture is decoded once, fitted to the `ImageSpec` and kept in memory. What took over a second to make is also
kept on disk, under a hash of the dataset's fingerprint, the `ImageSpec` and `VERSION`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from aezoo.datasets import Dataset, cache
from aezoo.datasets.folder import ARRAYS
from aezoo.datasets.image_array import Binarize, ImageArray, data_hash
from aezoo.datasets.pictures import fit, read_picture
from aezoo.datasets.sources import Root, digest
from aezoo.errors import AezooWarning, DataError, OptionError, UnknownNameError
from aezoo.grammar import parse_component
from aezoo.plugins import registry
from aezoo.registry import Entry
from aezoo.specs import Component, DatasetSpec, ImageSpec

__all__ = ["ImageArray", "data_hash", "dataset_spec", "fit", "load_images", "open_dataset", "prepare", "read_picture"]

VERSION = 1
"""Raised whenever a change to the pipeline moves a pixel: the cache is keyed by it."""
WORTH_CACHING = 1.0
"""Seconds; what is made faster is made again."""
_CHUNK = 256  # images between two reports of progress

Progress = Callable[[int, int], None]
"""Called with the number of images done and their total."""


def open_dataset(request: str | Component, split: str, *, root: Root = None) -> Dataset:
    """The dataset that a request means: a registered name with options, or the path of a folder or array.

    Args:
        request: ``"toyfaces(style='shaded')"``, ``"torchvision:MNIST"``, ``"./my_photos"``, ``"faces.npz"``. A text
            that may be both is a name.
        split: ``"train"``, ``"test"``, or what else the dataset has.
        root: where its files are; by default ``AEZOO_DATA``. A path is its own root.

    Raises:
        UnknownNameError: neither a name nor a path.
        OptionError: an option or a split that the dataset does not have.
        DataError: its files are missing.
    """
    entry, component, path = _resolve(request)
    options = entry.spec.check(dict(component.options))
    if entry.member:
        options["member"] = entry.member
    return entry.load()(split, root=path or root, **options)


def dataset_spec(request: str | Component) -> DatasetSpec:
    """The spec of the dataset that a request means: its licence, its splits."""
    spec = _resolve(request)[0].spec
    assert isinstance(spec, DatasetSpec)
    return spec


def load_images(
    request: str | Component,
    split: str,
    image: ImageSpec,
    *,
    binarize: Binarize = "",
    root: Root = None,
    progress: Progress | None = None,
) -> ImageArray:
    """The images of a split, fitted to ``image``: `open_dataset`, then `prepare`."""
    dataset = open_dataset(request, split, root=root)
    return prepare(dataset, image, binarize=binarize, title=f"{request}, split {split!r}", progress=progress)


def prepare(
    dataset: Dataset,
    image: ImageSpec,
    *,
    binarize: Binarize = "",
    title: str = "the dataset",
    progress: Progress | None = None,
) -> ImageArray:
    """Decode every image of a dataset and fit it to ``image``, or take the result from the cache.

    Args:
        dataset: what `open_dataset` gives.
        image: size and channels.
        binarize: see `ImageArray`.
        title: what messages call the dataset.
        progress: called as images are done.

    Raises:
        DataError: there is no image, or none can be read. Single ones that cannot are skipped with one warning.
    """
    total = len(dataset)
    if not total:
        raise DataError(f"{title}: it has no image")
    names, kind = getattr(dataset, "names", None), type(dataset)
    fingerprint = digest(kind.__module__, kind.__qualname__, dataset.fingerprint, image.size, image.channels, VERSION)
    pixels = cache.load(fingerprint)
    if pixels is not None and pixels.shape == (total, *image.shape):
        if progress:
            progress(total, total)
    else:
        start = time.perf_counter()
        pixels, skipped = _decode(dataset, image, progress)
        if skipped:
            index, error = next(iter(skipped.items()))
            if len(skipped) == total:
                raise DataError(f"{title}: none of its {total} images can be used; the first: {error}") from error
            others = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
            warnings.warn(
                f"{title}: skipped image {names[index] if names else index}{others} of {total}: {error}",
                AezooWarning,
                stacklevel=2,
            )
            names = [name for number, name in enumerate(names) if number not in skipped] if names else None
        elif time.perf_counter() - start > WORTH_CACHING:  # an incomplete result is not kept: it would hide the warning
            cache.store(fingerprint, pixels)
    return ImageArray(torch.from_numpy(pixels), binarize, fingerprint=fingerprint, names=names)


def _decode(dataset: Dataset, image: ImageSpec, progress: Progress | None) -> tuple[np.ndarray, dict[int, Exception]]:
    """Fitted pixels (n, c, h, w), and why the others could not be read, by index.

    In one thread: a dataset need not be safe to share, and small pictures spend little time in Pillow's decoders.
    """
    total = len(dataset)
    many = getattr(dataset, "images", None)
    try:
        pixels = np.empty((total, *image.shape), np.uint8)
    except MemoryError as error:
        raise DataError(f"{total} images of {image} do not fit in memory: ask for smaller ones, or fewer") from error
    kept = 0
    skipped: dict[int, Exception] = {}
    for start in range(0, total, _CHUNK):
        indices = range(start, min(total, start + _CHUNK))
        stack = many(indices) if many else None
        if stack is not None and stack.dtype == np.uint8 and stack.shape[1:] == image.shape:
            pixels[kept : kept + len(stack)] = stack
            kept += len(stack)
        else:
            for index in indices:
                try:
                    picture = dataset[index] if stack is None else torch.tensor(stack[index - start])
                    pixels[kept] = fit(picture, image).numpy()
                    kept += 1
                except (DataError, OSError) as error:
                    skipped[index] = error
        if progress:
            progress(indices.stop, total)
    return pixels[:kept], skipped


def _resolve(request: str | Component) -> tuple[Entry, Component, str]:
    """The entry that a request means, the request read, and its path where that is what it names."""
    text = request if isinstance(request, str) else request.name
    by_path = request if isinstance(request, Component) else Component(text)
    if text.startswith((".", "~")) or Path(text).is_absolute() or text.lower().endswith(ARRAYS):
        if not os.path.exists(os.path.expanduser(text)):
            raise DataError(f"no file or folder {text}")
        return registry().find("dataset", "folder"), by_path, text
    try:
        component = parse_component(request)
        return registry().find("dataset", component.name), component, ""
    except (OptionError, UnknownNameError) as error:
        if os.path.exists(text):
            return registry().find("dataset", "folder"), by_path, text
        if isinstance(error, OptionError):
            raise
        first, *rest = str(error).splitlines()
        raise UnknownNameError("\n".join([f"{first} There is no such path either.", *rest])) from None
