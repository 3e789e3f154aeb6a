"""The Frechet distance against its closed forms; moments against numpy's."""

import numpy as np
import pytest
import scipy.linalg
import torch

from aezoo.metrics.frechet import Moments, frechet


def moments(rows, batch=64):
    found = Moments()
    for part in rows.split(batch):
        found.update(part)
    return found


def gaussian(mean, root, n=64, seed=0):
    """Rows whose mean and covariance, ``root @ root'``, are just that."""
    made = torch.randn(n, len(root[0]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    made = made - made.mean(0)
    made = made @ torch.linalg.inv(torch.linalg.cholesky(made.T.cov().reshape(len(root[0]), -1)).mT)
    return torch.tensor(mean, dtype=torch.float64) + made @ torch.tensor(root, dtype=torch.float64).T


def distance(a, b):
    return frechet(moments(a), moments(b))


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_moments_are_those_of_all_rows_in_whatever_batches(batch):
    rows = gaussian([3, -2], [[1, 0], [0.5, 2]], n=40) + 1e6  # where a sum of squares has no digits left
    found = moments(rows, batch)
    assert found.n == 40
    np.testing.assert_allclose(found.mean, rows.numpy().mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(rows.numpy(), rowvar=False), rtol=1e-6)


def test_of_independent_dimensions():
    a, b = gaussian([0, 0], [[1, 0], [0, 2]]), gaussian([3, 1], [[4, 0], [0, 0.5]], seed=1)
    assert distance(a, b) == pytest.approx(3**2 + 1**2 + (4 - 1) ** 2 + (2 - 0.5) ** 2)


def test_of_any_two_gaussians():
    first, second = np.random.default_rng(0).normal(size=(2, 5, 5))
    covariances = [root @ root.T for root in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    expected = 5 + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert distance(gaussian([0] * 5, first), gaussian([1] * 5, second, seed=1)) == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 64])
def test_where_a_covariance_has_no_full_rank(n):
    a, b = gaussian([0, 0], [[1, 0], [0.5, 2]], n=n), gaussian([1, 0], [[1, 1], [0, 1]], n=n, seed=1)
    turn = torch.linalg.qr(torch.randn(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    assert distance(a @ turn.T, b @ turn.T) == pytest.approx(distance(a, b))
    assert distance(a @ turn.T, a @ turn.T) == pytest.approx(0, abs=1e-12)


def test_of_one_dimension_and_of_constant_rows():
    assert distance(gaussian([0.0], [[1.0]]), gaussian([2.0], [[3.0]])) == pytest.approx(2**2 + 2**2)
    assert distance(torch.zeros(4, 3), torch.ones(4, 3)) == 3
