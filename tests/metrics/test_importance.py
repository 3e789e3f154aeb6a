"""Known answers: a linear Gaussian model, whose likelihood is a Gaussian's and whose posterior is known."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.gaussian import DiagonalGaussian
from aezoo.composition import describe
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.latent import Batch, Latent
from aezoo.likelihoods.location_scale import Gaussian
from aezoo.metrics.evaluation import choose, evaluate, measure
from aezoo.metrics.importance import FEWEST, ImportanceNll
from aezoo.plain import ImageSpec
from aezoo.priors.standard import StandardPrior
from aezoo.specs import ModelSpec
from aezoo.testing import HOST

IMAGE, SIGMA = ImageSpec((2, 2)), 0.2
# Columns at right angles, so that the exact posterior has no covariance.
W = torch.tensor([[0.3, 0.2], [0.3, -0.2], [0.2, 0.3], [0.2, -0.3]])
B = torch.tensor([0.4, 0.5, 0.6, 0.5])
TRUTH = MultivariateNormal(B.double(), W.double() @ W.double().T + SIGMA**2 * torch.eye(4).double())


class Posterior(DiagonalGaussian):
    """The exact one, its deviation made wider."""

    latent_shape = (2,)

    def __init__(self, wider):
        super().__init__()
        self.wider = wider

    def forward(self, features):
        variance = 1 / (1 + W.square().sum(0) / SIGMA**2)
        mean = (features.flatten(1) - B) @ W * variance / SIGMA**2
        return Latent(mean, mean, (self.wider**2 * variance).log().expand_as(mean))


def model_of(wider=1.0):
    decoder = nn.Linear(2, 4)
    decoder.weight.data, decoder.bias.data = W, B
    spec = ModelSpec(name="linear", summary="", image=IMAGE, provides=("nll", "kl", "posterior", "gaussian", "prior"))
    likelihood = Gaussian(IMAGE, sigma=SIGMA)
    decoder = nn.Sequential(decoder, nn.Unflatten(1, IMAGE.shape))
    return Autoencoder(spec, nn.Identity(), Posterior(wider), decoder, prior=StandardPrior((2,)), likelihood=likelihood)


@pytest.fixture
def images(pictures):
    torch.manual_seed(0)
    return pictures(TRUTH.sample((400,)).float().clamp(0, 1).view(-1, 1, 2, 2))


def truth(images):
    return -TRUTH.log_prob(images.images.flatten(1).double())


@pytest.mark.parametrize("samples", [1, 3, 40])
def test_with_the_exact_posterior_it_is_exact_at_any_number_of_samples(images, samples):
    name = f"nll_is(samples={samples})"
    found = evaluate(model_of(), images, metrics=[name])
    assert found[name] == pytest.approx(truth(images).mean().item(), abs=1e-5)
    assert found[f"{name}[ess]"] == pytest.approx(samples, rel=1e-5)
    assert found.get(f"{name}[mc_error]", 0) < 1e-5
    assert (f"{name}[mc_error]" in found) == (samples >= FEWEST)
    assert found[f"{name}[image_error]"] == pytest.approx(truth(images).std().item() / 20, rel=1e-4)


def estimates(images, samples, wider=2.0):
    """The number, and the estimate of each image."""
    model, metric = model_of(wider).eval(), ImportanceNll(samples=samples)
    with torch.no_grad():
        metric.update(Batch(images.images), model(images.images), model, range(len(images)))
    found = metric.compute()
    assert torch.equal(found["ess"], metric.parts[0][1])
    return found, found[""]


def test_with_a_wider_one_it_is_too_high_and_less_so_with_more_samples(images):
    bias = {}
    for samples in (1, 10, 100, 1000):
        found, each = estimates(images, samples)
        bias[samples] = (each - truth(images)).mean().item()
    assert bias[1] > bias[10] > bias[100] > 0
    assert abs(bias[1000]) < 3 * found["mc_error"]
    assert bias[1000] < bias[100]
    assert 1 < found["ess"].mean() < 1000


def test_the_likelihood_itself_is_without_bias(images):
    _, each = estimates(images, 5)
    ratio = (truth(images) - each).exp()  # of the estimate and the truth
    assert ratio.mean().item() == pytest.approx(1, abs=3 * ratio.std().item() / math.sqrt(len(ratio)))


def test_its_error_is_not_told_where_some_images_hang_on_few_samples():
    metric = ImportanceNll(samples=50)
    for few, told in ((5, True), (6, False)):
        ess = torch.full((100,), 40.0)
        ess[:few] = FEWEST - 1
        metric.parts = [torch.stack([torch.zeros(100), ess, torch.ones(100)])]
        assert ("mc_error" in metric.compute()) == told


def test_it_is_known_of_each_image(vae, binary):
    found = measure(vae, binary, choose(vae, binary, metrics=["nll_is(samples=5)"]))
    assert found.values["nll_is(samples=5)"].shape == (len(binary),)
    alone = measure(vae, type(binary)(binary.images[:1]), choose(vae, binary, metrics=["nll_is(samples=5)"]))
    assert alone.values["nll_is(samples=5)"][0].item() == pytest.approx(found.values["nll_is(samples=5)"][0].item())


def test_its_error_is_that_of_the_estimates_over_seeds(images):
    few = type(images)(images.images[:1].repeat(500, 1, 1, 1))
    found, each = estimates(few, 50)
    assert found["mc_error"] * math.sqrt(500) == pytest.approx(each.std().item(), rel=0.1)


def test_it_is_the_same_in_any_batches_whatever_else_is_measured(vae, binary):
    one = evaluate(vae, binary, metrics=["nll_is(samples=5)"])
    other = evaluate(vae, binary, metrics=["mse", "nll_is(samples=3)", "nll_is(samples=5)"], batch_size=3)
    assert {name: other[name] for name in one} == pytest.approx(one, rel=1e-6)
    assert one["nll_is(samples=5)"] < evaluate(vae, binary, metrics=["nll_is(samples=1)"])["nll_is(samples=1)"]
    assert evaluate(vae, binary, metrics=["nll_is(samples=5)"], seed=1) != one


def test_more_draws_of_other_metrics_do_not_repeat_it(vae, binary):
    chosen = choose(vae, binary, metrics=["nll_is(samples=5)", "nll"])
    one, many = (measure(vae, binary, chosen, draws=draws).numbers() for draws in (1, 4))
    assert one["nll_is(samples=5)"] == many["nll_is(samples=5)"]


def test_what_it_needs_is_said(vae, grey):
    with pytest.raises(CompositionError, match=r"'nll_is' needs nll: .* grey"):
        evaluate(vae, grey, metrics=["nll_is"])


@pytest.mark.parametrize(
    "parts",
    [
        {"bottleneck": "gaussian(dim=2, spatial=True)", "prior": "mixture(k=3)"},
        {"bottleneck": "hyperspherical(dim=3)"},
        {"prior": "vamp(k=3)"},
        {"prior": "flow(hidden=(8,))"},
    ],
)
def test_it_works_with_other_latents_and_priors(parts, pictures):
    model = build(describe(HOST, likelihood="gaussian", **parts))
    found = evaluate(model, pictures(torch.rand(3, 1, 32, 32)), metrics=["nll_is(samples=20)", "nll", "kl"])
    assert math.isfinite(found["nll_is(samples=20)"])
    assert 1 <= found["nll_is(samples=20)[ess]"] <= 20
