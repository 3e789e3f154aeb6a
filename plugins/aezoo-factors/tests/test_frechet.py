"""The Frechet distance against its closed forms, and as a metric."""

import numpy as np
import pytest
import scipy.linalg
import torch

from aezoo.errors import AezooWarning, DataError, UnknownNameError
from aezoo_factors.frechet import FrechetDistance, frechet
from aezoo_factors.train import blurred


def rows(mean, root, n=64, seed=0):
    """Rows whose mean and covariance, ``root @ root'``, are just that."""
    made = torch.randn(n, len(root[0]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    made = made - made.mean(0)
    made = made @ torch.linalg.inv(torch.linalg.cholesky(made.T.cov().reshape(len(root[0]), -1)).mT)
    return torch.tensor(mean, dtype=torch.float64) + made @ torch.tensor(root, dtype=torch.float64).T


def value(metric, images, reconstruction):
    metric.update(images, reconstruction)
    return metric.compute()


def test_of_independent_dimensions():
    a, b = rows([0, 0], [[1, 0], [0, 2]]), rows([3, 1], [[4, 0], [0, 0.5]], seed=1)
    assert frechet(a, b) == pytest.approx(3**2 + 1**2 + (4 - 1) ** 2 + (2 - 0.5) ** 2)


def test_of_any_two_gaussians():
    first, second = np.random.default_rng(0).normal(size=(2, 5, 5))
    covariances = [root @ root.T for root in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    expected = 5 + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert frechet(rows([0] * 5, first), rows([1] * 5, second, seed=1)) == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 64])
def test_where_a_covariance_has_no_full_rank(n):
    a, b = rows([0, 0], [[1, 0], [0.5, 2]], n=n), rows([1, 0], [[1, 1], [0, 1]], n=n, seed=1)
    turn = torch.linalg.qr(torch.randn(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    assert frechet(a @ turn.T, b @ turn.T) == pytest.approx(frechet(a, b))
    assert frechet(a @ turn.T, a @ turn.T) == pytest.approx(0, abs=1e-12)


def test_of_one_dimension_and_of_constant_rows():
    assert frechet(rows([0.0], [[1.0]]), rows([2.0], [[3.0]])) == pytest.approx(2**2 + 2**2)
    assert frechet(torch.zeros(4, 3).double(), torch.ones(4, 3).double()) == 3


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
