"""A split of a dataset of the Hub as images and labels: rows of a table on disk, or of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import datasets
import fsspec
import numpy as np
from datasets import config
from huggingface_hub import constants
from jaxtyping import UInt8
from torch import Tensor

from aezoo.datasets.pictures import read_picture
from aezoo.datasets.sources import digest
from aezoo.datasets.splits import held_out, no_such_split
from aezoo.errors import AezooError, DataError, OptionError, one_line
from aezoo.weights.hub import Repo
from aezoo_hf_datasets.hub import here, there

ARCHIVES = ("zip", "tar", "gzip", "bz2", "xz", "zstd")
"""In which a picture of a dataset may lie, by fsspec's names."""
LARGEST = 2**28
"""Bytes of such a picture."""


class Rows(Protocol):
    """Rows by their place."""

    def __getitem__(self, place: int, /) -> Mapping[str, Any]: ...


def open_table(
    split: str,
    *,
    member: str,
    subset: str = "",
    revision: str = "",
    train: str = "train",
    test: str = "test",
    image_column: str = "",
    label_column: str | None = None,
    take: int | None = None,
    download: bool = False,
    streaming: bool = False,
) -> HubImages:
    """The images of a split. Of a dataset that has but one, a tenth of it is held out for the other.

    Args:
        split: ``"train"``, ``"test"`` or what the dataset has.
        member: ``"owner/name"``.
        subset: which one; what datasets calls the name of a configuration.
        revision: a branch, tag or commit; by default the main branch.
        train: what the dataset calls the split to train on.
        test: what it calls the split to test on.
        image_column: by default the only one of images.
        label_column: one of classes or whole numbers; by default the only one of classes; ``""`` for no labels.
        take: how many rows of the split, the first.
        download: fetch what is not in the cache.
        streaming: read from the Hub as rows are asked for, and keep no file.

    Raises:
        OptionError: a split, column or option that there is not.
        DataError: the dataset is not here, or not there.
    """
    repo = Repo(member, revision)
    if streaming and (download or not take):
        raise OptionError(f"hf:{member}: streaming=True needs take=N, how many images to read, and no download")
    builder = there(repo, subset) if download or streaming else here(repo, subset)
    try:
        if not streaming:
            builder.download_and_prepare()
        # Else a folder's files come decoded, by whatever Pillow has.
        builder.config.decode_num_threads = 0  # pyright: ignore[reportAttributeAccessIssue]
        made: Any = builder.as_streaming_dataset() if streaming else builder.as_dataset()
    except Exception as error:  # of files that may be anyone's
        raise DataError(f"hf:{repo}: {one_line(error):.200}") from error
    every: dict[str, Any] = dict(made)
    word = {"train": train, "test": test}.get(split, split)
    # Of a single split a tenth is the test images, unless other splits were named.
    is_cut = len(every) == 1 and split in ("train", "test") and (word == split or word in every)
    if is_cut:
        (word,) = every
    elif word not in every:
        raise no_such_split(f"hf:{member}", word, sorted(every))
    data = every[word]
    image = _image_column(member, data.features, image_column)
    label = _label_column(member, data.features, label_column)
    data = data.select_columns([image, *filter(None, (label,))]).cast_column(image, datasets.Image(decode=False))
    known = (builder.info.splits or {}).get(word)
    there_are = len(data) if not streaming else known.num_examples if known else None
    n = min(limit for limit in (take, there_are) if limit is not None)
    return HubImages(
        Stream(data, n) if streaming else data,
        held_out(f"hf:{member}", [str(row) for row in range(n)], split) if is_cut else range(n),
        image,
        label,
        classes=getattr(data.features[label], "names", ()) if label else (),
        repo=repo,
        fingerprint=digest("hf 1", member, builder.config.name, builder.hash, word, split, image, label, n, streaming),
    )


class HubImages:
    """Pictures in a column of a table, and the class that another has for each.

    Args:
        rows: of the table.
        chosen: the places of those that are meant.
        image: the column of encoded pictures.
        label: the column of classes; empty for none.
        classes: what they are called.
        repo: where the table is from.
        fingerprint: of all that.
    """

    def __init__(
        self,
        rows: Rows,
        chosen: Sequence[int],
        image: str,
        label: str,
        *,
        classes: Sequence[str],
        repo: Repo,
        fingerprint: str,
    ) -> None:
        self._rows, self._chosen, self._image, self._label, self._repo = rows, chosen, image, label, repo
        self.classes, self.fingerprint = tuple(classes), fingerprint
        self._seen: dict[int, int | None] = {}  # the classes of rows that were read

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        picture = self._row(index)[self._image] or {}
        if picture.get("bytes") is not None:
            return read_picture(picture["bytes"])
        if picture.get("path") is None:
            raise DataError(f"cannot read row {self._chosen[index]}: it has no image")
        return self._at_path(picture["path"])

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The class of each of the images at ``indices``; None where one has none, or a negative one, which says so."""
        if not self._label:
            return None
        for index in indices.tolist():
            if index not in self._seen:
                self._row(index)
        labels = [self._seen[index] for index in indices.tolist()]
        return None if any(label is None or label < 0 for label in labels) else np.array(labels, np.int64)

    def _row(self, index: int) -> Mapping[str, Any]:
        row = self._rows[self._chosen[index]]
        if self._label:
            self._seen[index] = row[self._label]
        return row

    def _at_path(self, path: str) -> Tensor:
        """A picture beside the table. A table may name any path: what is read is of this dataset, or in a cache."""
        *inside, outer = path.split("::")
        is_packed = all(each.partition("://")[0] in ARCHIVES for each in inside)
        if is_packed and outer.startswith(f"hf://datasets/{self._repo.name}@"):
            try:
                opened: Any = fsspec.open(path, "rb")
                with opened as file:
                    data = file.read(LARGEST + 1)  # a packed file may say little and unpack to anything
            except FileNotFoundError:
                raise
            except Exception as error:  # as of a stream: a network that fails leaves no picture out
                raise AezooError(f"cannot reach {path}: {one_line(error):.200}") from error
            if len(data) > LARGEST:
                raise DataError(f"cannot read {path}: it has more than {LARGEST:,} bytes")
            return read_picture(data)
        caches = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
        if not any(Path(path).resolve().is_relative_to(Path(cache).resolve()) for cache in caches):
            raise DataError(f"cannot read {path}: it is outside the dataset")
        return read_picture(path)


class Stream:
    """The first ``n`` rows of a dataset that can only be iterated: read on, or from the start where one is behind."""

    def __init__(self, data: datasets.IterableDataset, n: int) -> None:
        self._data, self._n = data.take(n), n
        self._rows: Iterator[Mapping[str, Any]] = iter(())
        self._next = n  # the place of the row that is read next

    def __getitem__(self, place: int) -> Mapping[str, Any]:
        if place < self._next:
            self._rows, self._next = iter(self._data), 0
        try:
            row = next(islice(self._rows, place - self._next, None), None)
        except Exception as error:  # no DataError: a picture fewer may be skipped, not a network that fails
            raise AezooError(f"the stream broke off before row {place} of {self._n}: {one_line(error):.200}") from error
        if row is None:
            raise DataError(f"there is no row {place}: the split has fewer than take={self._n}")
        self._next = place + 1
        return row


def _image_column(member: str, features: Mapping[str, Any] | None, asked: str) -> str:
    """The column of images that is asked for, or the only one.

    Raises:
        OptionError: it is not there, or not of images; or there is none, or several.
    """
    images = [name for name, feature in (features or {}).items() if isinstance(feature, datasets.Image)]
    if asked in images or (not asked and len(images) == 1):
        return asked or images[0]
    if not asked and images:
        some = " or ".join(map(repr, images[:3]))
        raise OptionError(f"hf:{member} has several columns of images: say image_column={some}")
    what = f"no column {asked!r} of images" if asked else "no column of images"
    raise OptionError(f"hf:{member} has {what}; it has {_named(features)}")


def _label_column(member: str, features: Mapping[str, Any], asked: str | None) -> str:
    """The column of classes that is asked for, or the only one; empty where there is none, or several.

    Raises:
        OptionError: it is not there, or not of classes or whole numbers.
    """
    if asked is None:
        classes = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
        return classes[0] if len(classes) == 1 else ""
    # The type of a class is int64 too.
    if asked and not str(getattr(features.get(asked), "dtype", "")).startswith(("int", "uint", "bool")):
        raise OptionError(f"hf:{member} has no column {asked!r} of classes or whole numbers; it has {_named(features)}")
    return asked


def _named(features: Mapping[str, Any] | None) -> str:
    """The columns and what they are, the first eight."""
    said = [
        f"{name} ({feature.dtype if isinstance(feature, datasets.Value) else type(feature).__name__})"
        for name, feature in (features or {}).items()
    ]
    return ", ".join(said[:8]) + (f" and {len(said) - 8} more" if len(said) > 8 else "") or "none that it names"
