"""Known answers for each metric, one value an image."""

import math

import pytest
import torch
from torch.distributions import Bernoulli

from aezoo.latent import Batch, Latent, Output
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.reconstruction import Measured, bce, bce_excess, bce_mean, elbo, kl, mse, psnr

MODEL = MeanImage(torch.zeros(1, 4, 4), 1)


def answer(logits, divergence=None):
    terms = {} if divergence is None else {"kl": divergence}
    return Output(logits.sigmoid(), logits, Latent(z=torch.zeros(len(logits), 1), terms=terms), logits)


@pytest.fixture
def measured():
    generator = torch.Generator().manual_seed(0)
    mean, sampled = torch.randn(2, 3, 1, 4, 4, generator=generator)
    images, divergence = torch.rand(3, 1, 4, 4, generator=generator), torch.rand(3, 5, generator=generator)
    return Measured(
        batch=Batch(images), mean=answer(mean, divergence), sampled=answer(sampled, divergence), model=MODEL
    )


def shifted(*differences):
    """Images whose reconstruction is off by these."""
    logits = torch.zeros(len(differences), 1, 4, 4)
    images = 0.5 + torch.tensor(differences).reshape(-1, 1, 1, 1).expand_as(logits)
    return Measured(batch=Batch(images), mean=answer(logits), sampled=answer(logits), model=MODEL)


def test_mse_and_psnr_by_hand():
    torch.testing.assert_close(mse(shifted(0.1, 0.5)), torch.tensor([0.01, 0.25]))
    torch.testing.assert_close(psnr(shifted(0.1, 0.5)), torch.tensor([20.0, 10 * math.log10(4)]))


def test_psnr_of_an_exact_reconstruction_is_100():
    assert psnr(shifted(0.0)).tolist() == [100]


def test_psnr_averages_over_images_not_over_pixels():
    pooled = -10 * mse(shifted(0.1, 0.5)).mean().log10()
    assert psnr(shifted(0.1, 0.5)).mean().item() == pytest.approx(13.01, abs=0.01)
    assert pooled.item() == pytest.approx(8.86, abs=0.01)


@pytest.mark.parametrize(("metric", "which"), [(bce, "sampled"), (bce_mean, "mean")])
def test_cross_entropies_use_the_sample_or_the_mean(measured, metric, which):
    density = Bernoulli(logits=getattr(measured, which).logits, validate_args=False).log_prob(measured.images)
    torch.testing.assert_close(metric(measured), -density.sum((1, 2, 3)))


def test_bce_excess_is_the_divergence_of_bernoullis(measured):
    p, q = Bernoulli(measured.images), Bernoulli(logits=measured.sampled.logits)
    torch.testing.assert_close(bce_excess(measured), torch.distributions.kl_divergence(p, q).sum((1, 2, 3)))


def test_bce_excess_of_an_exact_reconstruction_is_zero(measured):
    exact = answer(torch.logit(measured.images))
    excess = bce_excess(Measured(batch=measured.batch, mean=exact, sampled=exact, model=MODEL))
    torch.testing.assert_close(excess, torch.zeros(3), rtol=0, atol=1e-5)


def test_elbo_never_mixes_in_the_mean(measured):
    torch.testing.assert_close(kl(measured), measured.mean.latent.terms["kl"].sum(1))
    torch.testing.assert_close(elbo(measured), -bce(measured) - kl(measured))
    assert (elbo(measured) != -bce_mean(measured) - kl(measured)).all()
