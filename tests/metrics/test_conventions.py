"""Each convention against the formula of its harness, written down again with numpy, torchmetrics or scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from aezoo._torchvision import torchvision
from aezoo.errors import OptionError
from aezoo.metrics.conventions import CONVENTIONS, find_convention
from aezoo.metrics.reconstruction import decibels


def pair(channels=3):
    """Images of 256 levels, and reconstructions that leave [0, 1] here and there."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, channels, 24, 20), generator=generator) / 255
    return images, images + 0.2 * torch.randn(images.shape, generator=generator)


def of(levels, others):
    """PSNR of arrays of 8 bits, image by image."""
    errors = ((levels.astype(np.float64) - others.astype(np.float64)) ** 2).mean((1, 2, 3))
    return 20 * np.log10(255 / np.sqrt(errors))


def test_lightningdit_rounds_both_and_compares_structure_in_minus_one_to_one():
    images, made = pair()
    a, b = (np.clip(127.5 * (2 * x.double().numpy() - 1) + 128, 0, 255).astype(np.uint8) for x in (images, made))
    assert CONVENTIONS["lightningdit"].psnr(images, made).numpy() == pytest.approx(of(a, b), rel=1e-5)
    assert torchvision  # torchmetrics imports it, which takes aezoo's help
    from torchmetrics.functional.image import structural_similarity_index_measure

    theirs = [
        structural_similarity_index_measure(2 * r[None] - 1, 2 * x[None] - 1, data_range=(-1.0, 1.0))
        for x, r in zip(images, made, strict=True)
    ]
    torch.testing.assert_close(
        CONVENTIONS["lightningdit"].ssim(images, made), torch.stack(theirs), rtol=1e-4, atol=1e-5
    )


def test_rae_truncates():
    images, made = pair()
    a, b = ((x.clamp(0, 1) * 255).to(torch.uint8).numpy() for x in (images, made))
    assert CONVENTIONS["rae"].psnr(images, made).numpy() == pytest.approx(of(a, b), rel=1e-5)


def test_the_1d_tokenizer_rounds_what_it_made():
    images, made = pair()
    b = np.round(255 * made.clamp(0, 1).numpy())
    assert CONVENTIONS["1d-tokenizer"].psnr(images, made).numpy() == pytest.approx(
        of(255 * images.double().numpy(), b), rel=1e-5
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_skimage_takes_floats_and_a_uniform_window(channels):
    images, made = pair(channels)
    for n, (x, r) in enumerate(zip(images.numpy(), made.numpy(), strict=True)):
        known = peak_signal_noise_ratio(x, r, data_range=1.0)
        assert CONVENTIONS["skimage"].psnr(images, made)[n].item() == pytest.approx(known, rel=1e-5)
        known = structural_similarity(x, r, data_range=1.0, channel_axis=0)
        assert CONVENTIONS["skimage"].ssim(images, made)[n].item() == pytest.approx(known, abs=1e-5)


def test_an_equal_image_has_a_hundred_decibels():
    images, _ = pair()
    assert decibels(images, images).tolist() == [100] * 4
    assert decibels(images, images + 1 / 255).mean().item() == pytest.approx(20 * math.log10(255), rel=1e-4)


def test_a_convention_that_is_none_names_those_near():
    with pytest.raises(OptionError, match=r"no convention 'lightning'; there are .*lightningdit.*rae.*skimage"):
        find_convention("lightning")


def test_what_each_harness_decodes():
    decoded = {"lightningdit": "sample", "rae": "mean", "1d-tokenizer": "sample", "skimage": "mean"}
    assert {name: convention.z for name, convention in CONVENTIONS.items()} == decoded
