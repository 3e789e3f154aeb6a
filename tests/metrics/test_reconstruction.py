"""Known answers for each metric, one value an image."""

import math

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.distributions import Bernoulli

from aezoo._torchvision import torchvision
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.structure import SCALES
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.measured import Measured
from aezoo.metrics.reconstruction import (
    PooledPsnr,
    bce,
    bce_excess,
    bce_mean,
    elbo,
    kl,
    mae,
    ms_ssim,
    mse,
    psnr,
    ssim,
)

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


def shown(images, reconstruction):
    """Images, and what a model makes of them."""
    output = Output(reconstruction, None, Latent(z=torch.zeros(len(images), 1)))
    return Measured(batch=Batch(images), mean=output, sampled=output, model=MODEL)


@pytest.fixture
def near():
    """Colour images, some of them smooth, and others near them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 3, 64, 64, generator=generator)
    images[0] = torch.nn.functional.avg_pool2d(images[0], 9, 1, 4)
    return images, (images + 0.2 * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def test_mse_and_psnr_by_hand():
    torch.testing.assert_close(mse(shifted(0.1, 0.5)), torch.tensor([0.01, 0.25]))
    torch.testing.assert_close(psnr(shifted(0.1, 0.5)), torch.tensor([20.0, 10 * math.log10(4)]))


def test_psnr_of_an_exact_reconstruction_is_100():
    assert psnr(shifted(0.0)).tolist() == [100]


def test_psnr_averages_over_images_and_psnr_pooled_over_pixels():
    assert psnr(shifted(0.1, 0.5)).mean().item() == pytest.approx(13.01, abs=0.01)
    pooled = PooledPsnr()
    for each in (shifted(0.1), shifted(0.5)):
        pooled.update(each.reconstruction, each.images)
    assert pooled.compute() == pytest.approx(-10 * math.log10((0.01 + 0.25) / 2), rel=1e-6)


def test_psnr_pooled_of_exact_reconstructions_is_100():
    pooled = PooledPsnr()
    pooled.update(shifted(0.0).reconstruction, shifted(0.0).images)
    assert pooled.compute() == 100


def test_mae_by_hand():
    half = torch.tensor([1.0, 0.0]).expand(1, 1, 4, 2)  # off by a half everywhere
    torch.testing.assert_close(mae(shown(torch.full_like(half, 0.5), half)), torch.tensor([0.5]))
    torch.testing.assert_close(mae(shifted(0.1, -0.5)), torch.tensor([0.1, 0.5]))


def by_scipy(a, b):
    """SSIM of planes as scikit-image has it with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1``: whole images filtered, five pixels of the border left out. Beside it contrast and structure alone.
    """
    mean_a, mean_b, aa, bb, ab = (gaussian_filter(x, 1.5, truncate=3.5) for x in (a, b, a * a, b * b, a * b))
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * (ab - mean_a * mean_b) + c2) / (aa - mean_a**2 + bb - mean_b**2 + c2)
    return (luminance * structure)[5:-5, 5:-5].mean(), structure[5:-5, 5:-5].mean()


def of_colours(images, made):
    """``by_scipy``, mean over the channels: ``(b, 2)``."""
    planes = ((x.double().numpy() for x in pair) for pair in zip(images.flatten(0, 1), made.flatten(0, 1), strict=True))
    return torch.tensor([by_scipy(*pair) for pair in planes]).view(*images.shape[:2], 2).mean(1)


def test_ssim_is_scikit_image_s(near):
    torch.testing.assert_close(ssim(shown(*near)).double(), of_colours(*near)[:, 0], rtol=0, atol=1e-5)


def test_ms_ssim_of_64_pixels_has_three_scales_and_is_similarity(near):
    expected, scale = torch.ones(3, dtype=torch.float64), near
    for exponent, part in ((0.0448, 1), (0.2856, 1), (0.3001, 0)):
        expected *= of_colours(*scale)[:, part] ** (exponent / (0.0448 + 0.2856 + 0.3001))
        scale = [x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5)) for x in scale]
    torch.testing.assert_close(ms_ssim(shown(*near)).double(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ms_ssim(shown(near[0], near[0])), torch.ones(3))


def test_bordered_ms_ssim_is_that_of_torchmetrics(near):
    assert torchvision  # torchmetrics imports it, which takes aezoo's help
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as theirs

    exponents = [each / sum(SCALES[:3]) for each in SCALES[:3]]
    known = theirs(near[1], near[0], data_range=1.0, betas=tuple(exponents), normalize="relu", reduction="none")
    torch.testing.assert_close(ms_ssim(shown(*near), bordered=True), known.float(), rtol=0, atol=1e-5)


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
