"""A Gaussian likelihood whose decoder gives each pixel's mean and log-variance."""

import pytest
import torch

from .conftest import small

SPEC = 'LikelihoodSpec(name="normal", summary="Learned variance", implementation="stranger_parts:Normal")'
PARTS = """
from aezoo.likelihoods.base import Likelihood, clamp
class Normal(Likelihood):
    maps = 2
    def split(self, params):
        mean, logvar = params.chunk(2, dim=1)
        return mean, logvar.clamp(-6, 6)
    def reconstruction(self, params):
        return clamp(self.split(params)[0])
    def log_prob(self, params, images):
        mean, logvar = self.split(params)
        density = torch.distributions.Normal(mean, (0.5 * logvar).exp()).log_prob(images)
        return density.flatten(1).sum(1)
"""


def test_learned_variance(stranger, run):
    stranger(SPEC, parts=PARTS)
    spec = small(likelihood="normal")
    assert "logits" not in spec.provides
    shaded = "toyfaces(count=40, size=32, style='shaded')"
    model, history = run(spec, loss="nll + kl", dataset=shaded, steps=100, evaluate_every=50, lr=3e-3)
    test = [entry for entry in history if entry["split"] == "test"]
    assert test[-1]["nll"] < test[0]["nll"]
    assert test[-1]["elbo"] == pytest.approx(-(test[-1]["nll"] + test[-1]["kl"]))
    images = torch.rand(2, 1, 32, 32)
    output = model(images)
    assert output.params.shape == (2, 2, 32, 32)
    assert output.logits is None
    assert 0 <= output.reconstruction.min() <= output.reconstruction.max() <= 1
