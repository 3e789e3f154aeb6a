import math
import os
from pathlib import Path

import pytest
import torch
from scipy.special import xlogy

from aezoo.errors import DataError
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.evaluation import evaluate

DATA = os.environ.get("AEZOO_DATA", "")


def test_is_the_smoothed_mean(pictures):
    train = pictures(torch.tensor([[1.0, 0.0], [1.0, 0.5], [1.0, 0.25]]).reshape(3, 1, 1, 2))
    model = MeanImage.fit(train, batch_size=2)
    reconstruction = model(torch.zeros(4, 1, 1, 2)).reconstruction
    torch.testing.assert_close(reconstruction, torch.tensor([4 / 5, 1.75 / 5]).expand(4, 1, 1, 2))


def test_pixels_that_never_change_cost_a_finite_cross_entropy(pictures):
    black, white = pictures(torch.zeros(9, 1, 2, 2)), pictures(torch.ones(1, 1, 2, 2))
    assert evaluate(MeanImage.fit(black), white)["bce"] == pytest.approx(4 * math.log(11))


def test_gets_the_metrics_of_a_model_without_a_posterior(grey, binary):
    assert set(evaluate(MeanImage.fit(grey), grey)) == {"mse", "psnr", "bce", "bce_mean", "bce_excess"}
    values = evaluate(MeanImage.fit(binary), binary)
    assert set(values) == {"mse", "psnr", "bce", "bce_mean"}
    assert values["bce"] == values["bce_mean"]


def test_the_constant_grey_by_its_closed_form(grey, pictures):
    train, test = grey, pictures(grey.images**2)
    n = train.images.numel()
    p, m = (train.images.double().sum().item() + 1) / (n + 2), test.images.double().mean().item()
    values = evaluate(MeanImage.fit(train).grey(), test)
    assert values["bce"] == pytest.approx(-64 * (xlogy(m, p) + xlogy(1 - m, 1 - p)), rel=1e-6)


def test_is_a_model_of_the_images_shape(pictures):
    model = MeanImage.fit(pictures(torch.rand(5, 3, 4, 6)))
    assert model.image.shape == (3, 4, 6)
    assert model.latent_shape == (0,)
    assert model.grey()(torch.zeros(2, 3, 4, 6)).reconstruction.unique().numel() == 1


def test_no_images_is_an_error(pictures):
    with pytest.raises(DataError):
        MeanImage.fit(pictures(torch.zeros(0, 1, 2, 2)))


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="AEZOO_DATA does not say where the CUFS sketches are")
def test_the_published_numbers_on_cufs(pictures):
    folder = Path(DATA) / "cufs" / "sketches64"
    train, test = (pictures(_sketches(folder, split)) for split in ("train", "test"))
    mean = MeanImage.fit(train)
    values, constant = evaluate(mean, test), evaluate(mean.grey(), test)
    assert (len(train), len(test)) == (88, 100)
    assert values["bce"] == pytest.approx(1873.11, abs=0.01)
    assert values["mse"] == pytest.approx(0.14834, abs=1e-5)
    assert constant["bce"] == pytest.approx(2801.85, abs=0.01)


def _sketches(folder, split):
    import numpy as np
    from PIL import Image

    names = [line.split()[0] for line in (folder / "devkit" / f"{split}.txt").read_text().splitlines()]
    pixels = np.stack([np.array(Image.open(folder / "imgs" / name)) for name in names])
    return torch.from_numpy(pixels)[:, None].float() / 255
