"""Toyfaces as a test split has them."""

import functools

import pytest
import torch

from aezoo.datasets.pipeline import load_images
from aezoo_factors.regressor import IMAGES


@functools.cache
def _faces(count=100, style="shaded"):
    data = load_images(f"toyfaces(style={style!r}, test_count={count})", "test", IMAGES[style])
    batch = data.batch(torch.arange(count))
    return batch.images, batch.factors


@pytest.fixture
def faces():
    """``faces(count=100, style="shaded")``: images (n, c, 64, 64) and their factors."""
    return _faces
