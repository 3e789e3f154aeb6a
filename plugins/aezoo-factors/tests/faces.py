"""Toyfaces as a test split has them."""

import functools

import torch

from aezoo.datasets.pipeline import load_images
from aezoo.plain import ImageSpec


@functools.cache
def faces(count=100, channels=1):
    """Images (n, c, 64, 64) and their factors."""
    style = "shaded" if channels == 1 else "colour"
    data = load_images(f"toyfaces(style={style!r}, test_count={count})", "test", ImageSpec((64, 64), channels))
    batch = data.batch(torch.arange(count))
    return batch.images, batch.factors
