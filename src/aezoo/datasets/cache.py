"""The cache on disk of decoded images and of what is known of them: one ``.npy`` each, the least recently used
removed beyond a size. A checksum stands behind each."""

from __future__ import annotations

import contextlib
import os
import warnings
import zlib
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from aezoo.errors import AezooWarning
from aezoo.files import write_whole

LIMIT = 4 * 2**30
"""Bytes that all entries together may take."""


def cache_dir() -> Path:
    """Where aezoo keeps what it can make again: ``AEZOO_CACHE``, else the platform's place for caches."""
    if where := os.environ.get("AEZOO_CACHE"):
        return Path(os.path.expanduser(where))
    return Path(user_cache_dir("aezoo"))


def load(key: str, dtype: type[np.generic] = np.uint8) -> np.ndarray | None:
    """The array of this type stored under ``key``; None where there is none, or a damaged one."""
    path = _path(key)
    try:
        with path.open("rb") as file:
            array, check = np.load(file, allow_pickle=False), file.read()
        if not check:
            return None  # of an aezoo that wrote none
        if check != _check(array):
            raise ValueError("its bytes are not those that were written")
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever the disk or numpy says of a damaged file: it is made anew
        _warn(f"cached images {path} cannot be read and are decoded anew: {error}")
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used just now
    return array if isinstance(array, np.ndarray) and array.dtype == dtype else None


def store(key: str, array: np.ndarray) -> None:
    """Keep an array; where that fails, warn, and lose only the time to decode it again."""
    path = _path(key)
    try:
        with write_whole(path) as draft, draft.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.write(_check(array))  # which numpy does not read
        _prune(path)
    except OSError as error:
        _warn(f"decoded images cannot be cached in {path.parent}: {error.strerror or error}")


def _check(array: np.ndarray) -> bytes:
    return zlib.crc32(np.ascontiguousarray(array).data.cast("B")).to_bytes(4, "little")


def _prune(newest: Path) -> None:
    states = [(path, path.stat()) for path in newest.parent.glob("*.npy")]
    total = sum(state.st_size for _, state in states)
    for path, state in sorted(states, key=lambda item: item[1].st_mtime_ns):
        if total > LIMIT and path != newest:
            path.unlink(missing_ok=True)
            total -= state.st_size


def _path(key: str) -> Path:
    return cache_dir() / "datasets" / f"{key}.npy"


def _warn(message: str) -> None:
    warnings.warn(message, AezooWarning, stacklevel=3)
