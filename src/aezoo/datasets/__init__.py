"""Datasets: images of a split as uint8 tensors at their native size, and what is known of each. The pipeline makes them
a model's images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Dataset(Protocol):
    """What the implementation of a `DatasetSpec` gives, called as ``implementation(split=..., root=..., **options)``.

    ``root`` is a folder, or None for the one that ``AEZOO_DATA`` names; a dataset that reads no files need not take it.
    A family also takes ``member=``. Calling it raises `OptionError` for a split that it does not have (naming those it
    has) and `DataError` where its files are missing (what was looked for, where, what to do).

    More may be there, and is used where it is. ``indices`` are those of images, an int64 array or a range:

    * ``images(indices)``: many at once, uint8 ``(n, c, h, w)``, for images of one size that are quick to make;
    * ``labels(indices)``: whole numbers, ``(n,)`` the class of each image or ``(n, k)`` its k attributes; or None;
    * ``factors(indices)``: numbers ``(n, f)``, what each image was made from; or None;
    * ``groups(indices)``: whole numbers ``(n,)``, which images are of one thing, say of one person: no split tears them
      apart, and a study counts them as one; or None;
    * ``classes``, ``factor_names``: what the classes (or attributes) and the factors are called, in their order;
    * ``names``: a sequence of texts, one an image, for messages and reports;
    * ``skipped``: a mapping from the files that lie among the images and are not read to the reason;

    The numbering of the classes is that of every split.
    """

    @property
    def fingerprint(self) -> str:
        """Another text whenever pixels, labels or factors would be others: options, version, and files' names, sizes
        and times. What was decoded is kept on disk under it.
        """
        ...

    def __len__(self) -> int:
        """How many images there are."""
        ...

    def __getitem__(self, index: int, /) -> Tensor:
        """The image at ``index``: uint8 ``(c, h, w)``, 1 or 3 channels, at its native size.

        Raises:
            DataError: it cannot be read. The pipeline skips it with a warning.
        """
        ...
