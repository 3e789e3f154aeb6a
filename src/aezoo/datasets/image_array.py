"""ImageArray: the images of a split in memory, given out in batches."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from aezoo.datasets.sources import digest
from aezoo.errors import OptionError

Binarize = Literal["", "threshold", "static", "dynamic"]
_BINARIZE: tuple[Binarize, ...] = ("", "threshold", "static", "dynamic")
# A 32-bit word below _LEVELS[value] has the probability value / 255.
_LEVELS = np.array([-(-(value << 32) // 255) for value in range(256)], np.uint64)


class ImageArray:
    """Images as uint8 ``pixels`` (n, c, h, w), and how they are made binary when they are given out.

    Args:
        pixels: uint8 (n, c, h, w).
        binarize: ``""`` leaves the intensities; ``"threshold"`` is white from 0.5 on; ``"static"`` draws each pixel
            once, white with its intensity as probability; ``"dynamic"`` draws it anew for every batch.
        fingerprint: of the dataset and its pipeline.
        names: of the images, where they have any.
        seed: of the static draw, with the image's index: it does not depend on batches or on order.

    Raises:
        OptionError: another way to binarise.
    """

    def __init__(
        self,
        pixels: UInt8[Tensor, "n c h w"],
        binarize: Binarize = "",
        *,
        fingerprint: str = "",
        names: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        if binarize not in _BINARIZE:
            raise OptionError(f"binarize={binarize!r} is none of " + ", ".join(map(repr, _BINARIZE)))
        self.binarize, self.seed = binarize, seed
        self.names = tuple(names) if names is not None else None
        self.fingerprint = digest(fingerprint, binarize, seed)
        self._numbers = torch.arange(len(pixels))  # the images' indices in the whole split, which seed their draws
        if binarize == "threshold":
            pixels = (pixels >= 128).to(torch.uint8) * 255
        elif binarize == "static":
            pixels = draw(pixels, self._numbers, seed)
        self.pixels = pixels.contiguous()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def is_binary(self) -> bool:
        """Whether every value given out is 0 or 1."""
        return self.binarize != "" or all(bool(((part == 0) | (part == 255)).all()) for part in self.pixels.split(1024))

    def batch(
        self, indices: Tensor | Sequence[int], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        """The images at ``indices``, in [0, 1].

        Args:
            indices: from 0 to n - 1.
            generator: for the draws of ``"dynamic"``; without one (evaluation) they are those of ``"static"``.
        """
        indices = torch.as_tensor(indices, dtype=torch.int64)
        pixels = self.pixels.index_select(0, indices)
        if self.binarize == "dynamic" and generator is None:
            pixels = draw(pixels, self._numbers[indices], self.seed)
        images = pixels.to(torch.float32).div_(255)  # a product with 1/255 would miss half of the 256 values by a bit
        if self.binarize == "dynamic" and generator is not None:
            # three times as quick as torch.bernoulli
            images = (torch.rand(images.shape, generator=generator) < images).to(torch.float32)
        return images

    def subset(self, indices: Tensor | Sequence[int]) -> ImageArray:
        """The images at ``indices``, with the draws that they have here."""
        indices = torch.as_tensor(indices, dtype=torch.int64)
        part = copy.copy(self)
        part.pixels = self.pixels.index_select(0, indices)
        part.names = tuple(self.names[index] for index in indices.tolist()) if self.names is not None else None
        part.fingerprint = digest(self.fingerprint, indices.tolist())
        part._numbers = self._numbers[indices]
        return part


def draw(pixels: UInt8[Tensor, "n c h w"], numbers: Tensor, seed: int) -> UInt8[Tensor, "n c h w"]:
    """Each pixel 255 with probability ``pixel / 255``, else 0; image i is drawn from the stream (seed, numbers[i])."""
    drawn = np.empty(pixels.shape, np.uint8)
    for image, number, target in zip(pixels.numpy(), numbers.tolist(), drawn, strict=True):
        # Raw words of Philox: unlike the distributions built on them, numpy promises never to change these.
        words = np.random.Philox(key=[seed, number]).random_raw((image.size + 1) // 2).astype("<u8").view("<u4")
        white = words[: image.size].reshape(image.shape) < _LEVELS.take(image)
        np.multiply(white, np.uint8(255), out=target)
    return torch.from_numpy(drawn)


def data_hash(images: ImageArray) -> str:
    """The sha256 of the pixels, before any dynamic draw: what a recipe states of its data."""
    return hashlib.sha256(images.pixels.numpy().data).hexdigest()
