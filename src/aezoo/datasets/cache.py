"""The cache on disk of decoded images and of what is known of them: one ``.npy`` each, the least recently used
removed beyond a size. A checksum stands behind each. Large ones are mapped from there, not read."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from platformdirs import user_cache_dir

from aezoo.errors import warn
from aezoo.files import write_whole

LIMIT = 4 * 2**30
"""Bytes that all entries together may take, beside what was used in the last `RECENT` seconds."""
RECENT = 3600
ABANDONED = 86400
"""Seconds after which the draft of an entry is taken to be of a process that was killed."""
IN_MEMORY = 2**30
"""Bytes of an array; a larger one stays on disk, and is paged from there as it is used."""


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
            array, check = _read(file), file.read()
        if check != _check(array):
            raise ValueError("its bytes are not those that were written")
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever the disk or numpy says of a damaged file: it is made anew
        warn(f"cached images {path} cannot be read and are decoded anew: {error}")
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used just now
    return array if isinstance(array, np.ndarray) and array.dtype == dtype else None


def room(shape: tuple[int, ...]) -> np.ndarray:
    """An array of bytes to fill: in memory, or in a file without a name, which goes when the array does."""
    folder, size = cache_dir() / "datasets", math.prod(shape)
    if size > IN_MEMORY:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if size < shutil.disk_usage(folder).free:  # or a write would end the process, not raise
                with tempfile.TemporaryFile(dir=folder) as file:
                    if hasattr(os, "posix_fallocate"):  # what others take meanwhile is not free any more
                        os.posix_fallocate(file.fileno(), 0, size)
                    return np.memmap(file, np.uint8, "w+", shape=shape)
            why = f"{size / 1e9:.1f} GB are not free there"
        except OSError as error:
            why = error.strerror or str(error)
        warn(f"images cannot be kept in {folder}, and are in memory: {why}")
    return np.empty(shape, np.uint8)


def store(arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays, by their keys; where that fails, warn, and lose only the time to decode them again."""
    try:
        for key, array in arrays.items():
            with write_whole(_path(key)) as draft, draft.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.write(_check(array))  # which numpy does not read
        _prune()
    except OSError as error:
        warn(f"decoded images cannot be cached in {_path('').parent}: {error.strerror or error}")


def _read(file: BinaryIO) -> np.ndarray:
    """The array in an opened ``.npy``, which is left at what stands behind it."""
    if os.fstat(file.fileno()).st_size <= IN_MEMORY:
        return np.load(file, allow_pickle=False)
    np.lib.format.read_magic(file)  # 1.0, of any array of ours
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    array = np.memmap(file, dtype, "c", start, shape)  # writable, as torch wants it; nothing is written back
    file.seek(start + array.nbytes)
    return array


def _check(array: np.ndarray) -> bytes:
    return zlib.crc32(np.ascontiguousarray(array).data.cast("B")).to_bytes(4, "little")


def _prune() -> None:
    states, now = [], time.time()
    for path in _path("").parent.glob("*.npy"):
        with contextlib.suppress(FileNotFoundError):  # another process has pruned it
            states.append((path, path.stat()))
    for path, state in states:  # hidden ones are drafts of processes at work, or of one that was killed
        if path.name.startswith(".") and now - state.st_mtime > ABANDONED:
            path.unlink(missing_ok=True)
    states = [(path, state) for path, state in states if not path.name.startswith(".")]
    total = sum(state.st_size for _, state in states)
    for path, state in sorted(states, key=lambda item: item[1].st_mtime_ns):
        if total > LIMIT and now - state.st_mtime > RECENT:
            path.unlink(missing_ok=True)
            total -= state.st_size


def _path(key: str) -> Path:
    return cache_dir() / "datasets" / f"{key}.npy"
