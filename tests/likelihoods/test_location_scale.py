"""Gaussian and Laplace: against torch.distributions; what is learned against what the data were drawn with."""

import math

import pytest
import torch
from torch.distributions import Laplace, Normal

from aezoo.errors import OptionError

KINDS = (("gaussian", "scale", "sigma", Normal), ("laplace", "scale", "b", Laplace))
both = pytest.mark.parametrize(("name", "spread", "scale", "distribution"), KINDS)


def learned(raw, start, low=-6.0):
    """The scale of a map's value: in logarithms, softplus above the lowest one, so that 0 is the start."""
    offset = math.log(math.expm1(math.log(start) - low))
    return (low + torch.log1p(torch.exp(raw + offset))).exp()


@pytest.mark.parametrize("mean", ["linear", "sigmoid"])
@both
def test_the_log_density_is_that_of_torch(name, spread, scale, distribution, mean, likelihood, draw):
    fixed = likelihood(f"{name}({scale}=0.3, mean={mean!r})", 3)
    params, images = draw(fixed, channels=3)
    link = torch.sigmoid if mean == "sigmoid" else lambda x: x
    expected = distribution(link(params), 0.3).log_prob(images).sum((1, 2, 3))
    torch.testing.assert_close(fixed.log_prob(params, images), expected)
    pixel = likelihood(f"{name}({spread}='pixel', {scale}=0.3, mean={mean!r})", 3)
    params, images = draw(pixel, channels=3)
    own = distribution(link(params[:, :3]), learned(params[:, 3:], 0.3))
    torch.testing.assert_close(pixel.log_prob(params, images), own.log_prob(images).sum((1, 2, 3)))


@both
def test_a_learned_scale_begins_where_it_is_told(name, spread, scale, distribution, likelihood, draw):
    fixed, shared, pixel = (
        likelihood(f"{name}({spread}={how!r}, {scale}=0.01)") for how in ("fixed", "shared", "pixel")
    )
    params, images = draw(fixed)
    expected = fixed.log_prob(params, images)
    torch.testing.assert_close(shared.double().log_prob(params, images), expected)
    torch.testing.assert_close(pixel.log_prob(torch.cat([params, 0 * params], 1), images), expected)


@both
def test_a_learned_scale_has_a_lowest_value(name, spread, scale, distribution, likelihood):
    pixel = likelihood(f"{name}({spread}='pixel')")
    params = torch.tensor([0.4, -1e4]).reshape(1, 2, 1, 1)  # the mean, and a scale of next to nothing
    expected = distribution(0.4, math.exp(-6)).log_prob(torch.tensor(0.4))
    assert pixel.log_prob(params, params[:, :1]).item() == pytest.approx(expected.item())


@both
def test_the_shared_number_by_finite_differences(name, spread, scale, distribution, likelihood, draw):
    shared = likelihood(f"{name}({spread}='shared')").double()
    params, images = draw(shared)
    [number] = shared.parameters()
    (slope,) = torch.autograd.grad(shared.log_prob(params, images).sum(), number)
    step, values = 1e-5, []
    for sign in (1, -1):
        number.data.fill_(sign * step)
        values.append(shared.log_prob(params, images).sum().item())
    assert slope.item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


@both
def test_samples_are_distributed_so(name, spread, scale, distribution, likelihood):
    n = 20_000
    own = distribution(torch.tensor(0.5), 0.03)
    drawn = likelihood(f"{name}({scale}=0.03)").sample(torch.full((n, 1, 1, 1), 0.5), torch.Generator().manual_seed(0))
    assert drawn.mean().item() == pytest.approx(0.5, abs=4 * own.stddev.item() / math.sqrt(n))
    kurtosis = 3 if name == "gaussian" else 6
    error = math.sqrt((kurtosis - 1) / n)  # of the variance, relative
    assert drawn.var().item() == pytest.approx(own.variance.item(), rel=4 * error)
    assert (drawn < 0.5 - 0.03).float().mean().item() == pytest.approx(own.cdf(torch.tensor(0.47)).item(), abs=0.015)


@pytest.mark.parametrize("how", ["shared", "pixel"])
@both
def test_a_learned_scale_finds_that_of_the_data(name, spread, scale, distribution, how, likelihood):
    one = likelihood(f"{name}({spread}={how!r})")
    torch.manual_seed(0)
    images = distribution(0.5, 0.04).sample((4000, 1, 1, 1))
    mean, raw = torch.full((1, 1, 1, 1), 0.5), torch.zeros(1, 1, 1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([raw, *one.parameters()], lr=0.05)
    for _ in range(200):
        params = torch.cat([mean, raw][: one.maps], 1).expand(4000, -1, -1, -1)
        optimizer.zero_grad()
        (-one.log_prob(params, images).mean()).backward()
        optimizer.step()
    [*_, number] = [raw, *one.parameters()]
    assert learned(number.detach(), 0.1).item() == pytest.approx(0.04, rel=4 / math.sqrt(4000))


def test_options_out_of_bounds_are_refused(likelihood):
    with pytest.raises(OptionError, match=r"sigma=0\.001 is not a number >= 0.003"):
        likelihood("gaussian(sigma=0.001)")
    with pytest.raises(OptionError, match="'fixed', 'shared', 'pixel'"):
        likelihood("laplace(scale='learned')")
