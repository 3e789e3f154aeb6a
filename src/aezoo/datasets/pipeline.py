"""The pipeline that all datasets share: a request and a split become an `ImageArray` of a model's images.

Every picture is decoded once, fitted to the `ImageSpec` and kept in memory (beyond a gigabyte on disk), with its label
and factors where they are known. What took over a second to make is also cached on disk, under a hash of the dataset's
fingerprint, the `ImageSpec` and `VERSION`.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from aezoo.datasets import Dataset, cache
from aezoo.datasets.folder import ARRAYS, named_by_kind
from aezoo.datasets.image_array import Binarize, ImageArray
from aezoo.datasets.pictures import fit
from aezoo.datasets.sources import FORMS, Known, Root, digest, rows_of
from aezoo.errors import AezooError, DataError, OptionError, UnknownNameError, first_line, shown, warn
from aezoo.grammar import parse_component
from aezoo.plain import Component, ImageSpec
from aezoo.plugins import registry
from aezoo.requests import Asked, Origin, Request, ask
from aezoo.specs import DatasetSpec

VERSION = 1
"""Raised whenever a change to the pipeline moves a pixel: the cache is keyed by it."""
WORTH_CACHING = 1.0
"""Seconds; what is made faster is made again."""
_CHUNK = 256  # images between two reports of progress


class HasImages(Protocol):
    """A model or its spec: what says which images it takes."""

    @property
    def image(self) -> ImageSpec: ...


Progress = Callable[[int, int], None]
"""Called with the number of images done and their total."""


def open_dataset(request: Request, split: str, *, root: Root = None, origin: Origin = "caller") -> Dataset:
    """The dataset that a request means: a registered name with options, or the path of a folder or array.

    A file, say the recipe in a model folder, may ask for registered datasets under the caller's own root. It may not
    name a path, whichever way it is written, and its downloads are set back: both are for the caller to say.

    Args:
        request: ``"toyfaces(style='shaded')"``, ``"torchvision:MNIST"``, ``"./my_photos"``, ``"faces.npz"``. A text
            that may be both is a name.
        split: ``"train"``, ``"test"``, or what else the dataset has.
        root: where its files are; by default ``AEZOO_DATA``. A path is its own root.
        origin: who asks.

    Raises:
        UnknownNameError: neither a name nor a path.
        OptionError: an option or a split that the dataset does not have.
        DataError: its files are missing; or a file asks for what only the caller may.
    """
    asked, path = _resolve(request, origin)
    if path and not os.path.exists(os.path.expanduser(path)):
        raise DataError(f"no file or folder {path}")
    return asked.build(split=split, root=path or root)


def dataset_spec(request: Request, origin: Origin = "caller") -> DatasetSpec:
    """The spec of the dataset that a request means: its licence, its splits. It opens nothing.

    Raises:
        UnknownNameError, OptionError, DataError: as `open_dataset`, but for missing files.
    """
    asked, _ = _resolve(request, origin)
    spec = asked.entry.spec
    assert isinstance(spec, DatasetSpec)
    known = asked.entry.load(spec.terms)(asked.entry.member, asked.options) if spec.terms else {}
    return dataclasses.replace(spec, **known)


def is_path(request: Request) -> bool:
    """Whether a request of the caller's names a folder or an array, not a registered dataset.

    Raises:
        UnknownNameError, OptionError: neither a name nor a path.
    """
    return bool(_resolve(request, "caller")[1])


def confirms(said: str, recorded: str) -> bool:
    """Whether what a person says of the data is what a file says of it; of a path, however it is written."""
    if said.rstrip("/") == recorded.rstrip("/"):  # a shell ends a folder's name with a slash
        return True
    try:
        paths = [os.path.expanduser(each) for each in (said, recorded) if is_path(each)]
    except AezooError:
        return False
    return len(paths) == 2 and all(map(os.path.exists, paths)) and os.path.samefile(*paths)


def public_name(dataset: str) -> str:
    """A dataset as others may read it: of a path, and of what is not known here, its last name."""
    try:
        return Path(dataset).name if is_path(dataset) else dataset
    except AezooError:
        return Path(dataset).name


def dataset(
    request: Request | os.PathLike[str],
    split: str = "train",
    *,
    model: HasImages | ImageSpec,
    binarize: Binarize = "",
    root: Root = None,
) -> ImageArray:
    """The images of a split as a model takes them, in memory, for a ``DataLoader``.

    >>> data = aezoo.dataset("toyfaces", split="train", model=model)
    >>> for images in torch.utils.data.DataLoader(data, batch_size=64, shuffle=True): ...

    An item is an image, float32 (c, h, w) in [0, 1]; where the dataset has labels, the pair ``(image, label)``.

    Args:
        request: ``"toyfaces(style='shaded')"``, ``"torchvision:MNIST"``, ``"./my_photos"``, ``"faces.npz"``, a path.
        split: ``"train"``, ``"test"``, or what else the dataset has.
        model: whose images they shall be, or its spec, or an `ImageSpec`.
        binarize: make them black and white: see `aezoo.datasets.image_array.ImageArray`.
        root: where the dataset's files are; by default ``AEZOO_DATA``.

    Raises:
        UnknownNameError, OptionError, DataError: as `open_dataset`, or no image can be read.
    """
    image = getattr(model, "image", model)
    if not isinstance(image, ImageSpec):
        raise OptionError(f"model={shown(model)}: give a model, its spec or aezoo.ImageSpec((64, 64), 3)")
    if isinstance(request, os.PathLike):  # one without a slash is no name
        request = os.path.abspath(os.path.expanduser(request))
    return load_images(request, split, image, binarize=binarize, root=root)


def load_images(
    request: Request,
    split: str,
    image: ImageSpec,
    *,
    binarize: Binarize = "",
    root: Root = None,
    origin: Origin = "caller",
    progress: Progress | None = None,
) -> ImageArray:
    """The images of a split, fitted to ``image``: `open_dataset`, then `prepare`."""
    dataset = open_dataset(request, split, root=root, origin=origin)
    return prepare(dataset, image, split=split, binarize=binarize, title=str(request), progress=progress)


def prepare(
    dataset: Dataset,
    image: ImageSpec,
    *,
    split: str = "",
    binarize: Binarize = "",
    title: str = "the dataset",
    progress: Progress | None = None,
) -> ImageArray:
    """Decode every image of a dataset and fit it to ``image``, or take the result from the cache.

    Labels and factors are those of the images that are kept.

    Args:
        dataset: what `open_dataset` gives.
        image: size and channels.
        split: of the dataset: images of the same place in two splits are drawn black and white independently.
        binarize: see `ImageArray`.
        title: what messages call the dataset.
        progress: called as images are done.

    Raises:
        DataError: there is no image, or none can be read; or what is known of them is of another form than `Dataset`
            says. Files that cannot be read are skipped with one warning, and are in ``skipped`` of what is returned.
    """
    title += f", split {split!r}" if split else ""
    total = len(dataset)
    if not total:
        raise DataError(f"{title}: it has no image")
    names, others, kind = getattr(dataset, "names", None), getattr(dataset, "skipped", {}), type(dataset)
    own = getattr(dataset, "fingerprint", None)
    if not isinstance(own, str) or not own:  # what is kept under it would be taken for that of others
        raise DataError(f"{title}: its fingerprint is a text that changes whenever its images do, not {shown(own)}")
    fingerprint = digest(kind.__module__, kind.__qualname__, own, image.size, image.channels, VERSION)
    start = time.perf_counter()
    made: dict[str, np.ndarray | None] = {}
    skipped: dict[int, Exception] = {}
    pixels = cache.load(fingerprint)
    if pixels is None or pixels.shape != (total, *image.shape):
        pixels, skipped = _decode(dataset, image, progress)
        made[fingerprint] = pixels
    elif progress:
        progress(total, total)
    said = []
    if skipped:
        index, error = next(iter(skipped.items()))
        if len(skipped) == total:
            raise DataError(f"{title}: none of its {total} images can be used; the first: {error}") from error
        more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
        said = [f"skipped image {names[index] if names else index}{more} of {total}: {error}"]
    if others:
        said.append(f"not read, of {total + len(others)} files: {named_by_kind(others)}")
    if said:
        warn(f"{title}: {'; '.join(said)}")
    kept = np.array([index for index in range(total) if index not in skipped])
    known: dict[str, Tensor] = {}
    for what in ("labels", "factors"):
        key, dtype = f"{fingerprint}-{what}", FORMS[what][0]
        rows = None if skipped else cache.load(key, dtype)
        if rows is None or len(rows) != total:
            rows = made[key] = known_of(what, dataset, kept, title)
        if rows is not None:
            known[what] = torch.from_numpy(rows)
    # An incomplete result is not kept: it would hide the warning.
    if not skipped and time.perf_counter() - start > WORTH_CACHING:
        cache.store({key: array for key, array in made.items() if array is not None})
    return ImageArray(
        torch.from_numpy(pixels),
        binarize,
        labels=known.get("labels"),
        factors=known.get("factors"),
        classes=getattr(dataset, "classes", ()) if "labels" in known else (),
        factor_names=getattr(dataset, "factor_names", ()) if "factors" in known else (),
        index=torch.from_numpy(kept) if skipped else None,
        fingerprint=fingerprint,
        names=[names[index] for index in kept] if names else None,
        skipped=[
            *(str(error).removeprefix("cannot read ") for error in skipped.values()),
            *(f"{path}: {why}" for path, why in others.items()),
        ],
        seed=0 if split in ("", "test") else crc32(split.encode()),
    )


def known_of(what: Known, dataset: Dataset, indices: np.ndarray, title: str) -> np.ndarray | None:
    """What a dataset knows of images, where it knows any such thing."""
    method = getattr(dataset, what, None)
    if method is not None and not callable(method):
        raise DataError(f"{title}: its {what} are a {type(method).__name__}, not a method that takes indices")
    given: Any = method(indices) if method else None
    try:
        return None if given is None else rows_of(what, given, len(indices))
    except DataError as error:
        raise DataError(f"{title}: {error}") from None


def _decode(dataset: Dataset, image: ImageSpec, progress: Progress | None) -> tuple[np.ndarray, dict[int, Exception]]:
    """Fitted pixels (n, c, h, w), and why the others could not be read, by index.

    In one thread: a dataset need not be safe to share, and small pictures spend little time in Pillow's decoders.
    """
    total = len(dataset)
    many = getattr(dataset, "images", None)
    try:
        pixels = cache.room((total, *image.shape))
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


def _resolve(request: Request, origin: Origin) -> tuple[Asked, str]:
    """What a request asks for, and its path where that is what it names."""
    read = request if isinstance(request, str) else parse_component(request)
    text = read if isinstance(read, str) else read.name
    by_path = Component(text) if isinstance(read, str) else read
    if text.startswith((".", "~")) or Path(text).is_absolute() or text.lower().endswith(ARRAYS):
        return _at_path(by_path, origin), text
    try:
        component = parse_component(read)
        entry = registry().find("dataset", component.name)
    except (OptionError, UnknownNameError) as error:
        if origin == "file":
            # Nor is it for a file to learn whether a path is there.
            raise _yours(text, first_line(error)) from None
        if os.path.exists(text):
            return _at_path(by_path, origin), text
        if isinstance(error, OptionError):
            raise
        first, *rest = str(error).splitlines()
        raise UnknownNameError("\n".join([f"{first} There is no such path either.", *rest])) from None
    if origin == "file" and entry.spec.external:
        raise _yours(text)
    return ask("dataset", component, origin), ""


def _at_path(request: Component, origin: Origin) -> Asked:
    """The dataset ``folder``, with the options of a request whose name is a path."""
    if origin == "file":
        raise _yours(request.name)
    return ask("dataset", Component("folder", request.options), origin)


def _yours(text: str, why: str = "what lies at a path is for you to name, not for a file") -> DataError:
    """The error for data that a file may not ask for."""
    return DataError(
        f"a file asks for the images of {shown(text)}: {why}\n"
        "if these are the images that you mean, say --data PATH to confirm"
    )
