import csv
import json
import warnings

import numpy as np
import pytest

from aezoo.recipe import Recipe
from aezoo.training import run

pytestmark = pytest.mark.filterwarnings("ignore:.*:aezoo.AezooWarning")


@pytest.fixture
def photos(tmp_path):
    path = tmp_path / "photos.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8))
    return path


@pytest.fixture
def trained(tiny, tmp_path):
    """The folder of a run on data of this name."""
    from aezoo.composition import describe

    def train(dataset):
        recipe = Recipe(dataset=str(dataset), validation=0.2, steps=2, batch_size=4, loss="l2")
        run.start(run.Job(spec=describe(tiny), recipe=recipe, figures=False), tmp_path / "run")
        return tmp_path / "run"

    return train


def test_on_its_own_data_it_gives_the_metrics_again(aezoo, trained):
    folder = trained("toyfaces(count=40)")
    result = aezoo("eval", folder, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == json.loads((folder / "metrics.json").read_text())


def test_a_path_in_a_config_is_not_opened_unasked(aezoo, trained, photos):
    folder = trained(photos)
    result = aezoo("eval", folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "to confirm" in result.stderr


def test_its_own_data_said_again_keeps_the_validation_part(aezoo, trained, photos):
    folder = trained(photos)
    result = aezoo("eval", folder, "--data", photos, "--json")
    assert json.loads(result.stdout) == json.loads((folder / "metrics.json").read_text())


def test_other_data_has_no_validation_part(aezoo, trained):
    folder = trained("toyfaces(count=40)")
    measured = json.loads(aezoo("eval", folder, "--data", "toyfaces(count=20)", "--json").stdout)
    assert set(measured) == {"train", "test", "mean-image", "protocol"}


def test_numbers_stand_under_their_unit_and_better_end(aezoo, trained):
    table = aezoo("eval", trained("toyfaces(count=40)"), "--split", "test").stdout.splitlines()
    assert table[0].split("  ")[-2:] == ["MSE ↓", "PSNR (dB) ↑"]


def test_a_metric_of_a_folder_that_reaches_outside_is_measured_once_it_is_said_again(aezoo, trained, site):
    path = 'Option(name="path", type="str", default="", external=True)'
    site.install("far", f'MetricSpec(name="far", summary="", implementation="far_parts:far", options=(aezoo.{path},))')
    (site.path / "far_parts.py").write_text("def far(measured, *, path):\n    return measured.images[:, 0, 0, 0]\n")
    folder = trained("toyfaces(count=40)")
    config = json.loads((folder / "config.json").read_text())
    config["training"]["recipe"]["metrics"] = ["far(path='x')"]
    (folder / "config.json").write_text(json.dumps(config))
    assert "say --metric to confirm it" in aezoo("eval", folder).stderr
    assert "far(path='x')" in aezoo("eval", folder, "--metric", "far(path='x')", "--json").stdout


def test_other_images_at_a_path_are_measured_as_they_are(aezoo, trained, photos):
    folder = trained("toyfaces(count=40)")
    measured = json.loads(aezoo("eval", folder, "--data", photos, "--json").stdout)
    assert measured["protocol"]["images"] == {"all": 40}
    assert set(measured["all"]) == set(json.loads((folder / "metrics.json").read_text())["test"]) | {"bce_excess"}
    assert measured["mean-image"]["all"]["mse"] > 0


def test_a_part_of_other_images_can_be_asked_for(aezoo, trained, photos):
    measured = json.loads(aezoo("eval", trained(photos), "--data", photos, "--split", "all", "--json").stdout)
    assert measured["protocol"]["images"] == {"all": 40}
    part = aezoo("eval", "cis680-ae.toyfaces", "--data", photos, "--split", "test", "--json")
    assert set(json.loads(part.stdout)["protocol"]["images"]) == {"test"}, part.stderr


def test_several_models_stand_in_one_table(aezoo):
    names = ("cis680-ae.toyfaces", "cis680-vae16.toyfaces")
    found = aezoo("eval", *names, "--data", "toyfaces(count=8, test_count=6)", "--split", "test", "--json")
    measured = json.loads(found.stdout)
    assert [*measured] == [*names]
    assert [{*each} - {"test", "mean-image", "protocol"} for each in measured.values()] == [
        {"pca-7"}
    ] * 2  # of 8 training images
    alone = aezoo("eval", names[0], "--data", "toyfaces(count=8, test_count=8)", "--split", "test", "--pca")
    assert [line.split()[0] for line in alone.stdout.splitlines()] == [
        "MODEL",
        names[0],
        "mean-image",
        "pca-7",
        "toyfaces(count=8,",
    ]


def test_beside_images_measured_whole_there_are_no_components(aezoo, photos):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        found = aezoo("eval", "cis680-ae.toyfaces", "cis680-vae16.toyfaces", "--data", photos)
    assert "pca" not in found.stdout.lower()
    assert found.stderr.count("no principal components beside") == 1, found.stderr


def test_baselines_of_the_same_images_are_measured_once(aezoo, monkeypatch):
    from aezoo.metrics.baseline import MeanImage

    fitted, fit = [], MeanImage.fit
    monkeypatch.setattr(MeanImage, "fit", lambda images: fitted.append(1) or fit(images))
    asked = ("--data", "toyfaces(count=8, test_count=8)", "--split", "test")
    found = aezoo("eval", "cis680-ae.toyfaces", "cis680-vae16.toyfaces", "kl-f8-tiny.toyfaces", *asked)
    assert (found.exit_code, len(fitted)) == (0, 2), found.stderr  # in grey, and in colour
    labels = [line.partition("  ")[0] for line in found.stdout.splitlines()]
    assert [label for label in labels if "mean" in label] == ["mean-image, 64x64x1", "mean-image, 64x64x3"]


def test_every_image_is_a_row_of_the_scores(aezoo, trained, tmp_path):
    folder = trained("toyfaces(count=40, test_count=30)")
    found = aezoo("eval", folder, "--scores", tmp_path / "scores.csv", "--json")
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [row["split"] for row in rows] == ["train"] * 32 + ["validation"] * 8 + ["test"] * 30
    assert sorted(int(row["index"]) for row in rows if row["split"] != "test") == [*range(40)]
    mse = [float(row["mse"]) for row in rows if row["split"] == "test"]
    assert sum(mse) / len(mse) == pytest.approx(json.loads(found.stdout)["test"]["mse"], rel=1e-9)


def test_a_check_passes_until_a_layer_is_another(aezoo, trained):
    """The card's numbers stay; the weights are scaled, and the config is given their new hash."""
    from aezoo.weights.folder import read_state, sha256, write_state

    folder = trained("toyfaces(count=40, test_count=30)")
    passed = aezoo("eval", folder, "--check")
    assert (passed.exit_code, "as on its card" in passed.stderr) == (0, True)
    state, config = folder / "model.safetensors", json.loads((folder / "config.json").read_text())
    tensors = read_state(state)
    name = next(name for name, tensor in tensors.items() if tensor.ndim > 1)
    write_state(state, tensors | {name: 1.05 * tensors[name]}, model="tiny")
    (folder / "config.json").write_text(json.dumps({**config, "sha256": sha256(state)}))
    failed = aezoo("eval", folder, "--check", "--json")
    assert failed.exit_code == 1
    assert "off by" in failed.stderr
    found = json.loads(failed.stdout)["check"]
    assert not found["passes"]
    assert any(each["share"] > 1e-4 and not each["passes"] for each in found["numbers"])


def test_a_check_of_what_was_never_measured_is_refused(aezoo, tmp_path):
    import aezoo as library

    library.create("cis680-vae16.toyfaces", pretrained=True).save_pretrained(tmp_path / "saved")
    found = aezoo("eval", tmp_path / "saved", "--data", "toyfaces(count=20, test_count=8)", "--check")
    assert found.exit_code == 2
    assert "has no numbers to check" in found.stderr


def test_a_metric_that_was_asked_for_and_fails_is_an_error(aezoo, trained):
    found = aezoo("eval", trained("toyfaces(count=40, test_count=30)"), "--metric", "ms-ssim", "--split", "test")
    assert found.exit_code == 2
    assert "--metric ms-ssim could not be measured, as the warning says" in found.stderr


@pytest.mark.parametrize("shapes", [{"z": (1,)}, {"z": (4, 7), "images": (4, 1, 8, 8)}])
def test_a_check_needs_the_answers_of_this_model(aezoo, trained, shapes):
    import torch

    from aezoo.weights.folder import write_state

    folder = trained("toyfaces(count=40, test_count=30)")
    write_state(folder / "golden.safetensors", {name: torch.zeros(shape) for name, shape in shapes.items()})
    found = aezoo("eval", folder, "--check")
    assert found.exit_code == 2, found.stderr
    assert "golden.safetensors" in found.stderr


def test_a_card_of_other_images_is_not_compared(aezoo, trained):
    found = aezoo("eval", trained("toyfaces(count=40)"), "--data", "toyfaces(count=20)", "--check")
    assert found.exit_code == 2
    assert "its card's numbers are not of these images (train)" in found.stderr


def test_another_harness_measures_the_same_model_otherwise(aezoo):
    asked = ("eval", "cis680-vae16.toyfaces", "--data", "toyfaces(count=8, test_count=8)", "--split", "test", "--as")
    found = {name: json.loads(aezoo(*asked, name, "--json").stdout) for name in ("lightningdit", "rae")}
    assert found["lightningdit"]["protocol"]["metrics"]["psnr[lightningdit]"] == "lightningdit/psnr@1"
    assert found["lightningdit"]["test"]["psnr[lightningdit]"] < found["rae"]["test"]["psnr[rae]"]  # a sample, the mean
    assert "z a posterior's sample" in aezoo(*asked, "lightningdit").stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "there are lightningdit, rae, 1d-tokenizer, skimage"),
        (("--check",), "numbers are aezoo's own"),
        (("--metric", "mae"), "--metric mae: --as rea measures what that harness does"),
    ],
)
def test_an_impossible_convention_is_said(aezoo, more, said):
    found = aezoo("eval", "cis680-vae16.toyfaces", "--as", "rea", *more)
    assert (found.exit_code, said in found.stderr) == (2, True)


def test_a_run_without_a_checkpoint_says_how_it_goes_on(aezoo, tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training/run.json").write_text("{}")
    for command in ("eval", "info"):
        result = aezoo(command, tmp_path)
        assert f"is a run without a checkpoint yet: aezoo train --resume {tmp_path} goes on" in result.stderr


def test_a_check_sees_an_answer_that_is_turned(aezoo, trained):
    from aezoo.weights.folder import read_state, write_state

    folder = trained("toyfaces(count=40, test_count=30)")
    known = read_state(folder / "golden.safetensors")
    write_state(folder / "golden.safetensors", known | {"z": -known["z"]}, model="tiny")
    assert aezoo("eval", folder, "--check").exit_code == 1


def test_binarize_is_measured(aezoo, trained):
    folder = trained("toyfaces(count=40)")
    more = ((), ("--binarize", "threshold"))
    grey, binary = (json.loads(aezoo("eval", folder, *flags, "--json").stdout)["test"]["mse"] for flags in more)
    assert grey != binary


def test_a_card_is_of_the_samples_of_seed_0(aezoo):
    answer = aezoo("eval", "cis680-vae16.toyfaces", "--check", "--seed", "1")
    assert answer.exit_code == 2
    assert "--check compares with the card, whose samples are of seed 0, not 1" in answer.stderr
