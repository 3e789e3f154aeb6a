"""The importance-weighted bound against a model whose evidence is known: x = z + noise, both normal."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.composition import describe
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.likelihoods.location_scale import Gaussian
from aezoo.losses.bound import iwae
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.priors.standard import StandardPrior
from aezoo.specs import ModelSpec
from aezoo.training.objective import Objective

SIGMA = 0.5


@pytest.fixture
def model():
    """z in four dimensions is the image but for noise. The posterior is N(m(x), v), the right one for m = x / (1 + s2),
    v = s2 / (1 + s2).
    """
    image = ImageSpec((2, 2))
    bottleneck = GaussianBottleneck((4,), dim=4)
    variance = SIGMA**2 / (1 + SIGMA**2)
    with torch.no_grad():
        bottleneck.mean.weight.copy_(torch.eye(4) / (1 + SIGMA**2))
        bottleneck.mean.bias.zero_()
        bottleneck.logvar.weight.zero_()
        bottleneck.logvar.bias.fill_(math.log(variance))
    spec = ModelSpec(name="linear", summary="", image=image, provides=("nll", "kl", "posterior", "gaussian", "prior"))
    return Autoencoder(
        spec,
        torch.nn.Flatten(),
        bottleneck,
        torch.nn.Unflatten(1, (1, 2, 2)),
        prior=StandardPrior((4,)),
        likelihood=Gaussian(image, sigma=SIGMA),
    ).train()


def bound(model, images, samples, draw=(0,)):
    context = Context(model=model, batch=Batch(images), training=True, draw=draw)
    torch.manual_seed(draw[0])
    return iwae(model(Batch(images)), images, context, samples=samples)


IMAGES = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
EVIDENCE = -Normal(0.0, math.sqrt(1 + SIGMA**2)).log_prob(IMAGES).flatten(1).sum(1)


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_with_the_exact_posterior_it_is_the_evidence(model, samples):
    torch.testing.assert_close(bound(model, IMAGES, samples), EVIDENCE)


def test_with_another_posterior_it_falls_with_the_samples_to_the_evidence(model):
    with torch.no_grad():
        model.bottleneck.logvar.bias.fill_(math.log(0.4))
    with torch.no_grad():
        means = {
            samples: torch.stack([bound(model, IMAGES, samples, (seed,)) for seed in range(300)]).mean().item()
            for samples in (1, 5, 50)
        }
    evidence = EVIDENCE.mean().item()
    assert means[1] > means[5] > means[50] > evidence - 0.02
    assert means[50] == pytest.approx(evidence, abs=0.05)
    posterior, prior = Normal(IMAGES.flatten(1) / (1 + SIGMA**2), math.sqrt(0.4)), Normal(0.0, 1.0)
    likelihood = ((IMAGES.flatten(1) - posterior.mean) ** 2 + 0.4) / (2 * SIGMA**2) + math.log(
        SIGMA * math.sqrt(2 * math.pi)
    )
    elbo = (likelihood + kl_divergence(posterior, prior)).sum(1).mean().item()
    assert means[1] == pytest.approx(elbo, abs=0.05)  # one sample: nll + kl


def test_one_sample_has_the_gradient_of_nll_and_kl(model):
    model.bottleneck.logvar.bias.data.fill_(math.log(0.4))
    bound(model, IMAGES, 1).sum().backward()
    found = model.bottleneck.logvar.bias.grad.clone()
    model.zero_grad()
    torch.manual_seed(0)
    output = model(Batch(IMAGES))
    nll = -model.likelihood.log_prob(output.params, IMAGES)
    own = model.bottleneck.log_posterior(output.latent.z, output.latent) - model.log_prior(output.latent.z)
    (nll + own).sum().backward()
    torch.testing.assert_close(found, model.bottleneck.logvar.bias.grad)


@pytest.mark.parametrize("more", ["kl", "nll", "bce"])
def test_what_it_holds_is_not_added(more):
    model = build(describe("cis680-vae16"))
    with pytest.raises(CompositionError, match=f"iwae holds {more} already: leave that out"):
        Objective(model, f"iwae + {more}")
    assert Objective(model, "iwae(samples=2) + 0.1*l1").terms.keys() == {"iwae", "l1"}


def test_each_further_sample_has_its_image_s_labels(model, monkeypatch):
    answered, seen, output = model(Batch(IMAGES)), [], model.output
    monkeypatch.setattr(model, "labels_of", lambda batch: torch.arange(5))
    monkeypatch.setattr(model, "output", lambda z, labels=None: seen.append(labels) or output(z))
    iwae(answered, IMAGES, Context(model=model, batch=Batch(IMAGES)), samples=3)
    assert seen[-1].tolist() == [*range(5), *range(5)]
