"""A study of MNIST in a few steps, on noise in the place of the digits."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """A root with a few noisy digits in MNIST's files."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "torchvision/MNIST/raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("train", 24), ("t10k", 12)):
        for kind, magic, shape in (("images-idx3", 2051, (count, 28, 28)), ("labels-idx1", 2049, (count,))):
            values = rng.integers(0, 10 if len(shape) == 1 else 256, shape, np.uint8)
            header = np.array([magic, *shape], ">i4").tobytes()
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + values.tobytes())
    return root
