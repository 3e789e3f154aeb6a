"""CelebA: aligned faces of celebrities (Liu et al., ICCV 2015), centre-cropped as in the CIS 680 report."""

from __future__ import annotations

import os
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from aezoo.datasets.sources import ImageFiles, Root, find_folder
from aezoo.datasets.splits import no_such_split
from aezoo.errors import DataError

SOURCE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTITIONS = {"train": "0", "val": "1", "valid": "1", "test": "2"}
_PARTITION_FILE = "list_eval_partition.txt"
_IDENTITY_FILE = "identity_CelebA.txt"


class CelebA(ImageFiles):
    """The images of a partition that are there: ``img_align_celeba/*.jpg``, listed by ``list_eval_partition.txt``.

    Args:
        split: ``"train"``, ``"val"`` (or ``"valid"``) or ``"test"``.
        root: the folder that holds ``celeba/``, or that folder.
        crop: take the centre 128x128 of 178x218. The box scales with the image: of the half-size files, 89x109, it
            is the centre 64x64.

    Raises:
        OptionError: another split.
        DataError: the files are not there, or none of this split.
    """

    def __init__(self, split: str, root: Root = None, *, crop: bool = True) -> None:
        if split not in PARTITIONS:
            raise no_such_split("celeba", split, ("train", "val", "test"))
        folder = find_folder("celeba", "img_align_celeba", root, SOURCE)
        present = set(os.listdir(folder / "img_align_celeba"))
        self._files = [
            name
            for name, partition in _pairs(folder, _PARTITION_FILE)
            if partition == PARTITIONS[split] and name in present
        ]
        if not self._files:
            raise DataError(
                f"celeba: {_PARTITION_FILE} puts none of the {len(present)} files of {folder / 'img_align_celeba'} "
                f"in the split {split!r}\nadd that split's files (from {SOURCE}), or use another split"
            )
        self.crop = crop
        names = [f"img_align_celeba/{name}" for name in self._files]
        super().__init__(folder, names, f"celeba {PARTITIONS[split]} crop={crop}")

    def __getitem__(self, index: int) -> UInt8[Tensor, "c h w"]:
        picture = super().__getitem__(index)
        if not self.crop:
            return picture
        _, height, width = picture.shape
        side = round(128 * min(width / 178, height / 218))
        top, left = (height - side) // 2, (width - side) // 2
        return picture[:, top : top + side, left : left + side].contiguous()

    def groups(self) -> list[int] | None:
        """The person in each image, where ``identity_CelebA.txt`` is there."""
        if not (self.folder / _IDENTITY_FILE).exists():
            return None
        persons = {name: int(person) for name, person in _pairs(self.folder, _IDENTITY_FILE)}
        if missing := [name for name in self._files if name not in persons]:
            raise DataError(f"celeba: {self.folder / _IDENTITY_FILE} says nothing of {missing[0]}")
        return [persons[name] for name in self._files]


def _pairs(folder: Path, file: str) -> list[tuple[str, str]]:
    """The lines ``NAME VALUE`` of an annotation file."""
    try:
        lines = [line.split() for line in (folder / file).read_text(encoding="utf-8").splitlines() if line.strip()]
        return [(name, value) for name, value in lines]
    except FileNotFoundError:
        raise DataError(f"celeba: no {folder / file}\nit comes with the images, from {SOURCE}") from None
    except ValueError:
        raise DataError(f"celeba: {folder / file} is damaged: each line is an image and a number") from None
