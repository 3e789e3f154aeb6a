"""Known answers: torch.distributions, and posteriors of images that are known."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aezoo.composition import describe
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.priors.mixtures import MixturePrior
from aezoo.training.objective import Objective


def distribution(prior):
    normals = Independent(Normal(prior.mean, (0.5 * prior.logvar).exp()), 1)
    return MixtureSameFamily(Categorical(logits=prior.logits), normals)


@pytest.fixture
def mixture():
    torch.manual_seed(0)
    prior = MixturePrior((2, 3), k=4)
    with torch.no_grad():
        prior.mean.mul_(3)
        prior.logvar.normal_()
        prior.logits.normal_()
    return prior


def test_the_density_of_a_mixture_is_torch_s(mixture):
    z = torch.randn(5, 7, 2, 3)
    torch.testing.assert_close(mixture.log_prob(z, None), distribution(mixture).log_prob(z.flatten(-2)))


def test_samples_of_a_mixture_have_its_moments(mixture):
    n = 40_000
    drawn = mixture.sample((n, 2, 3), None, torch.Generator().manual_seed(0)).flatten(1)
    expected = distribution(mixture)
    error = expected.variance.sqrt() / n**0.5
    assert ((drawn.mean(0) - expected.mean).abs() < 5 * error).all()
    torch.testing.assert_close(drawn.var(0), expected.variance, rtol=0.05, atol=0)


def vamp(k=5):
    torch.manual_seed(0)
    return build(describe("cis680-vae16", prior=f"vamp(k={k})"))


def test_vamp_is_the_mixture_of_its_posteriors():
    model = vamp().eval()
    latent = model.encode(Batch(model.prior.inputs.detach()))
    z = torch.randn(3, 4, 16)
    normals = Independent(Normal(latent.mean, (0.5 * latent.logvar).exp()), 1)
    expected = MixtureSameFamily(Categorical(torch.ones(5)), normals).log_prob(z)
    torch.testing.assert_close(model.log_prior(z), expected)


def test_vamp_of_maps():
    """The posterior of a map is one density, whatever stands before."""
    torch.manual_seed(0)
    spec = describe("kl-f8-tiny", image_size=(16, 16), prior="vamp(k=3)")
    model = build(spec).eval()
    z = torch.randn(2, 4, *model.latent_shape)
    latent = model.encode(Batch(model.prior.inputs.detach()))
    normals = Independent(Normal(latent.mean, (0.5 * latent.logvar).exp()), 3)
    expected = MixtureSameFamily(Categorical(torch.ones(3)), normals).log_prob(z)
    torch.testing.assert_close(model.log_prior(z), expected)


def test_a_sample_of_vamp_is_one_of_a_posterior():
    model = vamp(k=1).eval()
    latent = model.prior.posteriors(model)
    drawn = model.prior.sample((20_000, 16), model, torch.Generator().manual_seed(0))
    error = (0.5 * latent.logvar[0]).exp() / 20_000**0.5
    assert ((drawn.mean(0) - latent.mean[0]).abs() < 5 * error).all()
    assert model.prior.sample((0, 16), model).shape == (0, 16)


def test_pseudo_inputs_learn_and_move_no_statistics():
    model = vamp().train()
    objective = Objective(model, "bce + kl")
    batch = Batch((torch.rand(6, 1, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.5).float())
    alone = build(describe("cis680-vae16"))
    alone.load_state_dict({key: value for key, value in model.state_dict().items() if not key.startswith("prior.")})
    loss, _ = objective(batch)
    loss.backward()
    assert model.prior.inputs.grad.any()
    Objective(alone.train(), "bce + kl")(batch)
    for (name, mine), (_, theirs) in zip(model.encoder.named_buffers(), alone.encoder.named_buffers(), strict=True):
        assert torch.equal(mine, theirs), name
    assert model.encoder.training


def test_of_one_component_the_divergence_is_that_of_two_gaussians(mixture):
    """On average over samples."""
    torch.manual_seed(0)
    model = build(describe("cis680-vae16", prior="mixture(k=1)")).eval()
    with torch.no_grad():
        model.prior.mean.fill_(0.5)
        model.prior.logvar.fill_(math.log(2.0))
    latent = model.encode(torch.rand(2, 1, 64, 64))
    drawn = model.bottleneck.sample(latent, 4000, torch.Generator().manual_seed(0))
    told = torch.stack([model.latent_at(latent, z).terms["kl"].sum(1) for z in drawn]).detach()
    expected = torch.distributions.kl_divergence(
        Normal(latent.mean, (0.5 * latent.logvar).exp()), Normal(0.5, math.sqrt(2.0))
    ).sum(1)
    assert ((told.mean(0) - expected).abs() < 5 * told.std(0) / 4000**0.5).all()


def test_pseudo_inputs_are_seen_within_0_and_1():
    model = vamp(k=2).eval()
    inputs = model.prior.inputs.data
    inputs[inputs > 0.5] = 1.0
    expected = model.prior.posteriors(model).mean
    inputs[inputs == 1] = 5.0
    assert torch.equal(model.prior.posteriors(model).mean, expected)
