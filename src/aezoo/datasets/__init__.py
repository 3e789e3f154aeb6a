"""Datasets: images of a split as uint8 tensors at their native size. The pipeline makes them a model's images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Dataset(Protocol):
    """What the implementation of a `DatasetSpec` gives, called as ``implementation(split, root=..., **options)``.

    ``root`` is a folder, or None for the one that ``AEZOO_DATA`` names; a dataset that reads no files ignores it. A
    family also takes ``member=``. Calling it raises `OptionError` for a split that it does not have (naming those it
    has) and `DataError` where its files are missing (what was looked for, where, what to do).

    Three attributes may be there as well, and are used where they are:

    * ``images(indices) -> uint8 array (n, c, h, w)``: many at once, for images of one size that are quick to make;
    * ``names``: a sequence of texts, one an image, for messages and reports;
    * ``groups() -> list[int] | None``: what must not be torn apart by a split, say the person, one an image.
    """

    @property
    def fingerprint(self) -> str:
        """Another text whenever the pixels would be others: options, version, and names, sizes and times of files."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Tensor:
        """The image at ``index``: uint8 ``(c, h, w)``, 1 or 3 channels, at its native size.

        Raises:
            DataError: it cannot be read. The pipeline skips it with a warning.
        """
        ...
