"""ImageArray: the images of a split, with what is known of each, given out in batches."""

from __future__ import annotations

import copy
import hashlib
import operator
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from aezoo.datasets.cache import room
from aezoo.datasets.sources import digest
from aezoo.errors import DataError, OptionError, shown
from aezoo.latent import Batch

Binarize = Literal["", "threshold", "static", "dynamic"]
_BINARIZE: tuple[Binarize, ...] = typing.get_args(Binarize)
_PART = 1024
# A 32-bit word below _LEVELS[value] has the probability value / 255.
_LEVELS = np.array([-(-(value << 32) // 255) for value in range(256)], np.uint64)


class ImageArray(Dataset[Any]):
    """Images as uint8 ``pixels`` (n, c, h, w), and how they are made binary when they are given out.

    A ``torch.utils.data.DataLoader`` takes it: item i is the image, float32 (c, h, w) in [0, 1]; or the pair ``(image,
    label)`` where there are labels.

    Args:
        pixels: uint8 (n, c, h, w).
        binarize: ``""`` leaves the intensities; ``"threshold"`` is white from 0.5 on; ``"static"`` draws each pixel
            once, white with its intensity as probability; ``"dynamic"`` draws it anew for every batch.
        labels: int64 (n,) or (n, k), the class or the attributes of each image, where there are any.
        factors: float32 (n, f), what each image was made from, where that is known.
        groups: int64 (n,), which images are of one thing, say of one person, where that is known.
        classes: the names of the classes or attributes, where they have any.
        factor_names: the names of the factors.
        index: int64 (n,), the place of each image in its split; by default 0 to n - 1.
        fingerprint: of the dataset and its pipeline.
        names: of the images, where they have any.
        skipped: what could not be read of the split, ``path: reason`` each.
        seed: of the static draw, with the image's index: it does not depend on batches or on order.

    Raises:
        OptionError: another way to binarise.
        DataError: the pixels are of another form, or there is not one label, row of factors, group, index or name for
            each image.
    """

    def __init__(
        self,
        pixels: UInt8[Tensor, "n c h w"],
        binarize: Binarize = "",
        *,
        labels: Int[Tensor, "n ..."] | None = None,
        factors: Float[Tensor, "n f"] | None = None,
        groups: Int[Tensor, " n"] | None = None,
        classes: Sequence[str] = (),
        factor_names: Sequence[str] = (),
        index: Int[Tensor, " n"] | None = None,
        fingerprint: str = "",
        names: Sequence[str] | None = None,
        skipped: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        if binarize not in _BINARIZE:
            raise OptionError(f"binarize={shown(binarize)} is none of " + ", ".join(map(repr, _BINARIZE)))
        if not isinstance(pixels, Tensor) or pixels.dtype != torch.uint8 or pixels.ndim != 4:
            given = f"{pixels.dtype} {tuple(pixels.shape)}" if isinstance(pixels, Tensor) else type(pixels).__name__
            raise DataError(
                f"pixels are {given}, not uint8 (n, c, h, w): of images in [0, 1] give (255 * images).round().byte()"
            )
        every = {"labels": labels, "factors": factors, "groups": groups, "index": index, "names": names}
        for what, known in every.items():
            if known is not None and len(known) != len(pixels):
                raise DataError(f"{len(known)} {what} for {len(pixels)} images: there is one for each")
        self.binarize, self.seed = binarize, seed
        self.labels, self.factors, self.groups = labels, factors, groups
        self.classes, self.factor_names = tuple(classes), tuple(factor_names)
        self.names = tuple(names) if names is not None else None
        self.skipped = tuple(skipped)
        self.fingerprint = digest(fingerprint, binarize, seed)
        self.index = torch.arange(len(pixels)) if index is None else index
        self._whole = index is None  # then an image's place is the index that it is asked for by
        if binarize == "threshold":
            whole = torch.from_numpy(room(tuple(pixels.shape)))
            for made, part in zip(whole.split(_PART), pixels.split(_PART), strict=True):
                made.copy_((part >= 128).to(torch.uint8) * 255)
            pixels = whole
        elif binarize == "static":
            pixels = draw(pixels, self.index, seed)
        self._stored = pixels.contiguous()
        self._rows: Tensor | None = None  # of them, those that are here; None where all are

    def __len__(self) -> int:
        return len(self.index)

    @property
    def pixels(self) -> UInt8[Tensor, "n c h w"]:
        """The images as uint8; of a subset, a copy."""
        return self._stored if self._rows is None else self._stored.index_select(0, self._rows)

    def parts(self) -> Iterator[UInt8[Tensor, "k c h w"]]:
        """The pixels, so many images at a time that they fit in memory where all need not."""
        if self._rows is None:
            yield from self._stored.split(_PART)
        else:
            yield from (self._stored.index_select(0, rows) for rows in self._rows.split(_PART))

    def __getitem__(self, index: int) -> Tensor | tuple[Tensor, Tensor]:
        """Item ``index``, of a negative one from the end. ``"dynamic"`` draws it anew, by torch's global state.

        Raises:
            IndexError: there is no such item.
            TypeError: the index is no whole number.
        """
        n, place = len(self), operator.index(index)
        if not -n <= place < n:
            raise IndexError(f"index {place} of {n} images")
        return self.__getitems__([place % n])[0]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Several items at once, as a ``DataLoader`` asks for them."""
        batch = self.batch(indices, torch.default_generator)
        return [*batch.images] if batch.labels is None else [*zip(batch.images, batch.labels, strict=True)]

    @property
    def is_binary(self) -> bool:
        """Whether every value given out is 0 or 1."""
        return self.binarize != "" or all(bool(((part == 0) | (part == 255)).all()) for part in self.parts())

    def batch(self, indices: Tensor | Sequence[int], generator: torch.Generator | None = None) -> Batch:
        """The images at ``indices``, in [0, 1], with what is known of them and their places in the whole split.

        Args:
            indices: from 0 to n - 1.
            generator: for the draws of ``"dynamic"``; without one (evaluation) they are those of ``"static"``.

        Raises:
            OptionError: the indices are no sequence of whole numbers in that range.
        """
        at = _places(indices, len(self))
        pixels = self._stored.index_select(0, at if self._rows is None else self._rows.index_select(0, at))
        index = at if self._whole else self.index.index_select(0, at)
        if self.binarize == "dynamic" and generator is None:
            pixels = draw(pixels, index, self.seed)
        images = pixels.to(torch.float32).div_(255)  # a product with 1/255 would miss half of the 256 values by a bit
        if self.binarize == "dynamic" and generator is not None:
            # three times as quick as torch.bernoulli
            images = (torch.rand(images.shape, generator=generator) < images).to(torch.float32)
        labels = None if self.labels is None else self.labels.index_select(0, at)
        factors = None if self.factors is None else self.factors.index_select(0, at)
        return Batch(images, labels, factors, index)

    def subset(self, indices: Tensor | Sequence[int]) -> ImageArray:
        """The images at ``indices``, with the draws, places and what is known of them here, not copied."""
        indices = _places(indices, len(self))
        part = copy.copy(self)
        part._whole = False
        part._rows = indices if self._rows is None else self._rows.index_select(0, indices)
        part.index = self.index.index_select(0, indices)
        for what in ("labels", "factors", "groups"):
            known = getattr(self, what)
            setattr(part, what, None if known is None else known.index_select(0, indices))
        part.names = tuple(self.names[index] for index in indices.tolist()) if self.names is not None else None
        part.fingerprint = digest(self.fingerprint, indices.tolist())
        return part

    def some(self, most: int) -> ImageArray:
        """At most so many of the images, always the same: drawn without regard to their order."""
        return self if len(self) <= most else self.subset(self._drawn[:most])

    def some_first(self, most: int) -> ImageArray:
        """All of the images, `some` of them first."""
        return self if len(self) <= most else self.subset(self._drawn)

    @property
    def _drawn(self) -> Tensor:
        return torch.randperm(len(self), generator=torch.Generator().manual_seed(0))


def draw(pixels: UInt8[Tensor, "n c h w"], numbers: Tensor, seed: int) -> UInt8[Tensor, "n c h w"]:
    """Each pixel 255 with probability ``pixel / 255``, else 0; image i is drawn from the stream (seed, numbers[i])."""
    drawn = room(tuple(pixels.shape))
    for image, number, target in zip(pixels.numpy(), numbers.tolist(), drawn, strict=True):
        # Raw words of Philox: unlike the distributions built on them, numpy promises never to change these.
        words = np.random.Philox(key=[seed, number]).random_raw((image.size + 1) // 2).astype("<u8").view("<u4")
        white = words[: image.size].reshape(image.shape) < _LEVELS.take(image)
        np.multiply(white, np.uint8(255), out=target)
    return torch.from_numpy(drawn)


def data_hash(images: ImageArray) -> str:
    """The sha256 of the pixels, before any dynamic draw: what a recipe states of its data."""
    found = hashlib.sha256()
    for part in images.parts():
        found.update(part.numpy().data)
    return found.hexdigest()


def labels_hash(images: ImageArray) -> str:
    """The sha256 of the labels and factors of images; empty where they have none."""
    there = [known for known in (images.labels, images.factors) if known is not None]
    found = hashlib.sha256()
    for known in there:
        found.update(known.contiguous().numpy().data)
    return found.hexdigest() if there else ""


def _places(indices: Tensor | Sequence[int], n: int) -> Tensor:
    try:
        at = torch.as_tensor(indices)
        whole = not (at.dtype == torch.bool or at.is_floating_point() or at.is_complex()) or not at.numel()
        at = at.to(torch.int64)
        fits = whole and at.ndim == 1 and not ((at < 0) | (at >= n)).any()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        at, fits = torch.empty(0), False
    if not fits:
        raise OptionError(f"indices {shown(indices, 40)}: give whole numbers from 0 to {n - 1}, as a list")
    return at
