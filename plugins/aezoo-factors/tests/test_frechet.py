"""The Frechet distance as a metric."""

import numpy as np
import pytest
import scipy
import torch

import aezoo
from aezoo.errors import AezooWarning, DataError, UnknownNameError
from aezoo.latent import Batch
from aezoo_factors.frechet import FrechetDistance
from aezoo_factors.images import fitted
from aezoo_factors.train import blurred


def value(metric, images, reconstruction):
    metric.update(images, reconstruction)
    return metric.compute()


@pytest.mark.filterwarnings("ignore:fd of 40 images")
def test_the_images_themselves_are_at_zero_and_a_blur_is_the_further_the_wider(faces):
    images, _ = faces(count=40)
    metric = FrechetDistance(model="cis680-vae16.toyfaces")
    found = []
    for sigma in (0, 0.5, 1, 2, 4):
        metric.reset()
        found.append(value(metric, images, blurred(images, sigma)))
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert found == sorted(found)
    assert found[1] > 1e-4


def test_fewer_images_than_dimensions_is_a_warning(faces):
    images, _ = faces(count=40)
    metric = FrechetDistance()
    assert metric.protocol["sha256"].startswith("480d8da2")
    with pytest.warns(AezooWarning, match="fd of 8 images by 512 features"):
        value(metric, images[:8], images[8:16])
    metric.reset()
    with pytest.raises(DataError, match="fd of one image"):
        value(metric, images[:1], images[:1])


def test_only_installed_weights_are_taken(recwarn):
    for model in ("hf-hub:someone/theirs", "local-dir:runs/first", "cis680-vae16"):
        with pytest.raises(UnknownNameError, match="no weights"):
            FrechetDistance(model=model)
    assert FrechetDistance(model="aezoo/cis680-vae16.toyfaces").protocol["model"] == "cis680-vae16.toyfaces"


@pytest.mark.filterwarnings("ignore:fd of 40 images")
def test_it_is_that_of_the_latents_of_the_named_model(faces):
    images, _ = faces(count=40)
    other = blurred(images, 1)
    model = aezoo.create("cis680-vae16.toyfaces", pretrained=True)
    with torch.no_grad():
        real, made = (model.encode(Batch(fitted(each, model.image))).z.double().numpy() for each in (images, other))
    covariances = [np.cov(each.T) for each in (real, made)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    wanted = ((real.mean(0) - made.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    assert value(FrechetDistance(model="cis680-vae16.toyfaces"), images, other) == pytest.approx(wanted, rel=1e-3)
