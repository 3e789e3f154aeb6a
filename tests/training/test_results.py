"""Numbers that a run leaves: of which images, and of what."""

import dataclasses
import json

import pytest
import torch

import aezoo
from aezoo.composition import describe
from aezoo.errors import AezooWarning, DataError
from aezoo.factory import build
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.evaluation import evaluate
from aezoo.mismatch import ImageStatistics
from aezoo.training import results
from aezoo.training.data import load_splits
from aezoo.training.results import (
    draws_of,
    measure_all,
    record_images,
    record_latents,
    record_statistics,
    write_results,
    write_unfinished,
)

from .conftest import TOY, small

MAP = small(encoder="conv(layers=('3x3x4 s2', '3x3x3 s2'))", decoder="deconv(layers=('4x4x4 s2', '4x4xc s2'))")


@pytest.mark.parametrize("bottleneck", ["gaussian(dim=8)", "gaussian(dim=2, spatial=True)"])
def test_statistics_of_the_latents_are_those_of_all_training_images(bottleneck, monkeypatch):
    monkeypatch.setattr(results, "fitting", lambda images: 16)  # of several batches
    model = build(describe(MAP, bottleneck=bottleneck)).eval()
    images = load_splits(TOY, model.image).train
    record_latents(model, images)
    z = model.encode(images.batch(range(40))).z.detach()
    over = (0, 2, 3) if z.ndim == 4 else (0,)
    torch.testing.assert_close(model.latent_mean.flatten(), z.mean(over), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.latent_std.flatten(), z.std(over, correction=0), rtol=1e-4, atol=1e-6)


def test_a_number_that_is_not_finite_is_none():
    model, splits = build(small()).eval(), load_splits(TOY, small().image)
    torch.nn.init.constant_(next(model.decoder.parameters()), torch.nan)
    with pytest.warns(AezooWarning, match=r"bce, .*mse.* of the t\w+ images is not finite, and left out"):
        measured = measure_all(model, splits, TOY)
    assert measured["test"]["mse"] is None
    assert measured["test"]["kl"] > 0
    assert "mse" not in measured["protocol"]["errors"]["test"]
    json.dumps(measured, allow_nan=False)


def test_what_is_fitted_is_fitted_to_the_training_images(tmp_path):
    model = build(small()).eval()
    splits = load_splits(TOY, model.image)
    write_results(tmp_path, model, splits, TOY, {})
    z = model.encode(splits.train.batch(range(40))).z
    torch.testing.assert_close(model.latent_mean, z.mean(0), rtol=1e-4, atol=1e-6)
    measured = measure_all(model, splits, dataclasses.replace(TOY, metrics=("aezoo/mse",)))
    assert measured["protocol"]["errors"]["test"]["bce"] > 0  # over draws
    assert measured["test"]["aezoo/mse"] == measured["test"]["mse"]
    assert measured["protocol"]["metrics"]["aezoo/mse"] == measured["protocol"]["metrics"]["mse"] == "aezoo/mse@1"
    assert {*measured["protocol"]["metrics"]} == {*measured["test"], *measured["mean-image"]["test"]}
    assert measured["mean-image"]["test"] == evaluate(MeanImage.fit(splits.train), splits.test)


def test_what_a_metric_depends_on_is_part_of_its_id(monkeypatch):
    model = build(small()).eval()
    splits, recipe = load_splits(TOY, model.image), dataclasses.replace(TOY, metrics=("rank",))
    monkeypatch.setattr("aezoo.metrics.spectrum.EffectiveRank.protocol", {"library": 1.9}, raising=False)
    ids = measure_all(model, splits, recipe)["protocol"]["metrics"]
    assert ids["rank"] == "aezoo/rank(centred=True)@1 library=1.9"
    monkeypatch.setattr("aezoo.metrics.spectrum.EffectiveRank.protocol", "no mapping")
    assert measure_all(model, splits, recipe)["protocol"]["metrics"]["rank"] == "aezoo/rank(centred=True)@1"


def test_a_run_that_ends_while_it_is_measured_leaves_no_earlier_numbers(tmp_path, monkeypatch):
    model = build(small()).eval()
    splits = load_splits(TOY, model.image)
    write_results(tmp_path, model, splits, TOY, {})
    before = (tmp_path / "README.md").read_text()

    def killed(*given):
        raise MemoryError

    monkeypatch.setattr(results, "measure_all", killed)
    with pytest.raises(MemoryError):
        write_results(tmp_path, model, splits, TOY, {})
    assert not (tmp_path / "metrics.json").exists()
    assert "mse" in before
    assert "mse" not in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("write", [write_results, write_unfinished])
def test_what_a_folder_says_of_images_is_of_the_training_images(tmp_path, write):
    model = build(small()).eval()
    splits = load_splits(TOY, model.image)
    write(tmp_path, model, splits, TOY, {})
    z, found = model.encode(splits.train.batch(range(40))).z, model.statistics_of_images
    torch.testing.assert_close(model.latent_mean, z.mean(0), rtol=1e-4, atol=1e-6)
    record_images(model, splits.train)
    assert found == model.statistics_of_images


@pytest.mark.parametrize(
    ("parts", "several"),
    [({}, True), ({"prior": "none"}, True), ({"bottleneck": "gaussian(dim=8, sampling=False)"}, False)],
)
def test_there_are_several_draws_where_something_is_drawn(parts, several):
    model = build(small(**parts))
    images = load_splits(TOY, model.image).test
    assert (draws_of(model, images) > 1) == several


def test_what_is_recorded_depends_on_no_mode_size_or_precision():
    map_ = describe(MAP, bottleneck="gaussian(dim=2, spatial=True)")
    model = build(map_).eval()
    large = aezoo.dataset("toyfaces(count=20, size=56)", model=dataclasses.replace(map_.image, size=(56, 56)))
    record_statistics(model, large)
    z = model.encode(large.batch(range(20))).z.detach()
    torch.testing.assert_close(model.latent_std.flatten(), z.std((0, 2, 3), correction=0), rtol=1e-4, atol=1e-6)
    assert model.statistics_of_images == ImageStatistics.of([large.batch(range(20)).images])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    record_statistics(model.train(), large)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    record_statistics(model.eval().bfloat16(), large)
    torch.testing.assert_close(model.latent_std.float(), before["latent_std"], rtol=0.05, atol=0.02)
    assert evaluate(model, large)["mse"] > 0
    with pytest.raises(DataError, match=r"are a list: give aezoo\.dataset"):
        record_statistics(model, [large])


def test_latents_of_each_place_are_measured_at_their_own_size():
    model = build(describe(MAP, bottleneck="identity", prior="none")).eval()
    larger = aezoo.dataset("toyfaces(count=4, size=56)", split="train", model=build(describe(MAP, image_size=56)))
    with pytest.raises(DataError, match="are measured at 28x28 alone"):
        record_latents(model, larger)
