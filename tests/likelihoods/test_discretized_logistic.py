"""Against differences of scipy's distribution function in float64."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import softmax

LEVELS = torch.arange(256, dtype=torch.float64).reshape(256, 1, 1, 1) / 255


def probabilities(positions, raw_scales, weights):
    """Of the 256 levels: in [-1, 1], each component's mass between the middles of neighbouring levels."""
    ends = np.concatenate([[-np.inf], (2 * np.arange(255) + 1) / 255 - 1, [np.inf]])
    total = np.zeros(256)
    for position, raw, weight in zip(positions, raw_scales, softmax(weights), strict=True):
        own = stats.logistic(position, np.exp(-7 + np.log1p(np.exp(raw + 7))))
        from_left, from_right = np.diff(own.cdf(ends)), -np.diff(own.sf(ends))  # each exact in its own tail
        total += weight * np.where(ends[1:] < position, from_left, from_right)
    return total


def maps(*numbers, dtype=torch.float64, n=256):
    """The same parameters for n images of one value."""
    return torch.tensor(numbers, dtype=dtype).reshape(1, -1, 1, 1).expand(n, -1, -1, -1)


@pytest.mark.parametrize("position", [-1.5, -0.98, 0.1, 1.0])
@pytest.mark.parametrize("raw", [-5.0, -2.0, 0.5, 4.0])
def test_one_component_is_that_of_scipy(position, raw, likelihood):
    value = likelihood("discretized-logistic").log_prob(maps(position, raw), LEVELS).exp()
    np.testing.assert_allclose(value.numpy(), probabilities([position], [raw], [0]), rtol=1e-8, atol=1e-300)


def test_a_mixture_is_that_of_scipy(likelihood):
    numbers = np.random.default_rng(0).normal(size=(3, 4)) * [[0.7], [2], [1]]
    value = likelihood("discretized-logistic(mixtures=4)").log_prob(maps(*numbers.flatten()), LEVELS).exp()
    np.testing.assert_allclose(value.numpy(), probabilities(*numbers), rtol=1e-8)


@pytest.mark.parametrize("raw", [-1e4, -6.0, -1.0, 3.0, 8.0, 30.0, 1e4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_the_probabilities_sum_to_one(raw, dtype, tolerance, likelihood):
    one, several = likelihood("discretized-logistic"), likelihood("discretized-logistic(mixtures=2)")
    levels = LEVELS.to(dtype)
    for position in (-30.0, -0.999, 0.0, 0.3, 1e4):
        for value in (
            one.log_prob(maps(position, raw, dtype=dtype), levels),
            several.log_prob(maps(position, 0.2, raw, 0.0, 1.0, -2.0, dtype=dtype), levels),
        ):
            assert value.double().exp().sum().item() == pytest.approx(1, abs=tolerance)


def test_other_values_are_taken_for_the_nearest_level(likelihood):
    one = likelihood("discretized-logistic")
    images = torch.tensor([0.4, 100.0, 100.4, 254.6]).reshape(4, 1, 1, 1) / 255
    value = one.log_prob(maps(0.1, -2.0, n=4), images)
    expected = one.log_prob(maps(0.1, -2.0, n=4), LEVELS[[0, 100, 100, 255]])
    assert torch.equal(value, expected)


def test_the_reconstruction_weighs_positions_held_in_the_unit_interval(likelihood):
    one = likelihood("discretized-logistic(mixtures=2)")
    params = maps(-9.0, 0.6, 0.0, 0.0, 0.0, math.log(3), n=1)  # black at a quarter, 0.8 at three quarters
    assert one.reconstruction(params).item() == pytest.approx(0.6)


@pytest.mark.parametrize("numbers", [(0.2, -1.5), (-0.9, 0.1, 0.7, -3.0, -1.0, -4.0, 0.0, 1.0, -0.5)])
def test_samples_are_distributed_so(numbers, likelihood):
    one = likelihood(f"discretized-logistic(mixtures={max(1, len(numbers) // 3)})")
    n = 20_000
    drawn = one.sample(maps(*numbers, n=n), torch.Generator().manual_seed(0)).flatten()
    chances = one.log_prob(maps(*numbers), LEVELS).exp().numpy()
    levels = np.arange(256) / 255
    mean = (chances * levels).sum()
    variance = (chances * (levels - mean) ** 2).sum()
    assert drawn.mean().item() == pytest.approx(mean, abs=4 * math.sqrt(variance / n))
    assert drawn.var().item() == pytest.approx(variance, rel=0.05)
    counts = np.bincount((drawn * 255).round().int().numpy(), minlength=256)
    often = chances * n > 10
    assert stats.chisquare(counts[often], chances[often] * counts[often].sum() / chances[often].sum()).pvalue > 1e-3


def test_the_scale_finds_that_of_the_data(likelihood):
    one = likelihood("discretized-logistic")
    images = one.sample(maps(0.1, -2.5, dtype=torch.float32, n=4000), torch.Generator().manual_seed(0))
    params = torch.zeros(1, 2, 1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([params], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-one.log_prob(params.expand(4000, -1, -1, -1), images).mean()).backward()
        optimizer.step()
    position, raw = params.flatten().tolist()
    assert position == pytest.approx(0.1, abs=4 * math.exp(-2.5) * math.sqrt(3 / 4000))
    assert raw == pytest.approx(-2.5, abs=4 * math.sqrt(0.7 / 4000))
