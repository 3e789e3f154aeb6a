import dataclasses
import itertools
import statistics

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.benchmark import scoring, table
from aezoo.benchmark.pictures import read_pictures
from aezoo.benchmark.results import drifts
from aezoo.benchmark.scoring import (
    reconstruct,
    score,
    score_again,
    score_baselines,
    score_model,
    score_pictures,
)
from aezoo.errors import DataError, OptionError, UnknownNameError
from aezoo.factory import create
from aezoo.metrics.baseline import MeanImage


@pytest.fixture
def pictures(images, tmp_path):
    """A folder of the images themselves."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, pixels in enumerate(images.pixels):
        Image.fromarray(pixels[0].numpy()).save(folder / f"{place:03}.png")
    return folder


def test_the_images_themselves_have_a_skill_of_1(task, images, pictures):
    found = score_pictures(task, images, pictures, "theirs", floats=3)
    (mean_image,) = score_baselines(task, images, task.load("train"), ["mean-image"])
    row = table.rows(task, [found, mean_image])[1]
    assert (row.skill.estimate, row.skill.low, row.psnr) == (1, 1, 100)
    assert row.ssim == pytest.approx(1)
    assert (found.floats, len(found.weights), found.trained_on) == (3, 64, "")


def test_a_folder_and_an_array_are_read_alike(images, pictures, tmp_path):
    np.save(tmp_path / "all.npy", images.pixels.numpy())
    for path in (pictures, tmp_path / "all.npy"):
        assert torch.equal(read_pictures(path, images), images.pixels)


def test_pictures_of_images_with_names_are_found_by_them(images, pictures):
    images.names = tuple(f"people/{11 - place}.jpg" for place in range(12))
    assert torch.equal(read_pictures(pictures, images), images.pixels.flip(0))


def test_a_model_and_its_pictures_score_the_same(task, images, tmp_path):
    training = task.load("train")
    (wanted,) = score_baselines(task, images, training, ["mean-image"])
    np.save(tmp_path / "x.npy", reconstruct(MeanImage.fit(training), images).numpy())
    found = score_pictures(task, images, tmp_path / "x.npy", "x")
    assert (found.mse, found.ssim, found.metrics) == (wanted.mse, wanted.ssim, wanted.metrics)
    again = torch.from_numpy(np.load(tmp_path / "x.npy")) / 255
    mse = (again - images.pixels / 255).double().square().flatten(1).mean(1)
    assert found.mse == pytest.approx(mse.tolist(), rel=1e-4)


def test_what_a_model_gives_is_rounded_to_256_levels(task, images):
    training = task.load("train")
    levels = 255 * (training.pixels.double().div(255).sum(0) + 1) / (len(training) + 2)
    made = reconstruct(MeanImage.fit(training), images)
    assert made.dtype == torch.uint8
    torch.testing.assert_close(made[0].double(), levels, rtol=0, atol=0.5001)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: [(folder / f"00{n}.png").unlink() for n in (3, 4)], r"no picture of image 3 and 1 more of 12"),
        (lambda folder: Image.new("L", (8, 8)).save(folder / "003.png"), r"shape \(1, 8, 8\); the images are \(1, 28"),
        (lambda folder: Image.new("RGB", (28, 28)).save(folder / "003.png"), r"shape \(3, 28, 28\)"),
        (lambda folder: (folder / "003.png").write_text("no"), r"cannot read .*003\.png: it is no image"),
    ],
)
def test_a_bad_folder_is_answered_in_a_line(images, pictures, spoil, said):
    spoil(pictures)
    with pytest.raises(DataError, match=said) as error:
        read_pictures(pictures, images)
    assert "\n" not in str(error.value)


def test_two_pictures_of_one_image_are_refused(images, pictures):
    (pictures / "later").mkdir()
    Image.new("L", (28, 28)).save(pictures / "later" / "3.png")
    with pytest.raises(DataError, match=r"two pictures of one image: \S*003\.png and later/3\.png"):
        read_pictures(pictures, images)


def test_an_array_of_another_length_is_refused(images, tmp_path):
    np.save(tmp_path / "few.npy", images.pixels[:5].numpy())
    with pytest.raises(DataError, match="has 5 pictures; there are 12 images"):
        read_pictures(tmp_path / "few.npy", images)


def test_a_model_stands_beside_its_baselines_and_scores_the_same_again(task, folder):
    found = list(score(task, [str(folder), "pca-2"]))
    assert [each.name for each in found] == [str(folder), "pca-2", "mean-image", "pca-4"]
    mine, two, blind, four = found
    assert (mine.error, mine.floats, mine.bits) == ("", 4, 0)
    assert mine.ms > 0
    assert len(mine.weights) == 64
    assert np.mean(four.mse) < np.mean(two.mse) < np.mean(blind.mse)
    assert blind == next(score_baselines(task, task.load("test"), task.load("train"), ["mean-image"]))
    assert list(score(task, [], found)) == []
    old = [dataclasses.replace(each, metrics=("aezoo/mse@0",)) for each in found]
    assert [each.name for each in score(task, [str(folder)], old)] == [str(folder), "mean-image", "pca-4", "pca-2"]
    with pytest.raises(OptionError, match=r"is of no package that is installed: --name .* confirms it"):
        score_again(mine)
    for each in found:
        assert set(drifts(each, score_again(each, model=f"{folder}/")).values()) == {0.0}
    assert score_model(task, task.load("test"), f"{folder}/").name == str(folder)


def test_a_model_that_fails_has_its_error_for_a_result(task, images, folder, monkeypatch):
    colour = score_model(task, images, "vae128-tiny.toyfaces")
    assert (colour.name, colour.mse) == ("vae128-tiny.toyfaces", ())
    assert colour.error == "images of 28x28; vae128-tiny takes 64x64"

    def broken(name, **how):
        model = create(name, **how)
        torch.nn.init.constant_(next(model.decoder.parameters()), torch.nan)
        return model

    monkeypatch.setattr("aezoo.benchmark.scoring.create", broken)
    assert score_model(task, images, str(folder)).error == "it gives values that are no numbers"


def test_what_is_no_model_or_baseline_is_refused_before_anything_is_scored(task, images):
    with pytest.raises(UnknownNameError, match="nobody"):
        next(score(task, ["mean-image", "nobody"]))
    with pytest.raises(OptionError, match="no baseline 'median': there are mean-image and pca-N"):
        next(score_baselines(task, images, images, ["median"]))


@pytest.mark.parametrize("name", ["mean-image", "pca-3", "kl-f8-tiny.toyfaces"])
def test_pictures_take_no_other_row_s_name(task, images, pictures, name):
    with pytest.raises(OptionError, match="that is another row's"):
        score_pictures(task, images, pictures, name)


def test_pictures_are_scored_again_where_they_are_said(task, images, pictures):
    then = dataclasses.replace(score_pictures(task, images, pictures, "theirs"), mse=(0.5,) * 12)
    with pytest.raises(OptionError, match="say where they are with --reconstructions"):
        score_again(then)
    assert drifts(then, score_again(then, pictures=pictures))["mse"] == 1.0


def test_metrics_of_all_images_stand_there_where_a_package_brings_them(task, images, pictures, site):
    spec = 'name="fd", summary="Of all", implementation="far_parts:Far", takes=("images", "reconstruction")'
    site.install("aezoo-far", f'MetricSpec({spec}, options=(aezoo.Option(name="times", type="int"),))')
    (site.path / "far_parts.py").write_text(
        "class Far:\n"
        "    def __init__(self, times): self.n, self.times = 0, times\n"
        "    def reset(self): self.n = 0\n"
        "    def update(self, images, reconstruction): self.n += len(images)\n"
        "    def compute(self): return self.times * self.n\n"
    )
    asked = dataclasses.replace(task, of_sets=("aezoo-far/fd(times=2)@2", "aezoo-nowhere/factor_retention@1"))
    with pytest.raises(DataError, match=r"is scored by aezoo-far/fd\(times=2\)@2, and here there is .*@1$"):
        score_pictures(asked, images, pictures, "theirs")
    with pytest.raises(DataError, match="and here there is"):  # before a model is asked, whose result would be an error
        next(score(asked, ["cis680-vae16.toyfaces"]))
    asked = dataclasses.replace(task, of_sets=("aezoo-far/fd(times=2)@1", "aezoo-nowhere/factor_retention@1"))
    found = score_pictures(asked, images, pictures, "theirs")
    assert (found.fd, found.factor_retention) == (24.0, None)
    assert any(each.startswith("aezoo-far/fd(times=2)@") for each in found.metrics)


def test_the_first_pass_warms_up(task, images, monkeypatch):
    passes = range(1, 1 + scoring.REPEATS)
    marks = itertools.accumulate(mark for own in (99.0, *passes) for mark in (0.0, own, 2 * own))
    monkeypatch.setattr(scoring.time, "thread_time", lambda: next(marks))
    found = scoring._times(task, images, MeanImage.fit(images))
    expected = 1000 * statistics.median(passes) / scoring.TIMED
    assert (found["ms"], found["reference_ms"]) == pytest.approx((expected, 2 * expected), rel=1e-3)
