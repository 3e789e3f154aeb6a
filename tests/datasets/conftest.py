"""Tiny datasets on disk, in the layouts that their publishers give them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.delenv("AEZOO_DATA", raising=False)


@pytest.fixture
def data():
    if not os.environ.get("AEZOO_DATA"):
        pytest.skip("AEZOO_DATA names no folder of real images")
    return Path(os.environ["AEZOO_DATA"])


def _noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def noise():
    """``noise(*shape, seed=0)``: uint8 values."""
    return _noise


@pytest.fixture
def save():
    """``save(path, pixels)``: an image file and its folders."""
    return _save


@pytest.fixture
def cufs(tmp_path):
    root = tmp_path / "cufs"
    for index, name in enumerate(("b", "a", "c")):
        _save(root / f"sketches64/imgs/{name}.png", np.where(_noise(64, 64, seed=index) > 127, 255, 0).astype(np.uint8))
    (root / "sketches64/devkit").mkdir()
    (root / "sketches64/devkit/train.txt").write_text("b.png 0\na.png 1\n")
    (root / "sketches64/devkit/test.txt").write_text("c.png 88\n")
    _save(root / "sketches/train/grey.jpg", _noise(250, 200))
    _save(root / "sketches/train/rgb.jpg", _noise(250, 200, 3))
    _save(root / "sketches/test/grey.jpg", _noise(250, 200))
    return tmp_path


@pytest.fixture(params=[(218, 178), (109, 89)], ids=["full", "half"])
def celeba(request, tmp_path):
    height, width = request.param
    for index in range(4):
        _save(tmp_path / f"celeba/img_align_celeba/00000{index}.jpg", _noise(height, width, 3, seed=index))
    lines = [f"00000{index}.jpg {partition}" for index, partition in enumerate((0, 2, 0, 2))]
    (tmp_path / "celeba/list_eval_partition.txt").write_text("\n".join([*lines, "000099.jpg 0"]) + "\n")
    return tmp_path
