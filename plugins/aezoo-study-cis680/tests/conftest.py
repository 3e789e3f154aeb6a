"""A study of CUFS in a few steps, on noise in the place of the sketches."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from aezoo_study_cis680 import study as declared


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def cufs(tmp_path_factory):
    """A root with eight noisy sketches in CUFS's layout."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "cufs/sketches64"
    (folder / "imgs").mkdir(parents=True)
    (folder / "devkit").mkdir()
    names = [f"{index}.png" for index in range(8)]
    for index, name in enumerate(names):
        noise = np.random.default_rng(index).integers(0, 2, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(255 * noise).save(folder / "imgs" / name)
    for split, chosen in (("train", names[:4]), ("test", names[4:])):
        (folder / f"devkit/{split}.txt").write_text("".join(f"{name} 0\n" for name in chosen))
    return root


@pytest.fixture
def shorter(monkeypatch):
    """The quick study with even fewer steps."""
    few = dataclasses.replace(declared.QUICK, reported=2, long=4, every=1, long_every=2, folds=2)
    monkeypatch.setattr(declared, "QUICK", few)
    return declared.study(quick=True)
