"""Where images lie: as files under a folder, or as rows of an array; and how their folder is found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import ArrayLike
from torch import Tensor

from aezoo.datasets.pictures import read_picture
from aezoo.errors import DataError

Root = str | os.PathLike[str] | None
"""The folder of all datasets, or of this one; None for the one that ``AEZOO_DATA`` names."""
Known = Literal["labels", "factors", "groups"]
"""What may be known of images beside their pixels."""
FORMS: dict[Known, tuple[type[np.generic], str, tuple[int, ...], str]] = {
    "labels": (np.int64, "biu", (1, 2), "whole numbers (n,) or (n, k)"),
    "factors": (np.float32, "biuf", (2,), "numbers (n, f)"),
    "groups": (np.int64, "biu", (1,), "whole numbers (n,)"),
}
"""Its type here; the kinds of types and the numbers of dimensions that it may be given with; these in words."""


class ImageFiles:
    """Image files under a folder, in the order of ``names`` (relative, with ``/``).

    ``identity`` is what else decides the pixels: dataset, split, options, and a version where the code changes them.
    ``labels`` are indices into ``classes``, one an image, where there are any. ``skipped`` are the files that lie among
    them and are not read, with the reason.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        identity: str,
        labels: Sequence[int] | None = None,
        classes: Sequence[str] = (),
        skipped: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.names, self._identity = folder, names, identity
        self._labels, self.classes, self.skipped = labels, classes, skipped or {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        return read_picture(self.folder / self.names[index])

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the identity, of where the files lie, and of each one's name, size and time of change."""
        states = ((name, *file_state(self.folder / name)) for name in self.names)
        return digest(self._identity, os.path.realpath(self.folder), *states)

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The class of each of the images at ``indices``, where they have any."""
        return None if self._labels is None else np.asarray(self._labels, np.int64)[indices]


class ImageRows:
    """Images in memory: uint8 pixels (n, c, h, w), with a label and a row of factors for each where there are any."""

    def __init__(
        self,
        pixels: np.ndarray,
        fingerprint: str,
        labels: np.ndarray | None = None,
        factors: np.ndarray | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.pixels, self.fingerprint = pixels, fingerprint
        self._labels, self._factors, self.classes = labels, factors, classes

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        return torch.from_numpy(self.pixels[index].copy())

    def images(self, indices: Iterable[int]) -> np.ndarray:
        """The images at ``indices``, uint8 (n, c, h, w)."""
        return self.pixels[np.fromiter(indices, np.int64)]

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The labels of the images at ``indices``, where they have any."""
        return None if self._labels is None else self._labels[indices]

    def factors(self, indices: np.ndarray) -> np.ndarray | None:
        """The factors of the images at ``indices``, float (n, f), where they are known."""
        return None if self._factors is None else self._factors[indices]


def rows_of(what: Known, given: ArrayLike, n: int) -> np.ndarray:
    """Labels (int64), factors (float32) or groups (int64), one row for each of n images.

    Raises:
        DataError: they have another type or shape.
    """
    dtype, kinds, ndims, wanted = FORMS[what]
    rows = np.asarray(given)
    if rows.dtype.kind not in kinds or rows.ndim not in ndims or len(rows) != n or (n and not rows.size):
        raise DataError(f"{what} of {n} images are {wanted}, not {rows.dtype} {rows.shape}")
    return np.array(rows, dtype, order="C")  # a copy: they may be the dataset's own


def data_root(root: Root) -> Path | None:
    """``root``, else the folder that ``AEZOO_DATA`` names, else None."""
    where = root if root is not None else os.environ.get("AEZOO_DATA")
    return Path(os.path.expanduser(where)) if where else None


def find_folder(name: str, holds: str, root: Root, source: str) -> Path:
    """The folder of the dataset ``name``: ``root/name`` or ``root`` itself, whichever has ``holds`` in it.

    Raises:
        DataError: neither has; it says where to get the files (``source``).
    """
    base = data_root(root)
    for folder in (base / name, base) if base else ():
        if (folder / holds).exists():
            return folder
    looked = f"no {base / name / holds}" if base else "no folder is given and AEZOO_DATA is not set"
    raise DataError(
        f"{name}: {looked}\nset AEZOO_DATA or --root to the folder that holds {name}/{holds}; the files: {source}"
    )


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of change (ns) of a file; of a missing one, which reading will name, (-1, -1)."""
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def digest(*parts: object) -> str:
    """A sha256 of plain values."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()
