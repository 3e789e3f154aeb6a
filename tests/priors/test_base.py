"""The divergence of a prior that has no closed form."""

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.latent import Latent
from aezoo.priors.base import Prior

MIXTURE = MixtureSameFamily(Categorical(torch.tensor([0.3, 0.7])), Normal(torch.tensor([-1.0, 2.0]), torch.ones(2)))


class Mixture(Prior):
    """Of two normals, as a VampPrior's pseudo-inputs are, in one dimension."""

    def log_prob(self, z, model):
        return MIXTURE.log_prob(z[..., 0])


def test_the_divergence_from_samples_has_the_right_expectation():
    mean, logvar, n = torch.tensor(0.5), torch.tensor(-1.0), 40_000
    posterior = Normal(mean, (0.5 * logvar).exp())
    model = torch.nn.Module()
    model.bottleneck = GaussianBottleneck((2,), dim=1)
    torch.manual_seed(0)
    latent = Latent(posterior.sample((n, 1)), mean.expand(n, 1), logvar.expand(n, 1))
    estimates = Mixture().kl(latent, model)
    assert estimates.shape == (n, 1)
    grid = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = posterior.log_prob(grid)
    exact = torch.trapezoid(density.exp() * (density - MIXTURE.log_prob(grid)), grid).item()
    assert estimates.mean().item() == pytest.approx(exact, abs=3 * estimates.std().item() / n**0.5)
