"""A VampPrior (Tomczak & Welling 2018): a mixture of the model's own posteriors of pseudo-inputs that are learned."""

import torch

from .conftest import small

SPEC = """PriorSpec(
    name="vamp", summary="VampPrior", implementation="stranger_parts:VampPrior",
    options=(aezoo.Option(name="k", type="int", default=8, low=1),))"""
PARTS = """
from aezoo.priors.base import Prior
class VampPrior(Prior):
    def __init__(self, image, *, k=8):
        super().__init__()
        self.inputs = nn.Parameter(torch.randn(k, *image.shape))
    def posteriors(self, model):
        return model.bottleneck(model.encoder(torch.sigmoid(self.inputs)))
    def log_prob(self, z, model):
        each = model.bottleneck.log_posterior(z.unsqueeze(-2), self.posteriors(model))
        return each.logsumexp(-1) - torch.tensor(len(self.inputs)).log()
    def sample(self, shape, model, generator=None):
        chosen = torch.randint(len(self.inputs), shape[:1], generator=generator)
        return model.bottleneck.sample(self.posteriors(model), 1, generator)[0][chosen]
"""


def test_vampprior(stranger, run):
    stranger(SPEC, parts=PARTS)
    model, history = run(small(prior="vamp(k=1)"), steps=60, lr=0.01, evaluate_every=60)
    torch.manual_seed(0)
    assert not torch.equal(model.prior.inputs[0, 0, 0, 0], torch.randn(1))  # it learned
    first, last = (entry["loss"] for entry in history if entry["split"] == "test")
    assert last < first
    # With one pseudo-input the prior is its posterior, and is nearer to it than to a standard normal.
    latent = model.prior.posteriors(model)
    z = model.bottleneck.sample(latent, 5, torch.Generator().manual_seed(0))[:, 0]
    expected = torch.distributions.Normal(latent.mean[0], (0.5 * latent.logvar[0]).exp()).log_prob(z).sum(-1)
    torch.testing.assert_close(model.log_prior(z), expected)
    assert model.sample(3, torch.Generator().manual_seed(0)).shape == (3, 1, 32, 32)
