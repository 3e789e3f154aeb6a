"""CelebA: aligned faces of celebrities (Liu et al., ICCV 2015), centre-cropped as in the CIS 680 report."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from aezoo.datasets.sources import ImageFiles, Root, digest, file_state, find_folder
from aezoo.datasets.splits import no_such_split
from aezoo.errors import DataError

SOURCE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTITIONS = {"train": "0", "val": "1", "valid": "1", "test": "2"}
_PARTITION_FILE = "list_eval_partition.txt"
_FILES = {"identity": "identity_CelebA.txt", "attributes": "list_attr_celeba.txt"}


class CelebA(ImageFiles):
    """The images of a partition that are there: ``img_align_celeba/*.jpg``, listed by ``list_eval_partition.txt``.

    Args:
        split: ``"train"``, ``"val"`` (or ``"valid"``) or ``"test"``.
        root: the folder that holds ``celeba/``, or that folder.
        crop: take the centre 128x128 of 178x218. The box scales with the image: of the half-size files, 89x109, it
            is the centre 64x64.
        labels: ``"attributes"``, the 40 of ``list_attr_celeba.txt`` as 0 or 1, where that file is there;
            ``"identity"``, the number of the person, of ``identity_CelebA.txt``; or ``""``, none.

    Raises:
        OptionError: another split.
        DataError: the files are not there, or none of this split.
    """

    def __init__(self, split: str, root: Root = None, *, crop: bool = True, labels: str = "attributes") -> None:
        if split not in PARTITIONS:
            raise no_such_split("celeba", split, ("train", "val", "test"))
        folder = find_folder("celeba", "img_align_celeba", root, SOURCE)
        present = set(os.listdir(folder / "img_align_celeba"))
        self._files = [
            name
            for name, (partition,) in _table(folder / _PARTITION_FILE).items()
            if partition == PARTITIONS[split] and name in present
        ]
        if not self._files:
            raise DataError(
                f"celeba: {_PARTITION_FILE} puts none of the {len(present)} files of {folder / 'img_align_celeba'} "
                f"in the split {split!r}\nadd that split's files (from {SOURCE}), or use another split"
            )
        self.crop = crop
        self._source = folder / _FILES[labels] if labels else None
        if self._source and not self._source.exists():
            if labels == "identity":
                raise _missing(self._source)
            self._source = None  # the attributes are the default, and many have the images alone
        names = [f"img_align_celeba/{name}" for name in self._files]
        attributes = _attributes(self._source) if self._source and labels == "attributes" else ()
        super().__init__(folder, names, f"celeba {PARTITIONS[split]} crop={crop}", classes=attributes)

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        picture = super().__getitem__(index)
        if not self.crop:
            return picture
        _, height, width = picture.shape
        side = round(128 * min(width / 178, height / 218))
        top, left = (height - side) // 2, (width - side) // 2
        return picture[:, top : top + side, left : left + side].contiguous()

    @cached_property
    def fingerprint(self) -> str:
        """That of the files, and of the one that the labels are from."""
        own = super().fingerprint
        return digest(own, self._source.name, file_state(self._source)) if self._source else own

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The attributes ``(n, 40)``, 0 or 1, or the persons ``(n,)``, where they were asked for and are there."""
        if self._source is None:
            return None
        if not self.classes:
            return self._numbers(self._source)[indices, 0]
        return (self._numbers(self._source, len(self.classes), skip=2)[indices] > 0).astype(np.int64)

    def groups(self, indices: np.ndarray) -> np.ndarray | None:
        """The person in each image, ``(n,)``, where ``identity_CelebA.txt`` is there."""
        source = self.folder / _FILES["identity"]
        return self._numbers(source)[indices, 0] if source.exists() else None

    def _numbers(self, path: Path, columns: int = 1, skip: int = 0) -> np.ndarray:
        """What an annotation file says of each image, int64 ``(n, columns)``."""
        table = _table(path, columns, skip)
        if missing := [name for name in self._files if name not in table]:
            raise DataError(f"celeba: {path} says nothing of {missing[0]}")
        try:
            return np.array([table[name] for name in self._files], np.int64)
        except ValueError:
            raise _damaged(path, columns) from None


def _attributes(path: Path) -> list[str]:
    """The names of the attributes: the second line of their file, below the number of images."""
    with path.open(encoding="utf-8") as lines:
        next(lines, "")
        return next(lines, "").split()


def _table(path: Path, columns: int = 1, skip: int = 0) -> dict[str, list[str]]:
    """The lines ``NAME VALUE ...`` of an annotation file, by name; the first few are no such lines."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[skip:] if line.strip()]
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError:
        raise _damaged(path, columns) from None
    if any(len(words) != 1 + columns for words in lines):
        raise _damaged(path, columns)
    return {name: values for name, *values in lines}


def _missing(path: Path) -> DataError:
    return DataError(f"celeba: no {path}\nit comes with the images, from {SOURCE}")


def _damaged(path: Path, columns: int) -> DataError:
    numbers = f"{columns} numbers" if columns > 1 else "a number"
    return DataError(f"celeba: {path} is damaged: each line is an image and {numbers}")
