import math

import pytest
import torch
from torch.distributions import Bernoulli


def test_the_log_probability_is_that_of_torch(likelihood, draw):
    one = likelihood("bernoulli")
    params, images = draw(one, scale=3.0)
    expected = Bernoulli(logits=params).log_prob(images).sum((1, 2, 3))
    torch.testing.assert_close(one.log_prob(params, images), expected)


@pytest.mark.parametrize("logit", [-4.0, 0.0, 1.0])
def test_samples_are_distributed_so(logit, likelihood):
    n = 20_000
    drawn = likelihood("bernoulli").sample(torch.full((n, 1, 1, 1), logit), torch.Generator().manual_seed(0))
    own = Bernoulli(logits=torch.tensor(logit))
    assert set(drawn.unique().tolist()) == {0, 1}
    assert drawn.mean().item() == pytest.approx(own.mean.item(), abs=4 * own.stddev.item() / math.sqrt(n))
