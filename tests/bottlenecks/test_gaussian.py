import json
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.errors import CompositionError
from aezoo.factory import create
from aezoo.latent import Latent
from aezoo.priors.standard import StandardPrior
from aezoo.weights.folder import save_model

PRIOR = StandardPrior((5,))


def divergence(latent):
    return PRIOR.kl(latent, SimpleNamespace(provides={"gaussian"}))


@pytest.fixture
def latent():
    torch.manual_seed(0)
    return GaussianBottleneck((3, 2, 2), dim=5).eval()(3 * torch.randn(4, 3, 2, 2))


@pytest.fixture
def bottleneck():
    return GaussianBottleneck((3, 2, 2), dim=5)


def posterior(latent):
    return Normal(latent.mean, torch.exp(0.5 * latent.logvar))


def generators(seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_the_divergence_is_that_of_torch(latent):
    expected = kl_divergence(posterior(latent), Normal(0.0, 1.0))
    assert divergence(latent).shape == (4, 5)
    torch.testing.assert_close(divergence(latent), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 5), (7, 4, 5)])
def test_densities_are_those_of_torch(bottleneck, latent, shape):
    z = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(bottleneck.log_posterior(z, latent), Independent(posterior(latent), 1).log_prob(z))
    torch.testing.assert_close(PRIOR.log_prob(z, None), Normal(0.0, 1.0).log_prob(z).sum(-1))


def test_the_divergence_is_the_mean_difference_of_the_densities(bottleneck, latent):
    z = bottleneck.sample(latent, 20_000, torch.Generator().manual_seed(0))
    difference = (bottleneck.log_posterior(z, latent) - PRIOR.log_prob(z, None)).mean(0)
    torch.testing.assert_close(difference, divergence(latent).sum(1), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("scale", [1e-2, 1e-3, 1e-4, 1e-6])
def test_the_divergence_of_a_nearly_collapsed_posterior(bottleneck, scale):
    for head in (bottleneck.mean, bottleneck.logvar):
        torch.nn.init.uniform_(head.weight, -scale, scale, generator=torch.Generator().manual_seed(0))
        torch.nn.init.zeros_(head.bias)
    features = torch.randn(64, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    latent = bottleneck.eval()(features)
    mean, logvar = latent.mean.double(), latent.logvar.double()
    exact = 0.5 * (mean.square() + torch.expm1(logvar) - logvar).sum()
    torch.testing.assert_close(divergence(latent).sum().double(), exact, rtol=1e-3, atol=1e-10)


def test_z_is_the_mean_until_a_sample_is_drawn(bottleneck):
    features = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    latent = bottleneck.train()(features)
    assert torch.equal(latent.z, latent.mean)
    torch.manual_seed(1)
    sampled = bottleneck.draw(latent)
    torch.manual_seed(1)
    expected = latent.mean + torch.exp(0.5 * latent.logvar) * torch.randn(4, 5)
    torch.testing.assert_close(sampled.z, expected)


def test_without_sampling_everything_is_the_mean_and_the_divergence_stays(bottleneck):
    features = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    quiet = GaussianBottleneck((3, 2, 2), dim=5, sampling=False)
    quiet.load_state_dict(bottleneck.state_dict())
    latent = quiet.draw(quiet.train()(features))
    assert torch.equal(latent.z, latent.mean)
    assert torch.equal(divergence(latent), divergence(bottleneck.eval()(features)))
    assert torch.equal(quiet.sample(latent, 3, generators(range(4))), latent.mean.expand(3, 4, 5))


def test_a_model_folder_from_before_the_option_is_read(tiny, tmp_path):
    model = create(tiny)
    save_model(tmp_path, model, torch.rand(1, 1, 8, 8))
    config = json.loads((tmp_path / "config.json").read_text())
    del config["model"]["bottleneck"]["options"]["sampling"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    again = create(str(tmp_path), pretrained=True, bottleneck="gaussian(dim=4, sampling=True)")
    assert again.spec == model.spec


def test_samples_have_the_moments_of_the_posterior(bottleneck, latent):
    z = bottleneck.sample(latent, 20_000, torch.Generator().manual_seed(0))
    assert z.shape == (20_000, 4, 5)
    torch.testing.assert_close(z.mean(0), latent.mean, rtol=0, atol=0.15)
    torch.testing.assert_close(z.var(0).log(), latent.logvar, rtol=0, atol=0.1)


def test_with_a_generator_each_an_images_noise_does_not_depend_on_its_batch(bottleneck, latent):
    whole = bottleneck.sample(latent, 3, generators(range(4)))
    part = Latent(latent.z[2:3], latent.mean[2:3], latent.logvar[2:3])
    assert torch.equal(bottleneck.sample(part, 3, generators([2])), whole[:, 2:3])
    assert torch.equal(bottleneck.sample(latent, 3, generators(range(4))), whole)


def test_one_generator_repeats(bottleneck, latent):
    first, second = (bottleneck.sample(latent, 2, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_the_prior():
    model = SimpleNamespace(latent_mean=torch.zeros(()))
    z = PRIOR.sample((5000, 5), model, torch.Generator().manual_seed(0))
    assert z.shape == (5000, 5)
    torch.testing.assert_close(z.mean(0), torch.zeros(5), rtol=0, atol=0.06)
    torch.testing.assert_close(z.std(0), torch.ones(5), rtol=0, atol=0.06)


@pytest.mark.parametrize("training", [False, True])
def test_under_autocast_everything_is_float32(bottleneck, training):
    features = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        latent = bottleneck.train(training)(features)
        latent = bottleneck.draw(latent) if training else latent
        z = bottleneck.sample(latent, 2)
        answers = [bottleneck.log_posterior(z, latent), PRIOR.log_prob(z, None)]
    for tensor in (latent.z, latent.mean, latent.logvar, divergence(latent), z, *answers):
        assert tensor.dtype == torch.float32
    assert divergence(latent).min() >= 0


def test_a_bottleneck_without_a_distribution_says_so(latent):
    plain = IdentityBottleneck((3, 2, 2))
    with pytest.raises(CompositionError, match="no posterior density"):
        plain.log_posterior(latent.z, latent)
    with pytest.raises(CompositionError, match="has no codebook"):
        plain.lookup(latent.z)
    features = torch.ones(2, 3, 2, 2)
    assert torch.equal(plain.sample(plain(features), 3), features.expand(3, 2, 3, 2, 2))


def test_a_latent_of_another_bottleneck(bottleneck):
    with pytest.raises(CompositionError, match="no mean and log-variance"):
        bottleneck.sample(Latent(torch.zeros(2, 5)))


def test_statistics_are_of_each_dimension_or_channel():
    assert GaussianBottleneck((3, 2, 4), dim=5).statistics_shape == (5,)
    assert GaussianBottleneck((3, 2, 4), dim=5, spatial=True).statistics_shape == (5, 1, 1)


def test_the_divergence_of_a_map_is_that_of_torch():
    torch.manual_seed(0)
    bottleneck = GaussianBottleneck((3, 2, 4), dim=2, spatial=True).eval()
    latent = bottleneck(2 * torch.randn(5, 3, 2, 4))
    expected = kl_divergence(posterior(latent), Normal(0.0, 1.0))
    found = StandardPrior((2, 2, 4)).kl(latent, SimpleNamespace(provides={"gaussian"}))
    torch.testing.assert_close(found, expected.flatten(1), rtol=1e-4, atol=1e-6)
