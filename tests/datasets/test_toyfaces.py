"""Toy faces: the same pixels from the same factors, whatever the order, and every factor seen in every style."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aezoo.datasets import _hashing
from aezoo.datasets.pipeline import load_images
from aezoo.datasets.toyfaces import DRAWING_VERSION, FACTORS, HUES, STYLES, ToyFaces
from aezoo.errors import AezooError
from aezoo.plain import ImageSpec

MIDDLE = np.array([[(factor.low + factor.high) / 2 for factor in FACTORS]])
each_style = pytest.mark.parametrize("style", STYLES)


@each_style
def test_an_image_depends_on_neither_order_nor_batch(style):
    faces = ToyFaces(style=style)
    order = np.random.default_rng(0).permutation(40)
    together = faces.images(range(40))
    np.testing.assert_array_equal(faces.images(order), together[order])
    np.testing.assert_array_equal(ToyFaces(style=style, count=9).images([7])[0], together[7])
    assert torch.equal(faces[7], torch.from_numpy(together[7]))


@each_style
def test_an_image_is_what_render_draws_from_its_factors(style):
    faces = ToyFaces("test", style=style)
    np.testing.assert_array_equal(faces.render(faces.factors([3, 499])), faces.images([3, -1]))


def test_images_come_with_their_factors():
    images = load_images("toyfaces(count=5, size=28)", "test", ImageSpec((28, 28)))
    faces = ToyFaces("test", count=5, size=28)
    np.testing.assert_array_equal(images.factors, faces.factors(range(5)).astype(np.float32))
    assert images.factor_names == tuple(factor.name for factor in FACTORS)
    assert images.labels is None


def test_minus_zero_is_zero():
    faces, minus = ToyFaces(), MIDDLE.copy()
    minus[MIDDLE == 0] = -0.0
    np.testing.assert_array_equal(faces.render(minus), faces.render(MIDDLE))


@pytest.mark.parametrize("other", [{"split": "test"}, {"seed": 1}])
def test_splits_and_seeds_have_no_face_in_common(other):
    one, two = ToyFaces(count=500).factors(range(500)), ToyFaces(count=500, **other).factors(range(500))
    assert not set(one.ravel()) & set(two.ravel())


def test_factors_are_uniform_and_independent():
    factors = ToyFaces(count=4000).factors(range(4000))
    low, high = np.array([(factor.low, factor.high) for factor in FACTORS]).T
    uniform = (factors - low) / (high - low)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    np.testing.assert_allclose(uniform.mean(0), 0.5, atol=0.02)  # four standard errors
    np.testing.assert_allclose(uniform.var(0), 1 / 12, atol=0.005)
    np.testing.assert_allclose(np.corrcoef(uniform.T), np.eye(len(FACTORS)), atol=0.07)


@each_style
@pytest.mark.parametrize("column", range(len(FACTORS)), ids=[factor.name for factor in FACTORS])
def test_every_factor_is_seen(style, column, monkeypatch):
    monkeypatch.setattr(_hashing, "hash_rows", lambda values: np.zeros(len(values), np.uint64))  # one noise for all
    faces = ToyFaces(style=style, count=8)
    low, high = faces.factors(range(8)), faces.factors(range(8))
    low[:, column], high[:, column] = FACTORS[column].low, FACTORS[column].high
    moved = np.abs(faces.render(low).astype(int) - faces.render(high)) > 12
    assert moved.mean() > 0.005  # 20 of 4096 pixels; the least seen, the gaze, moves 35


@pytest.mark.parametrize("hue", [factor.name for factor in HUES])
def test_every_hue_is_seen_and_leaves_the_luminance(hue):
    faces = ToyFaces(style="colour", count=8)
    assert faces.factor_names == tuple(factor.name for factor in (*FACTORS, *HUES))
    low, high = faces.factors(range(8)), faces.factors(range(8))
    low[:, faces.factor_names.index(hue)], high[:, faces.factor_names.index(hue)] = 0.0, 0.5
    one, two = faces.render(low).astype(int), faces.render(high)
    assert (np.abs(one - two).max(1) > 8).mean() > 0.001  # four pixels: those of the eyes
    shown = np.maximum(one, two).max(1) < 255
    grey = np.einsum("nchw,c->nhw", one - two, [0.299, 0.587, 0.114])
    assert np.abs(grey[shown]).max() < 1.1


def test_a_face_in_colour_is_the_shaded_face_once_it_is_grey():
    colour = ToyFaces(style="colour").images(range(20))
    grey = np.einsum("nchw,c->nhw", colour.astype(float), [0.299, 0.587, 0.114])
    shown = colour.max(1) < 255  # where no channel is clipped
    assert shown.mean() > 0.9
    assert np.abs(grey - ToyFaces(style="shaded").images(range(20))[:, 0])[shown].max() < 1.1


def test_a_sketch_is_black_and_white():
    images = ToyFaces().images(range(100))
    assert set(np.unique(images)) == {0, 255}
    assert 0.35 < (images == 0).mean() < 0.45  # drawings of faces, cropped so: 0.39


@each_style
@pytest.mark.parametrize("size", [28, 64, 65, 128])
def test_sizes_show_the_same_face(style, size):
    images = ToyFaces(style=style, size=size).images(range(4))
    assert images.shape == (4, 3 if style == "colour" else 1, size, size)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images.mean((1, 2, 3)), ToyFaces(style=style).images(range(4)).mean((1, 2, 3)), atol=12)


def test_the_drawing_version_is_raised_when_the_pixels_change():
    means = {style: ToyFaces(style=style).images(range(4)).mean((1, 2, 3)) for style in STYLES}
    recorded = {"sketch": [135.72, 130.11, 94.5, 157.76], "shaded": [87.98, 92.46, 100.08, 102.07]}  # version 1
    recorded["colour"] = [84.24, 84.54, 99.53, 97.21]
    assert DRAWING_VERSION == 1
    for style in STYLES:  # a few pixels' leeway, for the last bits of exp and sin on other processors
        np.testing.assert_allclose(means[style], recorded[style], atol=0.2)


def test_lengths_and_bounds():
    assert [len(ToyFaces()), len(ToyFaces("test")), len(ToyFaces(count=7)), len(ToyFaces(count=0))] == [2000, 500, 7, 0]
    assert len(list(ToyFaces(count=3))) == 3
    assert ToyFaces().images([]).shape == (0, 1, 64, 64)
    with pytest.raises(IndexError, match="has 7 images, asked for 7"):
        ToyFaces(count=7)[7]


def test_the_fingerprint_tells_all_options_apart():
    options = [{}, {"split": "test"}, {"style": "shaded"}, {"count": 7}, {"seed": 1}, {"size": 65}]
    assert len({ToyFaces(**option).fingerprint for option in options}) == len(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "val"}, "no split 'val'; it has train and test"),
        ({"style": "oil"}, "no style 'oil'; it has sketch, shaded, colour"),
        ({"size": 16}, "28 pixels or more, not at 16"),
        ({"count": -1}, "count must be 0 or more, not -1"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_options_that_are_not_there(options, message):
    with pytest.raises(AezooError, match=message):
        ToyFaces(**options)


@pytest.mark.parametrize("light", [60, np.nan])
def test_factors_outside_their_range(light):
    factors = MIDDLE.copy()
    factors[0, [factor.name for factor in FACTORS].index("light")] = light
    with pytest.raises(AezooError, match=f"light must be from -45 to 45, not {light}"):
        ToyFaces().render(factors)


@pytest.mark.parametrize("shape", [(1, 3), (len(FACTORS),)])
def test_a_wrong_number_of_factors(shape):
    with pytest.raises(AezooError, match=rf"factors \(n, {len(FACTORS)}\), not from shape"):
        ToyFaces().render(np.zeros(shape))
