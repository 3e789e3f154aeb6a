"""The models for images of one's own: any size and number of channels, and weights that beat what is simplest."""

import pytest
import torch

import aezoo

MAPS = {"kl-f4-tiny": 4, "kl-f8-tiny": 8, "kl-f4-small": 4, "kl-f8-small": 8}


@pytest.mark.parametrize(("name", "factor"), MAPS.items())
def test_a_map_of_four_channels_so_many_times_smaller_of_any_size(name, factor):
    model = aezoo.create(name)
    assert (model.stride, model.latent_shape) == (factor, (4, 64 // factor, 64 // factor))
    images = torch.rand(2, 3, 96, 5 * factor, generator=torch.Generator().manual_seed(0))
    latent = model.encode(images)
    assert latent.z.shape == (2, 4, 96 // factor, 5)
    assert model.decode(latent.z).shape == images.shape


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", [*MAPS, "vae128-tiny"])
def test_channels(name, channels):
    model = aezoo.create(name, channels=channels)
    assert model(torch.rand(2, channels, 64, 64)).reconstruction.shape == (2, channels, 64, 64)


def test_the_small_ones_are_larger():
    for factor in ("f4", "f8"):
        tiny, small = (
            sum(p.numel() for p in aezoo.create(f"kl-{factor}-{size}").parameters()) for size in ("tiny", "small")
        )
        assert 2 * tiny < small < 4 * tiny
