"""Images that are not what a model was trained on are told; the model's own, and graphs, are left alone."""

import json
import os
import re
import warnings

import numpy as np
import pytest
import torch

import aezoo
from aezoo.composition import describe
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import load_images
from aezoo.errors import AezooWarning, DataError, WeightsError
from aezoo.factory import build, load
from aezoo.mismatch import MOST_CHANNELS, ImageStatistics, _numbers
from aezoo.plain import from_json, to_json
from aezoo.training.results import record_images
from aezoo.weights.folder import CONFIG, read_config, save_model


def faces(n, split="test", data="toyfaces", spec=None):
    return load_images(data, split, spec or aezoo.describe("cis680-ae").image).batch(range(n)).images


def alarms(model, images, n):
    """The share of batches of n that are far, in random order."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    batches = [part for part in images[order].split(n) if len(part) == n]
    return np.mean([bool(model.statistics_of_images.why_far(_numbers(part).double().numpy())) for part in batches])


@pytest.fixture
def model():
    return aezoo.create("cis680-ae.toyfaces", pretrained=True)


def warned(model, images):
    with pytest.warns(AezooWarning) as caught:
        model.encode(images)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error", AezooWarning)
        model(images)  # once a model
    return str(caught[0].message)


@pytest.mark.parametrize("n", [1, 4, 16])
def test_its_own_test_images_raise_no_alarm(model, n):
    assert alarms(model, faces(500), n) == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: 1 - x, "inverted: give it 1 - images"),
        (lambda x: (x + 1) / 2, r"give it 2 \* images - 1"),
        (lambda x: x / 255, r"give it 255 \* images"),
        (lambda x: torch.full_like(x, 0.5), r"of one value\n.*another domain"),
        (lambda x: x.mul(0.2).add(0.6), r"their deviation is 0.\d\d, in training 0.48 ± 0.02\n.*'aezoo train"),
        (lambda x: x * 2 - 1, r"lie in \[-1, 1\]; .* \(images \+ 1\) / 2"),
        (lambda x: x * 255, r"lie in \[0, 255\]; .* images / 255"),
        (lambda x: x * 1.05, r"images.clamp\(0, 1\)"),
        (lambda x: (x - 0.45) / 0.22, "for normalised images"),
        (lambda x: x * torch.nan, "what is not finite"),
    ],
)
def test_the_reason(model, change, reason):
    for n in (1, 20):
        model._warned = frozenset()
        assert re.search(reason, warned(model, change(faces(n))))


def test_each_reason_is_given_once(model):
    inverted, wide = 1 - faces(4), faces(4) * 255
    assert "inverted" in warned(model, inverted)
    assert "lie in [0, 255]" in warned(model, wide)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AezooWarning)
        model(inverted)
        model(wide)
        model(wide / 2)


def test_channels_in_another_order():
    spec = aezoo.ImageSpec((16, 16), 3)
    tint = torch.tensor([0.9, 0.6, 0.3]).view(3, 1, 1)
    images = tint * torch.rand(200, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    model = build(describe("cis680-ae", image_size=16, channels=3)).eval()
    record_images(model, ImageArray((images * 255).to(torch.uint8)))
    assert spec == model.image
    assert "blue, green, red: give it images.flip(1)" in warned(model, images.flip(1))


def test_larger_pictures_are_seen_at_the_models_own_size_and_smaller_ones_are_not():
    model = aezoo.create("cis680-ae.toyfaces", pretrained=True)
    large = torch.nn.functional.interpolate(faces(4), scale_factor=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AezooWarning)
        model.encode(large)
        model.encode(1 - faces(4)[..., :32, :32])
        model.train().encode(1 - faces(4))
    assert "inverted" in warned(model.eval(), 1 - large)


def test_graphs_and_transforms_are_left_alone(model):
    wrong = 1 - faces(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.compile(model, fullgraph=True, backend="eager")(wrong)
        torch.export.export(model, (wrong,)).module()(wrong)
        torch.func.vmap(lambda image: model.encode(image[None]).z)(wrong)
        model.encode(wrong[:0])
    with pytest.warns(AezooWarning, match="inverted"):
        torch.func.jvp(lambda images: model.encode(images).z, (wrong,), (wrong,))


def test_a_model_folder_keeps_them(tmp_path, tiny):
    model = build(describe(tiny)).eval()
    images = ImageArray(torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8))
    record_images(model, images.subset(range(31)))
    assert model.statistics_of_images is None
    record_images(model, images)
    save_model(tmp_path, model, images.batch(range(2)).images)
    assert load(tmp_path).statistics_of_images == model.statistics_of_images
    config = json.loads((tmp_path / CONFIG).read_text())
    for damage in ({"count": 3}, {**config["images"], "mean": [1.0]}, {**config["images"], "mean": [float("nan")] * 4}):
        (tmp_path / CONFIG).write_text(json.dumps({**config, "images": damage}))
        with pytest.raises(WeightsError, match=r"config.json is damaged"):
            load(tmp_path)


def test_statistics_are_of_the_points():
    images = torch.rand(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = ImageStatistics.of(images.split(20))
    np.testing.assert_allclose(found.mean[:3], images.mean((0, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(found.mean[3], images.flatten(1).std(1, correction=0).mean(), atol=1e-6)
    energy = images.diff(dim=2).square().sum((1, 2, 3)) + images.diff(dim=3).square().sum((1, 2, 3))
    np.testing.assert_allclose(found.mean[4], (energy / 192).sqrt().mean(), atol=1e-6)
    np.testing.assert_allclose(found.covariance[0][0], images[:, 0].mean((1, 2)).var(), atol=1e-6)
    assert from_json(ImageStatistics, to_json(found)) == found
    with pytest.raises(DataError, match="contradict"):
        ImageStatistics(50, found.thumbnail[:16], found.mean, found.covariance)


@pytest.mark.data
@pytest.mark.skipif("AEZOO_DATA" not in os.environ, reason="AEZOO_DATA names no folder of images")
@pytest.mark.parametrize("name", ["vae512.celeba", "resvae512.celeba", "vae16.cufs", "ae.cufs"])
def test_real_images(name):
    model = aezoo.create(f"cis680-{name}", pretrained=True)
    own, other = ("celeba", "cufs") if name.endswith("celeba") else ("cufs", "celeba")
    for n in (1, 4, 16):
        assert alarms(model, faces(100 if own == "cufs" else 1033, data=own), n) < 0.002
        assert alarms(model, faces(100, data=other), n) == 1
    assert "gradient" in warned(model, faces(16, data=other))


def test_published_weights_bring_theirs():
    for entry in aezoo.plugins.registry().entries("weights"):
        assert "images" in read_config(aezoo.embedded.folder_of(entry.spec))[1], entry.name


@pytest.mark.parametrize("channels", [1, MOST_CHANNELS, MOST_CHANNELS + 1, 64])
def test_a_model_of_many_channels_can_be_read_back(tmp_path, tiny, channels):
    model = build(describe(tiny, channels=channels)).eval()
    images = ImageArray(torch.randint(0, 256, (40, channels, 8, 8), dtype=torch.uint8))
    record_images(model, images)
    assert (model.statistics_of_images is not None) == (channels <= MOST_CHANNELS)
    save_model(tmp_path, model, images.batch(range(2)).images)
    assert load(tmp_path).statistics_of_images == model.statistics_of_images
