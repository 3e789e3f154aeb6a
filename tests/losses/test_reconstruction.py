"""Known answers: closed forms, torch.distributions, scipy, finite differences."""

import math

import pytest
import torch
from scipy import integrate
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal

from aezoo.errors import CompositionError
from aezoo.latent import Latent, Output
from aezoo.losses.reconstruction import (
    bce,
    charbonnier,
    continuous_bernoulli,
    continuous_bernoulli_log_normaliser,
    cross_entropy,
    entropy,
    gaussian_nll,
    l1,
    l2,
)

TERMS = [bce, continuous_bernoulli, gaussian_nll, l2, l1, charbonnier]
LIKELIHOODS = [bce, continuous_bernoulli]


def answer(logits, dtype=None):
    reconstruction = torch.sigmoid(logits)
    return Output(reconstruction.to(dtype), logits.to(dtype), Latent(z=torch.zeros(len(logits), 1)))


def draw(*shape, seed=0, scale=3.0, dtype=torch.float64):
    """Logits and images in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(shape, generator=generator, dtype=dtype)
    return logits, torch.rand(shape, generator=generator, dtype=dtype)


def log_density(term, logits, images):
    return {
        bce: Bernoulli(logits=logits, validate_args=False),
        continuous_bernoulli: ContinuousBernoulli(logits=logits),
        gaussian_nll: Normal(logits.sigmoid(), 0.1),
        l2: Normal(logits.sigmoid(), math.sqrt(0.5)),
    }[term].log_prob(images)


@pytest.mark.parametrize("term", [bce, gaussian_nll])
def test_is_the_negative_log_density(term, context):
    logits, images = draw(3, 2, 4, 5)
    torch.testing.assert_close(term(answer(logits), images, context), -log_density(term, logits, images).sum((1, 2, 3)))


def test_continuous_bernoulli_is_the_negative_log_density(context):
    logits, images = draw(3, 2, 4, 5)
    mine = continuous_bernoulli(answer(logits), images, context)
    # torch's own cuts the middle out with two terms of the series: good to 1e-6 a pixel, no better
    torch.testing.assert_close(
        mine, -log_density(continuous_bernoulli, logits, images).sum((1, 2, 3)), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("logit", [-60.0, -3.0, -0.501, -0.499, -0.01, 0.0, 1e-6, 0.3, 0.5, 2.0, 30.0])
def test_continuous_bernoulli_integrates_to_one(logit, context):
    output = answer(torch.full((1, 1, 1, 1), logit, dtype=torch.float64))

    def density(x):
        return math.exp(-continuous_bernoulli(output, torch.full((1, 1, 1, 1), x, dtype=torch.float64), context).item())

    assert integrate.quad(density, 0, 1, epsabs=1e-10)[0] == pytest.approx(1, abs=1e-8)


def test_l2_is_a_gaussian_of_variance_one_half(context):
    logits, images = draw(2, 1, 3, 3)
    constant = 9 * 0.5 * math.log(math.pi)
    torch.testing.assert_close(
        l2(answer(logits), images, context) + constant, -log_density(l2, logits, images).sum((1, 2, 3))
    )


def test_values_by_hand(context):
    images = torch.tensor([1.0, 0.0, 1.0, 1.0]).reshape(1, 1, 2, 2)
    output = answer(torch.zeros(1, 1, 2, 2))  # a reconstruction of 1/2 everywhere
    assert l2(output, images, context).item() == 1
    assert l1(output, images, context).item() == 2
    assert bce(output, images, context).item() == pytest.approx(4 * math.log(2))
    assert continuous_bernoulli(output, images, context).item() == pytest.approx(0)  # uniform on [0, 1]
    nll = 4 * (0.125 / 0.2**2 + math.log(0.2) + 0.5 * math.log(2 * math.pi))
    assert gaussian_nll(output, images, context, sigma=0.2).item() == pytest.approx(nll)


@pytest.mark.parametrize("term", TERMS)
def test_sums_pixels_and_keeps_images_apart(term, context):
    logits, images = draw(3, 1, 4, 4)
    whole = term(answer(logits), images, context)
    tiled = term(answer(logits.repeat(1, 2, 3, 1)), images.repeat(1, 2, 3, 1), context)
    torch.testing.assert_close(tiled, 6 * whole)  # six times the pixels: a mean would not change
    torch.testing.assert_close(term(answer(logits[1:2]), images[1:2], context), whole[1:2])


@pytest.mark.parametrize("term", TERMS)
def test_gradients_by_finite_differences(term, context):
    logits, images = draw(2, 1, 3, 3)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: term(answer(x), images, context), logits)


@pytest.mark.parametrize("term", TERMS)
def test_descends_towards_the_image(term, context):
    images = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    logits = torch.zeros(1, 1, 1, 2, requires_grad=True)
    term(answer(logits), images, context).sum().backward()
    assert logits.grad.flatten().sign().tolist() == [1, -1]


@pytest.mark.parametrize("size", [30.0, 1e4, 1e30])
@pytest.mark.parametrize("term", LIKELIHOODS)
def test_extreme_logits_are_finite(term, size, context):
    logits = torch.tensor([size, -size, size, -size]).reshape(1, 1, 2, 2).requires_grad_()
    images = torch.tensor([1.0, 0.0, 0.0, 1.0]).reshape(1, 1, 2, 2)
    value = term(answer(logits), images, context)
    value.sum().backward()
    log_normaliser = 4 * math.log(size) if term is continuous_bernoulli else 0
    assert value.item() == pytest.approx(2 * size - log_normaliser)
    shrink = 1 / size if term is continuous_bernoulli else 0.0
    expected = torch.tensor([-shrink, shrink, 1 - shrink, shrink - 1.0]).reshape(1, 1, 2, 2)
    torch.testing.assert_close(logits.grad, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_normaliser_and_its_slope_on_both_sides_of_the_series_end(dtype):
    logits = torch.linspace(-1, 1, 400, dtype=dtype, requires_grad=True)  # passes 0 by, comes near 1/2 and -1/2
    value = continuous_bernoulli_log_normaliser(logits)
    value.sum().backward()
    exact = logits.detach().double()
    torch.testing.assert_close(value.double(), (exact / torch.tanh(exact / 2)).log(), rtol=0, atol=2e-7)
    torch.testing.assert_close(logits.grad.double(), 1 / exact - 1 / torch.sinh(exact), rtol=5e-6, atol=1e-9)


def test_log_normaliser_at_one_half_is_log_two_with_curvature_one_sixth():
    logit = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = continuous_bernoulli_log_normaliser(logit)
    (slope,) = torch.autograd.grad(value, logit, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, logit)
    assert (value.item(), slope.item()) == (math.log(2), 0)
    assert curvature.item() == pytest.approx(1 / 6)


@pytest.mark.parametrize("term", TERMS)
def test_stays_float32_under_autocast_and_from_half(term, context):
    logits, images = draw(2, 1, 8, 8, dtype=torch.float32)
    expected = term(answer(logits), images, context)
    with torch.autocast("cpu", torch.bfloat16):
        inside = term(answer(logits), images, context)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, expected, rtol=0, atol=0)
    assert term(answer(logits, torch.bfloat16), images, context).dtype == torch.float32


def test_entropy_is_the_floor_of_the_cross_entropy():
    _, images = draw(4, 1, 3, 3)
    torch.testing.assert_close(entropy(images), Bernoulli(images).entropy().sum((1, 2, 3)))
    torch.testing.assert_close(cross_entropy(torch.logit(images), images), entropy(images))
    assert (cross_entropy(torch.logit(images) + 0.1, images) > entropy(images)).all()
    assert entropy(images.round()).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("term", LIKELIHOODS)
def test_a_model_without_logits_is_told(term, context):
    output = Output(torch.zeros(1, 1, 2, 2), None, Latent(z=torch.zeros(1, 1)))
    with pytest.raises(CompositionError, match="logits"):
        term(output, torch.zeros(1, 1, 2, 2), context)


def test_charbonnier_by_hand(context):
    images = torch.tensor([0.5, 0.5 + 0.003, 1.0]).view(1, 1, 1, 3)
    output = answer(torch.zeros(1, 1, 1, 3))
    assert charbonnier(output, images, context, eps=0.004).item() == pytest.approx(0.004 + 0.005 + 0.500016, rel=1e-5)
