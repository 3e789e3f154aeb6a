"""Known answers: scipy's Bessel functions, its von Mises-Fisher distribution, integrals, differences of means."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from aezoo.bottlenecks import hyperspherical
from aezoo.bottlenecks.hyperspherical import HypersphericalBottleneck, divergence, normaliser
from aezoo.composition import describe
from aezoo.factory import build
from aezoo.latent import Latent

DIMENSIONS = (2, 3, 5, 16, 64, 130)
CONCENTRATIONS = (1.0, 1.5, 7.0, 60.0, 500.0, 5000.0)


def latent(m, k, n=1):
    mean = torch.nn.functional.normalize(torch.randn(n, m, generator=torch.Generator().manual_seed(0)), dim=1)
    return Latent(mean, mean, terms={"concentration": torch.full((n, 1), float(k))})


@pytest.mark.parametrize("m", DIMENSIONS)
@pytest.mark.parametrize("k", CONCENTRATIONS)
def test_the_normaliser_is_that_of_scipy_s_bessel_functions(m, k):
    order = m / 2 - 1
    bessel, further = special.ive(order, k), special.ive(order + 1, k)  # both times exp(-k)
    constant, length = normaliser(torch.tensor([k], dtype=torch.float64), m)
    expected = order * math.log(k) - m / 2 * math.log(2 * math.pi) - math.log(bessel) - k
    assert constant.item() == pytest.approx(expected, rel=1e-9, abs=1e-7)
    assert length.item() == pytest.approx(further / bessel, rel=1e-7)


@pytest.mark.parametrize("m", DIMENSIONS[1:])
@pytest.mark.parametrize("k", CONCENTRATIONS[:-1])
def test_divergence_and_density_are_those_of_scipy(m, k):
    given = latent(m, k)
    distribution = stats.vonmises_fisher(given.mean[0].double().numpy() / given.mean[0].double().norm().item(), k)
    told = divergence(given)
    assert told.shape == (1, 1)
    expected = hyperspherical.log_surface(m) - distribution.entropy()
    assert told.item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    z = torch.nn.functional.normalize(torch.randn(4, 1, m), dim=-1)
    log_q = HypersphericalBottleneck((1,), dim=m).log_posterior(z, given)
    assert log_q.shape == (4, 1)
    np.testing.assert_allclose(log_q[:, 0].numpy(), distribution.logpdf(z[:, 0].double().numpy()), rtol=1e-4, atol=1e-3)


def cosines(m, k):
    """The distribution of the cosine with the mean, on a grid of angles: values and weights."""
    angle = np.linspace(0, math.pi, 200_001)[1:-1]
    power = k * np.cos(angle) + (m - 2) * np.log(np.sin(angle))
    weight = np.exp(power - power.max())
    return np.cos(angle), weight / weight.sum()


@pytest.mark.parametrize(("m", "k"), [(2, 1.0), (2, 30.0), (3, 2.0), (8, 1.0), (16, 40.0), (128, 200.0)])
def test_samples_have_the_right_cosines(m, k):
    given = latent(m, k)
    z = HypersphericalBottleneck((1,), dim=m).sample(given, 20_000, torch.Generator().manual_seed(0))
    assert z.shape == (20_000, 1, m)
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(20_000, 1))
    found = np.sort((z * given.mean).sum(-1)[:, 0].double().numpy())
    values, weights = cosines(m, k)
    cdf = np.interp(found, values[::-1], np.cumsum(weights[::-1]))
    assert np.abs(cdf - (np.arange(20_000) + 0.5) / 20_000).max() < 1.95 / 20_000**0.5  # Kolmogorov, one in a thousand
    across = z[:, 0] - (z[:, 0] @ given.mean[0])[:, None] * given.mean[0]
    assert across.mean(0).norm() < 5 / 20_000**0.5


@pytest.mark.parametrize(("m", "k"), [(2, 1.0), (3, 2.0), (8, 5.0), (16, 40.0), (64, 1.5), (128, 2000.0)])
def test_the_gradient_of_a_sample_is_exact(m, k):
    """The mean of dw/dk is the derivative of the mean of w, and that of dw^2/dk of the mean of w^2."""
    given = latent(m, k)
    concentration = given.terms["concentration"].requires_grad_()
    z = HypersphericalBottleneck((1,), dim=m).sample(given, 20_000, torch.Generator().manual_seed(0))
    w = (z * given.mean).sum(-1)[:, 0]
    slopes = hyperspherical._slope(w.detach().double()[:, None], torch.tensor([k], dtype=torch.float64), m)[:, 0]
    values, weights = cosines(m, k)
    first = float((weights * values).sum())
    for power in (1, 2):
        exact = float((weights * values**power * (values - first)).sum())  # a derivative of an exponential family
        each = power * w.detach().double() ** (power - 1) * slopes
        assert each.mean().item() == pytest.approx(exact, abs=5 * each.std().item() / 20_000**0.5)
    w.mean().backward()
    assert concentration.grad.item() == pytest.approx(slopes.mean().item(), rel=1e-3)


def test_the_slope_of_one_sample_by_differences():
    """At a constant share of the distribution below it, w moves with k: in three dimensions in closed form."""
    share, k = 0.3, 2.0

    def quantile(k):  # of the density k exp(k w) / (2 sinh k)
        return math.log(math.exp(-k) + share * 2 * math.sinh(k)) / k

    expected = (quantile(k + 1e-5) - quantile(k - 1e-5)) / 2e-5
    w = torch.tensor([[quantile(k)]], dtype=torch.float64)
    assert hyperspherical._slope(w, torch.tensor([k], dtype=torch.float64), 3).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_the_divergence_is_an_integral():
    k, m = 3.0, 4
    values = integrate.quad(lambda w: math.exp(k * w) * math.sqrt(1 - w * w), -1, 1)[0]
    mean = integrate.quad(lambda w: w * math.exp(k * w) * math.sqrt(1 - w * w), -1, 1)[0] / values
    constant = -math.log(values * 4 * math.pi)  # the sphere in three dimensions, across
    expected = k * mean + constant + hyperspherical.log_surface(m)
    assert divergence(latent(m, k)).item() == pytest.approx(expected, rel=1e-5)


def test_a_model_has_it_and_its_own_prior():
    torch.manual_seed(0)
    model = build(describe("cis680-vae16", bottleneck="hyperspherical(dim=6)")).train()
    assert model.spec.prior.name == "aezoo/uniform-sphere"
    output = model(torch.rand(4, 1, 64, 64))
    torch.testing.assert_close(output.latent.z.norm(dim=1), torch.ones(4))
    output.latent.terms["kl"].sum().backward()
    assert model.bottleneck.concentration.weight.grad.any()
    drawn = model.prior.sample((5, 6), model, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(5))
    assert model.log_prior(drawn).tolist() == pytest.approx([-math.log(math.pi**3)] * 5)


def test_a_concentration_is_at_least_1():
    bottleneck = HypersphericalBottleneck((1,), dim=3)
    bottleneck.concentration.bias.data.fill_(-50)
    assert bottleneck(torch.rand(4, 1)).terms["concentration"].min() >= 1
