"""Factor retention: 1 of the images themselves, 0 of their mean, in between of what is blurred."""

import pytest
import torch
from torch.nn import functional as F

from aezoo.errors import AezooWarning, DataError
from aezoo_factors.regressor import IMAGES, r2
from aezoo_factors.retention import FactorRetention
from aezoo_factors.train import blurred


def retained(images, reconstruction, factors, **options):
    return of_each(images, reconstruction, factors, **options)[""]


def of_each(images, reconstruction, factors, *, batch=100, **options):
    metric = FactorRetention(**options)
    for parts in zip(*(each.split(batch) for each in (images, reconstruction, factors)), strict=True):
        metric.update(*parts)
    return metric.compute()


@pytest.mark.parametrize("style", IMAGES)
def test_the_images_themselves_keep_everything_and_their_mean_nothing(faces, style):
    images, factors = faces(style=style)
    assert retained(images, images, factors, style=style) == 1
    assert retained(images, images.mean(0, keepdim=True).expand_as(images), factors, style=style) == 0


@pytest.mark.parametrize("style", IMAGES)
def test_a_blur_takes_more_the_wider_it_is(faces, style):
    images, factors = faces(style=style)
    kept = [retained(images, blurred(images, sigma), factors, style=style) for sigma in (0, 0.5, 1, 2, 4, 8, 16)]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] < 0.3 < 0.9 < kept[1]


def test_it_is_the_mean_of_quotients_of_r2(faces):
    images, factors = faces()
    blurry = blurred(images, 3)
    metric = FactorRetention()
    network, places = metric.network, list(metric.readable.values())
    values = factors[:, places].double()
    lost = [((network(x)[:, places] - values) ** 2).mean(0) / values.var(0, correction=0) for x in (images, blurry)]
    expected = ((1 - lost[1]) / (1 - lost[0])).clamp(0, 1)
    found = of_each(images, blurry, factors)
    assert found.pop("") == pytest.approx(expected.mean().item())
    assert found == pytest.approx(dict(zip(metric.readable, expected.tolist(), strict=True)))


def test_batches_do_not_matter(faces):
    images, factors = faces()
    blurry = blurred(images, 2)
    assert retained(images, blurry, factors, batch=7) == pytest.approx(retained(images, blurry, factors), abs=1e-6)


def test_images_of_other_sizes_and_channels_are_read(faces):
    images, factors = faces()
    larger = F.interpolate(images, (128, 128), mode="bilinear").expand(-1, 3, -1, -1)
    assert retained(larger, blurred(larger, 2), factors) == pytest.approx(
        retained(images, blurred(images, 1), factors), abs=0.02
    )


def test_colour_made_grey_is_shaded(faces):
    images, factors = faces(style="colour")
    metric = FactorRetention()
    metric.update(images, images, factors)
    assert {*metric.compute().values()} == {1.0}
    assert r2(metric.read[0][0], metric.true[0]).min() > 0.9


def test_what_is_not_read_off_the_originals_is_left_out(faces):
    images, factors = faces()
    small = F.interpolate(images, (16, 16), mode="bilinear", antialias=True)
    with pytest.warns(AezooWarning, match="factor_retention leaves out .*: eye_openness, nose_length"):
        assert retained(small, small, factors) == 1


def test_other_images_are_refused(faces):
    images, factors = faces()
    with pytest.raises(DataError, match="reads the 20 factors of shaded toyfaces; these images have 2"):
        retained(images, images, factors[:, :2])
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match="no factor can be read off these 100 images"):
        retained(noise, noise, factors)
