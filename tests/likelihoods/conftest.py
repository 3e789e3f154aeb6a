import pytest
import torch

from aezoo.plain import ImageSpec
from aezoo.requests import ask


@pytest.fixture
def likelihood():
    """The likelihood of a request, for images of some channels."""
    return lambda request, channels=1: ask("likelihood", request).build(image=ImageSpec((2, 3), channels))


@pytest.fixture
def draw():
    """Parameter maps of a likelihood, and images whose values are grey levels, or binary where it is of these."""

    def maps_and_images(likelihood, n=4, channels=1, scale=1.0, dtype=torch.float64, seed=0):
        generator = torch.Generator().manual_seed(seed)
        params = scale * torch.randn(n, channels * likelihood.maps, 2, 3, generator=generator, dtype=dtype)
        levels = 1 if likelihood.support == "binary" else 255
        images = torch.rand(n, channels, 2, 3, generator=generator, dtype=dtype)
        return params, (images * levels).round() / levels

    return maps_and_images
