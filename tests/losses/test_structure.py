"""Known answers: the windows gone through one by one, Parseval, what is worked out by hand."""

import math

import pytest
import torch

from aezoo.errors import CompositionError
from aezoo.latent import Latent, Output
from aezoo.losses.reconstruction import l2
from aezoo.losses.structure import (
    focal_frequency,
    ms_ssim,
    multiscale_similarity,
    ssim,
    structural_similarity,
)

TERMS = [ssim, ms_ssim, focal_frequency]


def answer(reconstruction):
    return Output(reconstruction, None, Latent(z=torch.zeros(len(reconstruction), 1)))


def draw(*shape, seed=0):
    """Smooth images, and others near them."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(shape, generator=generator, dtype=torch.float64)
    images = torch.nn.functional.avg_pool2d(rough, 5, 1, 2)
    return images, (images + 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1)


def by_windows(a, b):
    """SSIM and its structure of one image: each window's weighted moments, about their own means."""
    line = torch.tensor([math.exp(-(x**2) / (2 * 1.5**2)) for x in range(-5, 6)], dtype=torch.float64)
    weight = (line[:, None] * line).flatten() / line.sum() ** 2
    a, b = (torch.nn.functional.unfold(x[:, None], 11).transpose(1, 2).flatten(0, 1) for x in (a, b))  # (windows, 121)
    mean_a, mean_b = ((weight * x).sum(1, keepdim=True) for x in (a, b))
    a, b = a - mean_a, b - mean_b
    structure = (2 * (weight * a * b).sum(1) + 0.0009) / ((weight * (a * a + b * b)).sum(1) + 0.0009)
    luminance = (2 * mean_a * mean_b + 0.0001) / (mean_a**2 + mean_b**2 + 0.0001)
    return (luminance[:, 0] * structure).mean().item(), structure.mean().item()


def test_ssim_is_the_mean_over_all_windows(context):
    images, made = draw(3, 2, 24, 20)
    expected = torch.tensor([by_windows(*pair)[0] for pair in zip(images, made, strict=True)], dtype=torch.float64)
    torch.testing.assert_close(structural_similarity(made, images)[0], expected)
    torch.testing.assert_close(ssim(answer(made), images, context), 2 * 24 * 20 * (1 - expected))


@pytest.mark.parametrize(("size", "weights"), [
    (176, tuple(each / 1.0001 for each in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333))),
    (64, (0.0448 / 0.6305, 0.2856 / 0.6305, 0.3001 / 0.6305)),
    (28, (0.0448 / 0.3304, 0.2856 / 0.3304)),
    (11, (1.0,)),
])  # fmt: skip
def test_ms_ssim_is_the_product_over_scales(size, weights, context):
    images, made = draw(2, 1, size, size)
    expected = torch.ones(2, dtype=torch.float64)
    a, b = images, made
    for scale, weight in enumerate(weights):
        which = 0 if scale == len(weights) - 1 else 1
        found = [by_windows(*pair)[which] for pair in zip(a, b, strict=True)]
        expected *= torch.tensor(found, dtype=torch.float64) ** weight
        a, b = ((x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4 for x in (
            each[..., : each.shape[-2] // 2 * 2, : each.shape[-1] // 2 * 2] for each in (a, b)
        ))  # fmt: skip
    torch.testing.assert_close(multiscale_similarity(made, images), expected)
    torch.testing.assert_close(ms_ssim(answer(made), images, context), size**2 * (1 - expected))


def test_ssim_of_two_constants_by_hand():
    a, b = (torch.full((1, 1, 11, 11), value, dtype=torch.float64) for value in (0.5, 0.25))
    whole, structure = structural_similarity(a, b)
    assert structure.item() == pytest.approx(1)
    assert whole.item() == pytest.approx((2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4))


def test_an_inverted_image_costs_all_and_has_no_gradient_of_its_own(context):
    images, _ = draw(1, 1, 24, 24)
    made = (1 - images).requires_grad_()
    value = ms_ssim(answer(made), images, context)
    assert value.item() == pytest.approx(24**2, rel=1e-3)
    assert not torch.autograd.grad(value.sum(), made)[0].any()
    assert torch.autograd.grad(ssim(answer(made), images, context).sum(), made)[0].any()


@pytest.mark.parametrize("term", TERMS)
def test_equal_images_cost_nothing_and_others_do(term, context):
    images, made = draw(2, 3, 32, 32)
    assert term(answer(images.clone()), images, context).abs().max() < 1e-8
    assert (term(answer(made), images, context) > 1).all()


@pytest.mark.parametrize("term", TERMS)
def test_images_stand_alone_and_half_precision_is_raised(term, context):
    images, made = draw(3, 1, 24, 24)
    whole = term(answer(made), images, context)
    torch.testing.assert_close(term(answer(made[1:2]), images[1:2], context), whole[1:2])
    half = term(answer(made.bfloat16()), images.float(), context)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.double(), whole, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("term", TERMS)
def test_gradients_by_finite_differences(term, context):
    images, made = draw(1, 1, 12, 12)
    if term is focal_frequency:  # whose weight is a constant to its gradient
        made = images + 0.01
        made.requires_grad_()
        term(answer(made), images, context).sum().backward()
        torch.testing.assert_close(made.grad, torch.full_like(made, 2 * 0.01))  # one frequency, of weight 1
    else:
        made.requires_grad_()
        assert torch.autograd.gradcheck(lambda x: term(answer(x), images, context), made)


def test_without_a_weight_the_spectrum_is_the_squared_error(context):
    images, made = draw(3, 2, 9, 14)
    torch.testing.assert_close(
        focal_frequency(answer(made), images, context, alpha=0.0), l2(answer(made), images, context)
    )


def test_the_larger_error_of_the_spectrum_weighs_more(context):
    """Two waves, of amplitudes 0.2 and 0.1: all of the one counts, half of the other."""
    place = torch.arange(16, dtype=torch.float64)
    first, second = 0.2 * torch.cos(2 * math.pi * place / 16), 0.1 * torch.cos(2 * math.pi * 3 * place / 16)
    made = (first + second).expand(1, 1, 16, 16)
    images = torch.zeros_like(made)
    energy = [16 * each.square().sum().item() for each in (first, second)]
    assert focal_frequency(answer(made), images, context).item() == pytest.approx(energy[0] + 0.5 * energy[1])


def test_small_images_are_refused(context):
    images, made = draw(1, 1, 10, 40)
    for term in (ssim, ms_ssim):
        with pytest.raises(CompositionError, match="needs 11 pixels"):
            term(answer(made), images, context)
