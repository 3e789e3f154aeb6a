import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from aezoo.datasets import cache
from aezoo.errors import AezooWarning


@pytest.fixture(params=["read", "mapped"])
def where(request, monkeypatch):
    """Arrays that are read into memory, and those too large for it."""
    if request.param == "mapped":
        monkeypatch.setattr(cache, "IN_MEMORY", 0)


def test_what_is_stored_is_loaded(where, noise):
    assert cache.load("a") is None
    cache.store({"a": noise(3, 2)})
    assert np.array_equal(cache.load("a"), noise(3, 2))


@pytest.mark.parametrize("damage", [b"", b"text", b"\x93NUMPY\x01\x00"])
def test_a_damaged_entry_is_none_with_a_warning(where, noise, damage):
    cache.store({"a": noise(3, 2)})
    (cache.cache_dir() / "datasets/a.npy").write_bytes(damage)
    with pytest.warns(AezooWarning, match=r"a.npy cannot be read and are decoded anew"):
        assert cache.load("a") is None


def test_a_large_array_is_filled_on_disk(monkeypatch):
    monkeypatch.setattr(cache, "IN_MEMORY", 5)
    assert type(cache.room((5,))) is np.ndarray
    large = cache.room((3, 2))
    large[:] = 7
    assert isinstance(large, np.memmap)
    assert not list((cache.cache_dir() / "datasets").iterdir())  # its file has no name to leave behind
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.warns(AezooWarning, match="in memory: 0.0 GB are not free there"):
        assert type(cache.room((3, 2))) is np.ndarray


def test_an_unwritable_cache_is_a_warning(tmp_path, monkeypatch, noise):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "file"))
    with pytest.warns(AezooWarning, match="cannot be cached in"):
        cache.store({"a": noise(3, 2)})
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    with pytest.warns(AezooWarning, match="are in memory: Not a directory"):
        cache.room((3, 2))


def test_the_least_recently_used_goes_first(monkeypatch, noise):
    for age, key in enumerate("abc"):
        cache.store({key: noise(1000)})
        os.utime(cache.cache_dir() / f"datasets/{key}.npy", (age, age))
    assert cache.load("a") is not None  # used: now the newest
    monkeypatch.setattr(cache, "LIMIT", 3500)
    cache.store({"d": noise(1000)})
    (cache.cache_dir() / "datasets/.x.npy.0.npy").write_bytes(bytes(9000))  # another process is at it
    cache.store({"d": noise(1000)})
    names = [path.name for path in (cache.cache_dir() / "datasets").iterdir()]
    assert sorted(names) == [".x.npy.0.npy", "a.npy", "c.npy", "d.npy"]


def test_what_is_stored_together_stays_together(monkeypatch, noise):
    monkeypatch.setattr(cache, "LIMIT", 500)
    cache.store({"pixels": noise(1000), "pixels-labels": noise(10)})
    assert cache.load("pixels") is not None
    assert cache.load("pixels-labels") is not None


def test_the_draft_of_a_process_that_was_killed_goes_in_a_day(noise):
    cache.store({"a": noise(10)})
    folder = cache.cache_dir() / "datasets"
    for name, age in (("old", 2 * cache.ABANDONED), ("new", 0)):
        (folder / f".{name}.npy.0.npy").write_bytes(bytes(9))
        os.utime(folder / f".{name}.npy.0.npy", (time.time() - age,) * 2)
    cache.store({"b": noise(10)})
    assert sorted(path.name for path in folder.iterdir()) == [".new.npy.0.npy", "a.npy", "b.npy"]


def test_the_platform_says_where_unless_told(monkeypatch):
    monkeypatch.delenv("AEZOO_CACHE")
    assert "aezoo" in str(cache.cache_dir())


def test_a_flipped_byte_is_found(where, tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path))
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 1, 3, 4)
    cache.store({"key": pixels})
    assert np.array_equal(cache.load("key"), pixels)
    [path] = (tmp_path / "datasets").iterdir()
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.warns(AezooWarning, match="its bytes are not those that were written"):
        assert cache.load("key") is None


def test_a_user_who_is_not_there(monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", "~nosuchuser/cache")
    assert cache.cache_dir() == Path("~nosuchuser/cache")
