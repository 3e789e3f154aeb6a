"""Splits: the error for one that is not there, and a held-out tenth where a dataset has none of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence

from aezoo.errors import OptionError, shown, warn

FEW = 10
"""Test images, below which a split that was drawn is warned of."""


def no_such_split(dataset: str, split: str, splits: Iterable[str]) -> OptionError:
    """The error for a split that a dataset does not have."""
    return OptionError(f"{dataset} has no split {shown(split)}; it has {' and '.join(splits)}")


def held_out(dataset: str, names: Sequence[str], split: str, seed: int = 0) -> list[int]:
    """The indices of ``"train"`` or ``"test"``: an image's name alone says which, so adding images moves no other.

    Each is test with a chance of a tenth; of fewer than `FEW` it warns. The exception is a set so small that a split
    would be empty: then the image nearest to it changes sides. A single image is for training.

    Raises:
        OptionError: another split.
    """
    if split not in ("train", "test"):
        raise no_such_split(dataset, split, ("train", "test"))
    draws = [_draw(name, seed) for name in names]
    test = {index for index, draw in enumerate(draws) if _is_test(draw)}
    if not test and len(names) > 1:
        test = {draws.index(min(draws))}
    if len(test) == len(names):
        test -= {draws.index(max(draws))} if names else set()
    if split == "test" and 0 < len(test) < FEW:
        warn(
            f"{dataset}: its test split, drawn by name, has {len(test)} of {len(names)} images: numbers of fewer than "
            f"{FEW} say little; more images, or splits of your own, say more"
        )
    return [index for index in range(len(names)) if (index in test) == (split == "test")]


def on_this_side(name: str, split: str, seed: int = 0) -> bool:
    """Whether a file that is no image would lie in ``"train"`` or ``"test"``, so that it is counted in one of them."""
    return _is_test(_draw(name, seed)) == (split == "test")


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/".encode() + os.fsencode(name)).digest()


def _is_test(draw: bytes) -> bool:
    return int.from_bytes(draw[:8]) < 2**64 // 10
