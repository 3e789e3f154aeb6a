import dataclasses

import numpy as np
import pytest

from aezoo.cli.train import command
from aezoo.recipe import Recipe
from aezoo.training import run

NO_FLAG = {"cost", "reaches"}
QUICK = ("--steps", "2", "--batch-size", "4", "--evaluate-every", "2", "--precision", "float32")
pytestmark = pytest.mark.filterwarnings("ignore:.*:aezoo.AezooWarning")


@pytest.fixture
def asked(aezoo, monkeypatch):
    """The job that a call comes to, and which fields of a recipe from a file the caller said."""

    heard = []

    def stop(job, folder, watcher, *, said, overwrite):
        heard.append((job, said))
        raise SystemExit

    def ask(*arguments):
        aezoo("train", *arguments)
        return heard.pop()

    monkeypatch.setattr(run, "start", stop)
    return ask


@pytest.fixture
def photos(tmp_path):
    path = tmp_path / "photos.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (30, 8, 8), np.uint8))
    return path


def test_every_field_of_a_recipe_has_a_flag():
    named = {parameter.name: parameter for parameter in command.params}
    fields = {field.name: field for field in dataclasses.fields(Recipe) if field.name not in NO_FLAG}
    assert {"data" if name == "dataset" else name for name in fields} <= set(named)
    unsaid = command.make_context("train", ["a-model"]).params
    for name, field in fields.items():
        if name != "dataset":
            assert named[name].help.startswith(field.metadata["help"]), name
            assert unsaid[name] in (None, ()), name


def test_flags_have_the_types_of_the_fields(asked):
    job, _ = asked(
        "cis680-vae16", "--betas", "0.9", "0.99", "--metric", "a", "--metric", "b(n=3)", "--no-mirror",
        "--schedule", "multistep", "--decay-milestone", "0.4", "--decay-milestone", "0.7", "--warmup", "3", "--lr", "1",
        "--loss", "l2",
    )  # fmt: skip
    recipe = job.recipe
    assert (recipe.betas, recipe.metrics, recipe.mirror) == ((0.9, 0.99), ("a", "b(n=3)"), False)
    assert (recipe.schedule, recipe.warmup, recipe.lr, recipe.loss) == ("multistep", 3, 1.0, "l2")
    assert recipe.decay_milestones == (0.4, 0.7)


def test_what_is_not_said_is_the_tag_s(asked):
    import aezoo

    tag = aezoo.plugins.registry().find("model", "cis680-vae16").spec.tag("cufs")
    assert asked("cis680-vae16")[0].recipe == tag.recipe
    assert asked("cis680-vae16", "--data", tag.recipe.dataset)[0].recipe == tag.recipe, "nothing new was said"
    changed = asked("cis680-vae16", "--seed", "7")[0].recipe
    assert changed == dataclasses.replace(tag.recipe, seed=7, cost="", reaches="")


def test_a_value_that_no_recipe_has_is_an_error(aezoo):
    assert "recipe: steps=0 is not >= 1" in aezoo("train", "cis680-vae16", "--steps", "0").stderr
    assert "'cubic' is not one of" in aezoo("train", "cis680-vae16", "--schedule", "cubic").stderr


def test_prior_and_likelihood_are_parts(asked):
    job, _ = asked("cis680-vae16", "--prior", "none", "--likelihood", "none", "--data", "toyfaces", "--loss", "l2")
    assert (job.spec.prior.name, job.spec.likelihood.name) == ("aezoo/none", "aezoo/none")


@pytest.mark.parametrize(
    ("extra", "named"),
    [(("cis680-ae",), "cis680-ae"), (("--lr", "3"), "--lr"), (("--threads", "1"), "--threads")],
)
def test_a_run_that_goes_on_takes_nothing_else(aezoo, tmp_path, extra, named):
    result = aezoo("train", "--resume", tmp_path, *extra)
    assert result.exit_code == 2
    assert f"not with {named}: only --data, --root, --loss, --metric and --from" in result.stderr


def test_the_data_of_a_tag_is_the_caller_s_and_that_of_a_folder_its_own(asked, folder):
    assert asked("cis680-vae16")[1] is None
    assert asked(folder)[1] == set()
    assert asked(folder, "--data", "toyfaces", "--steps", "3")[1] == {"dataset", "steps"}


def test_a_path_that_a_folder_names_has_to_be_confirmed(aezoo, folder, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = aezoo("train", folder, "--data", photos, *QUICK, "--out", "first")
    assert first.exit_code == 0, first.stderr
    assert (tmp_path / "first" / "figures" / "loss.png").exists()
    assert "first/figures/reconstructions.png" in first.stdout
    again = aezoo("train", "first", "--out", "again")
    assert (again.exit_code, "to confirm" in again.stderr) == (2, True)
    assert not (tmp_path / "again").exists()
    assert aezoo("train", "first", "--data", photos, "--out", "again").exit_code == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "again")]
    assert weights[0] == weights[1]


def test_a_run_on_a_path_goes_on_once_it_is_confirmed(aezoo, folder, photos, tmp_path):
    out = tmp_path / "run"
    assert aezoo("train", folder, "--data", photos, *QUICK, "--out", out).exit_code == 0
    for options, said in (((), "to confirm"), (("--data", "toyfaces"), f"{photos}, not toyfaces")):
        result = aezoo("train", "--resume", out, *options)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert aezoo("train", "--resume", out, "--data", photos).exit_code == 0


def test_how_long_is_said_once(aezoo, tmp_path):
    result = aezoo("train", "cis680-vae16", "--steps", "3", "--minutes", "2")
    assert "--steps and --minutes each say how long the run is: give one" in result.stderr
    result = aezoo("train", "--finish", tmp_path, "--steps", "3")
    assert "goes on with the settings that it began with, not with --steps" in result.stderr
    assert "holds no run" in aezoo("train", "--resume", tmp_path, "--steps", "3").stderr


def test_a_run_is_ended_by_name_and_info_says_that_it_was(aezoo, folder, photos, tmp_path, monkeypatch):
    from aezoo.training.steps import Training

    monkeypatch.setattr(Training, "agree", lambda training, _: training.progress.done == 3)
    out = tmp_path / "run"
    begun = aezoo("train", folder, "--data", photos, *QUICK[2:], "--steps", "9", "--schedule", "cosine", "--out", out)
    assert "stopped at step 3 of 9" in begun.stderr
    assert begun.exit_code == 130
    assert "unfinished: step 3 of 9" in aezoo("info", out).stdout
    assert aezoo("train", "--finish", out, "--data", photos).exit_code == 0
    assert "ended early: step 3 of 9" in aezoo("info", out).stdout


def test_images_of_one_s_own_take_what_belongs_to_the_model_and_it_is_said(asked, aezoo, photos):
    job, _ = asked("cis680-vae512", "--data", photos, "--validation", "0.1")
    assert (job.recipe.schedule, job.recipe.mirror, job.recipe.validation) == ("cosine", False, 0.1)
    assert job.from_images
    said = " ".join(aezoo("train", "cis680-vae512", "--data", photos, "--validation", "0.1").stderr.split())
    assert "of the recipe of cis680-vae512.celeba stays: schedule cosine, warmup 100, ema 0.999" in said
    assert "for its own images: mirror True, steps 35000, evaluate_every 1000, keep best" in said
    assert not asked("cis680-vae512", "--data", photos, "--steps", "9")[0].from_images
    assert asked("cis680-vae512", "--data", photos, "--minutes", "2")[0].minutes == 2
    assert not asked("cis680-vae512", "--channels", "3")[0].from_images


def test_what_cannot_be_read_is_listed_in_the_run(aezoo, folder, tmp_path):
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        Image.new("L", (8, 8), 20 * number).save(photos / f"{number}.png")
    (photos / "13.png").write_text("no image")
    (photos / "clip.mov").write_text("no image")
    result = aezoo("train", folder, "--data", photos, *QUICK, "--out", tmp_path / "run")
    listed = (tmp_path / "run" / "skipped.txt").read_text().splitlines()
    assert [line.partition(": ")[0] for line in listed] == [str(photos / "13.png"), str(photos / "clip.mov")]
    assert f"skipped   {tmp_path / 'run' / 'skipped.txt'}" in result.stdout


def test_json_is_all_that_stdout_gets(aezoo, folder, photos, tmp_path):
    import json

    out = tmp_path / "run"
    first = json.loads(aezoo("train", folder, "--data", photos, *QUICK, "--out", out, "--json").stdout)
    assert (first["model"], first["folder"], first["step"]) == ("tiny", str(out), 2)
    assert first["metrics"] == json.loads((out / "metrics.json").read_text())
    assert json.loads(aezoo("train", "--resume", out, "--data", photos, "--json").stdout) == first


@pytest.mark.parametrize("flag", ["--out", "--resume", "--finish"])
def test_an_empty_text_is_no_folder(aezoo, flag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = aezoo("train", *(["cis680-ae", "--data", "toyfaces"] if flag == "--out" else []), flag, "")
    assert result.exit_code == 2
    assert "an empty text names no folder" in result.stderr
    assert not [*tmp_path.iterdir()]


def test_what_is_said_of_how_it_is_trained_arrives(asked, folder):
    said = ("--checkpoint-every", "7", "--track", "tensorboard", "--device", "cpu", "--binarize", "static")
    job = asked("cis680-vae16", "--from", folder, "--data", "toyfaces", *said)[0]
    assert (job.begin_with, job.checkpoint_every, job.trackers, job.device) == (str(folder), 7, ("tensorboard",), "cpu")
    assert job.recipe.binarize == "static"


def test_a_second_run_does_not_overwrite_the_first(aezoo, tmp_path):
    parts = ("--encoder", "mlp(hidden=(8,))", "--decoder", "mlp(hidden=(8,))", "--image-size", "28")
    data = ("--data", "toyfaces(count=40, size=28)", "--steps", "1", "--batch-size", "4", "--out", tmp_path / "run")
    weights = tmp_path / "run/model.safetensors"
    assert aezoo("train", "cis680-vae16", *parts, *data).exit_code == 0
    before = weights.read_bytes()
    again = aezoo("train", "cis680-vae16", *parts, *data, "--seed", "1")
    assert (again.exit_code, "holds a run already" in again.stderr) == (2, True)
    assert weights.read_bytes() == before
    assert aezoo("train", "cis680-vae16", *parts, *data, "--seed", "1", "--overwrite").exit_code == 0
    assert weights.read_bytes() != before
