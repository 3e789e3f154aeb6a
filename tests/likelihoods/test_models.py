"""Models with each likelihood; the loss term and the metrics of the model's own."""

import dataclasses

import pytest
import torch

from aezoo.errors import CompositionError
from aezoo.factory import create, load
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.losses.divergence import kl
from aezoo.losses.reconstruction import continuous_bernoulli, gaussian_nll, nll
from aezoo.metrics import reconstruction as metrics
from aezoo.training.objective import read_loss
from aezoo.weights.folder import save_model

REQUESTS = (
    "continuous-bernoulli",
    "gaussian",
    "gaussian(scale='shared')",
    "gaussian(scale='pixel')",
    "laplace(scale='pixel', mean='sigmoid')",
    "discretized-logistic",
    "discretized-logistic(mixtures=3)",
)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (4, 2, 64, 64), generator=generator).float() / 255


def made(likelihood):
    torch.manual_seed(0)
    return create("cis680-vae16", likelihood=likelihood, channels=2)


def measured(model, images):
    with torch.inference_mode():
        mean = model(images)
        z = model.bottleneck.sample(mean.latent, 1, torch.Generator().manual_seed(0))[0]
        sampled = model.output(model.latent_at(mean.latent, z))
    return metrics.Measured(batch=Batch(images), mean=mean, sampled=sampled, model=model)


@pytest.mark.parametrize("request_", REQUESTS)
def test_it_trains_and_is_kept_to_the_bit(request_, images, tmp_path):
    model = made(request_).train()
    read_loss("nll + kl", model.provides, model.spec.name)
    context = Context(model=model, batch=Batch(images), training=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    output = model(images)
    (nll(output, images, context) + kl(output, images, context)).mean().backward()
    assert all(parameter.grad is not None for parameter in model.likelihood.parameters())
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    before = [parameter.clone() for parameter in model.likelihood.parameters()]
    optimizer.step()
    assert all(not torch.equal(*pair) for pair in zip(before, model.likelihood.parameters(), strict=True))
    save_model(tmp_path, model.eval(), images)
    again = load(tmp_path)
    assert again.spec == model.spec
    for name in ("params", "reconstruction"):
        assert torch.equal(getattr(again(images), name), getattr(model(images), name))
    assert torch.equal(metrics.elbo(measured(again, images)), metrics.elbo(measured(model, images)))


def test_without_a_likelihood_its_terms_are_refused():
    model = made("none")
    for loss, need in (("bce + kl", "logits"), ("nll + kl", "nll"), ("continuous-bernoulli", "logits")):
        told = f"needs {need}, but cis680-vae16 provides gaussian and .*; {need} comes with likelihood bernoulli or"
        with pytest.raises(CompositionError, match=told) as error:
            read_loss(loss, model.provides, model.spec.name)
        assert len(str(error.value)) < 200
    read_loss("l2 + kl", model.provides, model.spec.name)


def test_a_model_that_keeps_no_maps_is_told(images):
    model = made("gaussian")
    output = dataclasses.replace(model(images), params=None)
    with pytest.raises(CompositionError, match="no likelihood of them: use l1 or l2"):
        nll(output, images, Context(model=model, batch=Batch(images)))


def test_a_gaussian_gives_no_logits():
    with pytest.raises(CompositionError, match="'bce': bce needs logits"):
        read_loss("bce", made("gaussian").provides, "cis680-vae16")


def test_elbo_of_a_bernoulli_keeps_the_number_of_its_cross_entropy(images):
    seen = measured(made("bernoulli"), images.round())
    assert torch.equal(metrics.nll(seen), metrics.bce(seen))
    assert torch.equal(metrics.elbo(seen), -(metrics.bce(seen) + metrics.kl(seen)))


def test_nll_of_a_continuous_bernoulli_is_the_term_of_its_name(images):
    model = made("continuous-bernoulli")
    output, context = model(images), Context(model=model, batch=Batch(images))
    assert torch.equal(nll(output, images, context), continuous_bernoulli(output, images, context))


def test_nll_of_a_fixed_gaussian_around_a_sigmoid_is_gaussian_nll(images):
    model = made("gaussian(sigma=0.2, mean='sigmoid')")
    output, context = model(images), Context(model=model, batch=Batch(images))
    torch.testing.assert_close(nll(output, images, context), gaussian_nll(output, images, context, sigma=0.2))


def test_nll_is_the_model_s_own_from_the_sample(images):
    model = made("gaussian(scale='pixel')")
    seen = measured(model, images)
    own = -model.likelihood.log_prob(seen.sampled.params, images)
    assert torch.equal(metrics.nll(seen), own)
    assert torch.equal(nll(seen.sampled, images, Context(model=model, batch=Batch(images))), own)
    assert torch.equal(metrics.elbo(seen), -(own + metrics.kl(seen)))
    assert not torch.equal(own, -model.likelihood.log_prob(seen.mean.params, images))
