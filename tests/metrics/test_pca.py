"""Known answers: numpy's singular values, the eigenvalues that are left out, images that lie on a line."""

import numpy as np
import pytest
import torch

from aezoo.errors import DataError, OptionError
from aezoo.metrics import pca
from aezoo.metrics.evaluation import evaluate
from aezoo.metrics.pca import Pca


@pytest.fixture
def faint(pictures):
    """Images near grey, so that nothing is held in [0, 1], whose variances fall off as those of pictures do."""
    torch.manual_seed(0)
    values = torch.randn(300, 192) / torch.arange(1, 193) @ torch.linalg.qr(torch.randn(192, 192))[0]
    return pictures((0.5 + 0.03 * values).view(300, 3, 8, 8))


def by_numpy(images):
    rows = images.flatten(1).double().numpy()
    return np.linalg.svd(rows - rows.mean(0), full_matrices=False)


@pytest.mark.parametrize("n", [300, 120])  # more images than values, and fewer
@pytest.mark.parametrize("dim", [1, 20, 100])
def test_components_and_deviations_are_numpy_s(faint, dim, n):
    faint.images = faint.images[:n]
    _, scales, axes = by_numpy(faint.images)
    model = Pca.fit(faint, dim, batch_size=77)
    np.testing.assert_allclose(model.latent_std, scales[:dim] / n**0.5, rtol=1e-4)
    away = faint.images.flatten(1).double().numpy() - faint.images.flatten(1).double().mean(0).numpy()
    expected = (away @ axes[:dim].T @ axes[:dim]).reshape(n, 3, 8, 8)
    z = model.encode(faint.images).z
    made = model.decode(z) - faint.images.mean(0)
    torch.testing.assert_close(made, torch.from_numpy(expected).float(), rtol=0, atol=1e-6)
    torch.testing.assert_close(z.std(0, correction=0), model.latent_std, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("dim", [5, 60])
def test_the_error_is_the_sum_of_the_eigenvalues_left_out(faint, dim):
    _, scales, _ = by_numpy(faint.images)
    left = (scales[dim:] ** 2).sum() / 300 / 192
    assert evaluate(Pca.fit(faint, dim), faint)["mse"] == pytest.approx(left, rel=1e-3)


def test_the_first_of_many_are_those_of_few(faint):
    few, first = Pca.fit(faint, 4), Pca.fit(faint, 100).first(4)
    assert first.latent_shape == few.latent_shape == (4,)
    torch.testing.assert_close(first(faint.images).reconstruction, few(faint.images).reconstruction)
    torch.testing.assert_close(first.latent_std, few.latent_std)


def test_images_on_a_line_need_one(pictures):
    line = pictures(torch.rand(9, 1, 1, 1) * torch.rand(1, 1, 4, 5))
    found = evaluate(Pca.fit(line, 1), line)
    assert found["mse"] < 1e-12
    assert set(found) == {"mse", "psnr"}


def test_there_are_no_more_than_the_images_span(pictures):
    assert Pca.fit(pictures(torch.full((9, 1, 4, 5), 0.3)), 3).latent_shape == (0,)
    assert Pca.fit(pictures(torch.rand(2, 1, 4, 5).repeat(4, 1, 1, 1)), 3).latent_shape == (1,)
    few = pictures(torch.rand(5, 1, 4, 4))
    model = Pca.fit(few, 100)
    assert model.latent_shape == (4,)
    torch.testing.assert_close(model(few.images).reconstruction, few.images, rtol=0, atol=1e-5)
    assert Pca.fit(pictures(torch.rand(50, 1, 2, 2)), 100).latent_shape == (4,)


def test_a_reconstruction_is_an_image(pictures):
    model = Pca.fit(pictures(torch.rand(9, 1, 4, 4)), 8)
    made = model.decode(10 * torch.randn(20, 8))
    assert (made.min(), made.max()) == (0, 1)


def test_what_cannot_be_fitted_is_said(pictures):
    with pytest.raises(DataError, match="no images"):
        Pca.fit(pictures(torch.zeros(0, 1, 2, 2)), 1)
    with pytest.raises(OptionError, match="dim=0: give at least one component"):
        Pca.fit(pictures(torch.rand(3, 1, 2, 2)), 0)


@pytest.mark.parametrize("n", [300, 120])
def test_blocks_add_up(faint, monkeypatch, n):
    monkeypatch.setattr(pca, "_BLOCK", 50)
    faint.images = faint.images[:n]
    np.testing.assert_allclose(Pca.fit(faint, 20).latent_std, by_numpy(faint.images)[1][:20] / n**0.5, rtol=1e-4)
