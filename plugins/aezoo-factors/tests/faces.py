"""Toyfaces as a test split has them."""

import functools

import torch

from aezoo.datasets.pipeline import load_images
from aezoo_factors.regressor import IMAGES


@functools.cache
def faces(count=100, style="shaded"):
    """Images (n, c, 64, 64) and their factors."""
    data = load_images(f"toyfaces(style={style!r}, test_count={count})", "test", IMAGES[style])
    batch = data.batch(torch.arange(count))
    return batch.images, batch.factors
