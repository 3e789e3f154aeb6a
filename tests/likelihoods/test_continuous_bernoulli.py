"""Against torch.distributions, scipy and a numeric integral."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch.distributions import ContinuousBernoulli

LOGITS = (-25.0, -3.0, -0.4, -1e-7, 0.0, 0.4, 2.0, 25.0)


def flat(value, n=1):
    return torch.full((n, 1, 1, 1), value, dtype=torch.float64)


def test_the_log_density_is_that_of_torch(likelihood, draw):
    one = likelihood("continuous-bernoulli")
    params, images = draw(one, scale=3.0)
    expected = ContinuousBernoulli(logits=params).log_prob(images).sum((1, 2, 3))
    # torch's own cuts the middle out with two terms of a series: good to 1e-6 a value, no better.
    torch.testing.assert_close(one.log_prob(params, images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("logit", LOGITS)
def test_the_density_integrates_to_one(logit, likelihood):
    one = likelihood("continuous-bernoulli")
    total, _ = integrate.quad(lambda x: math.exp(one.log_prob(flat(logit), flat(x))), 0, 1, epsabs=1e-10)
    assert total == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("logit", LOGITS)
def test_samples_are_distributed_so(logit, likelihood):
    n = 20_000
    drawn = likelihood("continuous-bernoulli").sample(flat(logit, n), torch.Generator().manual_seed(0)).flatten()
    own = ContinuousBernoulli(logits=flat(logit))
    error = own.stddev.item() / math.sqrt(n)
    assert drawn.mean().item() == pytest.approx(own.mean.item(), abs=4 * error)
    assert drawn.var().item() == pytest.approx(own.variance.item(), rel=0.08)  # of 2.83 / sqrt(n) at the ends
    assert stats.kstest(drawn.numpy(), lambda x: own.cdf(torch.from_numpy(x)).flatten().numpy()).pvalue > 1e-3
