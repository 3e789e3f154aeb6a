"""Known answers: latents that are made, a mixture that is integrated, divergences that are summed."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.gaussian import DiagonalGaussian, GaussianBottleneck
from aezoo.errors import AezooWarning
from aezoo.latent import Latent
from aezoo.likelihoods.bernoulli import Bernoulli
from aezoo.metrics.evaluation import evaluate
from aezoo.metrics.latents import ACTIVE, ActiveUnits
from aezoo.plain import ImageSpec
from aezoo.priors.mixtures import MixturePrior
from aezoo.priors.standard import StandardPrior
from aezoo.specs import ModelSpec

PROVIDES = ("logits", "nll", "kl", "posterior", "gaussian", "prior")


class Planted(DiagonalGaussian):
    """The posterior whose mean is an image's first value, and its deviation the second."""

    latent_shape = (1,)

    def forward(self, features):
        mean, deviation = features.flatten(1)[:, :2].split(1, 1)
        return Latent(mean, mean, 2 * deviation.log())


def model_of(bottleneck, decoder, size=(2, 1)):
    image = ImageSpec(size)
    spec = ModelSpec(name="planted", summary="", image=image, provides=PROVIDES)
    prior = StandardPrior(bottleneck.latent_shape)
    return Autoencoder(spec, nn.Identity(), bottleneck, decoder, prior=prior, likelihood=Bernoulli(image))


def information(pictures, posteriors, times):
    """Of images whose posteriors are these means and deviations, each so many times."""
    model = model_of(Planted(), nn.Sequential(nn.Linear(1, 2), nn.Unflatten(1, (1, 2, 1))))
    images = torch.tensor(posteriors).view(-1, 1, 2, 1).repeat(times, 1, 1, 1)
    found = evaluate(model, pictures(images), metrics=["mutual_information"], batch_size=100)
    assert found["mutual_information[ceiling]"] == math.log(len(images))
    return found["mutual_information"]


def test_information_is_of_some_images_where_there_are_many(pictures):
    model = model_of(Planted(), nn.Sequential(nn.Linear(1, 2), nn.Unflatten(1, (1, 2, 1))))
    images = torch.tensor([(index / 200, 1e-4) for index in range(200)]).view(-1, 1, 2, 1)
    with pytest.warns(AezooWarning, match="mutual_information is at its ceiling, ln 50"):
        found = evaluate(model, pictures(images), metrics=["mutual_information(images=50)"], batch_size=30)
    assert found["mutual_information(images=50)[ceiling]"] == math.log(50)
    assert found["mutual_information(images=50)"] == pytest.approx(math.log(50), abs=1e-3)


def test_information_is_that_of_the_mixture_by_integration(pictures):
    posteriors, times = [(0.1, 0.1), (0.5, 0.3), (0.4, 0.05)], 1000

    def integrand(z, mean, deviation):
        q = norm.pdf(z, mean, deviation)
        return q * (norm.logpdf(z, mean, deviation) - math.log(sum(norm.pdf(z, *each) for each in posteriors) / 3))

    exact = sum(quad(integrand, m - 6 * d, m + 6 * d, (m, d), limit=200)[0] for m, d in posteriors) / 3
    assert 0.3 < exact < math.log(3)
    assert information(pictures, posteriors, times) == pytest.approx(exact, abs=3 * 0.7 / math.sqrt(3 * times))


def test_information_is_none_where_posteriors_are_one_and_saturates_where_they_are_apart(pictures):
    assert information(pictures, [(0.5, 0.2)] * 4, 2) == pytest.approx(0, abs=1e-6)
    apart = [(0.0, 1e-4), (0.3, 1e-4), (0.6, 1e-4), (0.9, 1e-4)]
    assert information(pictures, apart, 1) == pytest.approx(math.log(4), abs=1e-6)


def test_active_units_are_counted_above_each_threshold():
    sign = torch.tensor([1.0, -1.0]).repeat(10)[:, None]
    metric = ActiveUnits()
    for part in (5 + sign * torch.tensor([0.05, 0.2, 0.4, 0.0])).split(7):  # variances 0.0025, 0.04, 0.16, 0
        metric.update(part.view(-1, 2, 2))
    assert metric.compute() == {"0.01": 2, "0.1": 1}
    assert ACTIVE == (0.01, 0.1)


def test_units_of_what_is_no_number_are_not_counted():
    units = ActiveUnits()
    units.update(torch.full((4, 2), math.nan))
    assert all(math.isnan(number) for number in units.compute().values())


def test_the_divergence_of_each_dimension_sums_to_all(vae, grey):
    found = evaluate(vae, grey, metrics=["kl", "kl_dims"])
    dims = [found[f"kl_dims[{dim}]"] for dim in range(3)]
    assert sum(dims) == pytest.approx(found["kl"])
    with torch.no_grad():
        latent = vae.eval().encode(grey.images)
    own = 0.5 * (latent.mean**2 + latent.logvar.exp() - 1 - latent.logvar).mean(0)
    assert dims == pytest.approx(own.tolist(), rel=1e-5)


def test_of_a_map_it_is_of_each_channel(pictures):
    torch.manual_seed(0)
    bottleneck = GaussianBottleneck((1, 4, 4), dim=2, spatial=True)
    model = model_of(bottleneck, nn.Conv2d(2, 1, 1), (4, 4))
    images = pictures(torch.rand(5, 1, 4, 4))
    found = evaluate(model, images, metrics=["kl", "kl_dims", "floats"])
    assert [*found] == ["kl", "kl_dims[0]", "kl_dims[1]", "floats"]
    assert found["kl_dims[0]"] + found["kl_dims[1]"] == pytest.approx(found["kl"])
    with torch.no_grad():
        kl = model.eval().encode(images.images).terms["kl"].view(5, 2, 16).sum(2).mean(0)
    assert found["kl_dims[1]"] == pytest.approx(kl[1].item(), rel=1e-5)
    assert found["floats"] == 32


def test_a_divergence_of_the_whole_latent_has_no_dimensions(vae, grey):
    vae.prior = MixturePrior((3,), k=2)
    with pytest.warns(AezooWarning, match="'kl_dims' of aezoo is left out: .* of the whole latent"):
        assert set(evaluate(vae, grey, metrics=["kl", "kl_dims"])) == {"kl"}
