import dataclasses
import json
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

import aezoo
from aezoo.composition import recipe_of, resolve
from aezoo.errors import AezooError, AezooWarning, CompositionError, OptionError, TrainingError, WeightsError
from aezoo.factory import build
from aezoo.files import write_json
from aezoo.plain import to_json
from aezoo.training import claim, run
from aezoo.training.data import load_splits
from aezoo.training.kept import read_run
from aezoo.weights.folder import begun_with, read_config, read_metadata

pytestmark = pytest.mark.filterwarnings("ignore:step .*collapsed:aezoo.AezooWarning")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that went to its end, and its result."""
    from .conftest import TOY, small

    folder = tmp_path_factory.mktemp("runs") / "one"
    return folder, run.start(run.Job(spec=small(), recipe=TOY), folder)


def test_a_run_leaves_a_model_folder(finished):
    folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "config.json",
        "model.safetensors",
        "golden.safetensors",
        "metrics.json",
        "metrics.jsonl",
        "README.md",
    }
    model = aezoo.create(f"local-dir:{folder}", pretrained=True)
    assert not model.training
    z = model.encode(load_splits(recipe_of(model.source), model.image).train.batch(range(40))).z
    torch.testing.assert_close(model.latent_std, z.std(0, correction=0), rtol=1e-4, atol=1e-6)


def test_the_folder_records_what_its_bytes_depend_on(finished):
    folder, _ = finished
    training = read_config(folder)[1]["training"]
    assert training["step"] == 20
    assert set(training["data"]) == {"train", "test"}
    assert {"torch", "numpy", "accelerate"} <= set(training["packages"])
    assert training["threads"] >= 1
    assert training["precision"] == "float32"  # a narrow model on a processor: "auto" is no answer
    assert recipe_of(resolve(str(folder))).steps == 20
    assert read_metadata(folder / "model.safetensors") == {"model": "cis680-vae16"}


def test_metrics_are_those_of_the_stored_weights(finished):
    from aezoo.training.results import measure_all

    folder, result = finished
    stored = json.loads((folder / "metrics.json").read_text())
    recipe = recipe_of(resolve(str(folder)))
    model = aezoo.create(str(folder), pretrained=True)
    assert measure_all(model, load_splits(recipe, model.image), recipe) == stored == result.metrics
    assert set(stored["mean-image"]) == {"train", "test"}
    assert stored["protocol"]["images"] == {"train": 40, "test": 40}


def test_the_golden_answers_are_given_again(finished):
    from aezoo.weights.folder import read_state

    folder, _ = finished
    golden = read_state(folder / "golden.safetensors")
    output = aezoo.create(str(folder), pretrained=True)(golden["images"])
    assert output.latent.z.equal(golden["z"])
    assert output.reconstruction.equal(golden["reconstruction"])


def test_equal_runs_give_equal_bytes(finished, tmp_path):
    folder, _ = finished
    from .conftest import TOY, small

    run.start(run.Job(spec=small(), recipe=TOY), tmp_path / "again")
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "again" / "model.safetensors").read_bytes()


def test_a_second_run_does_not_overwrite_the_first(finished, job):
    with pytest.raises(TrainingError, match="holds a run already: continue it with --resume"):
        run.start(job(), finished[0])


def test_resume_before_the_first_checkpoint_starts_again(finished, job, tmp_path):
    class Stop(run.Watcher):
        def step(self, done, steps, values):
            raise SystemError("killed")

    with pytest.raises(SystemError):
        run.start(job(), tmp_path / "run", Stop())
    assert run.resume(tmp_path / "run").metrics == finished[1].metrics


def test_a_run_of_a_device_that_this_machine_lacks_goes_on_on_another(job, tmp_path):
    straight = run.start(job(), tmp_path / "straight")
    run.start(job(steps=10), tmp_path / "moved")
    record = tmp_path / "moved" / run.RECORD
    record.write_text(record.read_text().replace('"device": "auto"', '"device": "mps"'))
    with pytest.raises(TrainingError, match="--device mps: this machine has none that torch can use"):
        run.resume(tmp_path / "moved", steps=20)
    moved = run.resume(tmp_path / "moved", steps=20, device="cpu")
    assert moved.metrics == straight.metrics


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"optimizer": "adamx"}}, "no optimizer 'adamx'"),
        ({"recipe": {"metrics": ("sharpnes",)}}, "no metric 'sharpnes'"),
        ({"device": "mps"}, "--device mps: this machine has none"),
    ],
)
def test_what_costs_nothing_to_know_is_known_before_images_are_read(job, tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(run, "load_splits", lambda *_, **__: pytest.fail("images were read"))
    asked = dataclasses.replace(job(**change.get("recipe", {})), device=change.get("device", "auto"))
    with pytest.raises(AezooError, match=message):
        run.start(asked, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_of_nothing_or_of_a_damaged_record(tmp_path):
    with pytest.raises(TrainingError, match="holds no run to resume"):
        run.resume(str(tmp_path))
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "run.json").write_text('{"job": 3}')
    with pytest.raises(TrainingError, match="damaged"):
        run.resume(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: [],
        lambda record: {"job": record["job"]},
        lambda record: record | {"data": None},
        lambda record: record | {"job": record["job"] | {"checkpoint_every": 0}},
        lambda record: record | {"job": record["job"] | {"threads": -1}},
    ],
)
def test_a_record_of_another_form_is_damaged(job, tmp_path, change):
    write_json(tmp_path / "training" / "run.json", change({"job": to_json(job()), "data": {}}))
    with pytest.raises(TrainingError, match=r"run.json is damaged"):
        run.resume(tmp_path)


def test_resume_with_other_data_is_refused(job, tmp_path, monkeypatch):
    path = tmp_path / "faces.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8))
    run.start(job(dataset=str(path), steps=2), tmp_path / "run")
    np.save(path, np.random.default_rng(1).integers(0, 255, (30, 28, 28), np.uint8))
    with pytest.raises(TrainingError, match="are not those that this run began with"):
        run.resume(tmp_path / "run", data=str(path))


def test_resume_with_other_labels_is_refused(job, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8)
    np.savez(tmp_path / "faces.npz", images=pixels, labels=np.arange(30) % 3)
    run.start(job(dataset=str(tmp_path / "faces.npz"), steps=2), tmp_path / "run")
    run.resume(tmp_path / "run", data=str(tmp_path / "faces.npz"), steps=3)
    np.savez(tmp_path / "faces.npz", images=pixels, labels=np.arange(30) % 2)
    with pytest.raises(TrainingError, match=r"the train labels of .* are not those that this run began with"):
        run.resume(tmp_path / "run", data=str(tmp_path / "faces.npz"), steps=4)


def test_data_that_was_moved_is_known_by_its_images(job, tmp_path, monkeypatch):
    path, moved = tmp_path / "faces.npy", tmp_path / "elsewhere" / "faces.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8))
    run.start(job(dataset=str(path), steps=2), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert run.resume("run", data="./faces.npy", steps=3).step == 3
    moved.parent.mkdir()
    path.rename(moved)
    assert run.resume("run", data=str(moved), steps=4).step == 4
    assert recipe_of(resolve(str(tmp_path / "run"))).dataset == str(moved)


def test_a_run_is_not_written_among_its_images(job, tmp_path):
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")
    for folder in (tmp_path, tmp_path / "new" / "run"):
        with pytest.raises(TrainingError, match="lies in the folder of the images"):
            run.start(job(dataset=str(tmp_path)), folder)
    assert not list(tmp_path.glob("*.json"))


class Stop(run.Watcher):
    """Asks a run to end, as a person does."""

    def step(self, done, steps, values):
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_stopped_it_says_how_to_go_on_and_does(job, tmp_path):
    path = tmp_path / "my faces.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8))
    with pytest.raises(TrainingError) as stopped:
        run.start(job(dataset=str(path), steps=4), tmp_path / "my run", Stop())
    assert f"--resume '{tmp_path}/my run' --data '{path}'\n" in str(stopped.value)
    with pytest.raises(AezooError, match="to confirm"):
        run.resume(tmp_path / "my run")
    with pytest.raises(TrainingError, match=r"my faces\.npy, not toyfaces"):
        run.resume(tmp_path / "my run", data="toyfaces")
    assert run.resume(tmp_path / "my run", data=str(path)).step == 4


def test_where_the_data_lies_is_the_caller_s_to_say(job, tmp_path, monkeypatch):
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    for split in ("train", "test"):
        (tmp_path / "cufs/photos" / split).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).integers(0, 255, (28, 28), np.uint8)
            Image.fromarray(noise).save(tmp_path / "cufs/photos" / split / f"{number}.jpg")
    begun = dataclasses.replace(job(dataset="cufs(view='photos')", steps=4), root=str(tmp_path))
    with pytest.raises(TrainingError, match=f"--resume {tmp_path / 'run'} --root {tmp_path}\n"):
        run.start(begun, tmp_path / "run", Stop())
    with pytest.raises(AezooError, match="AEZOO_DATA is not set"):
        run.resume(tmp_path / "run")
    assert run.resume(tmp_path / "run", root=str(tmp_path)).step == 4


def test_a_record_may_not_ask_for_a_download(job, tmp_path, monkeypatch):
    spec = job({"encoder": "timm:resnet10t(pretrained=True)"}).spec
    record = {"job": to_json(dataclasses.replace(job(), spec=spec)), "data": {}}
    write_json(tmp_path / "run" / run.RECORD, record)
    with pytest.raises(TrainingError, match=r"no file may ask for encoder .*pretrained=True.*: begin it again"):
        run.resume(tmp_path / "run")


def test_a_path_that_a_file_names_is_not_opened(job, tmp_path):
    np.save(tmp_path / "faces.npy", np.zeros((30, 28, 28), np.uint8))
    asked = job(dataset=str(tmp_path / "faces.npy"))
    with pytest.raises(AezooError, match="to confirm"):
        run.start(asked, tmp_path / "run", said=["steps"])


LOOKS = """LossSpec(name="looks", summary="At a file", implementation="looks_parts:looks",
    options=(aezoo.Option(name="path", type="str", default="", external=True),))"""


def test_a_term_that_reaches_outside_has_to_be_confirmed(site, job, tmp_path):
    site.install("looks", LOOKS)
    (site.path / "looks_parts.py").write_text(
        "def looks(output, images, context, *, path=''):\n    return images.sum((1, 2, 3))\n"
    )
    loss = "bce + looks(path='/etc/passwd')"
    with pytest.raises(AezooError, match=r"a file asks for loss looks.* say --loss to confirm it"):
        run.start(job(loss=loss), tmp_path / "other", said=["dataset"])
    again = r"stopped at step 2 .*--resume \S+ --loss 'bce \+ looks\(path="
    with pytest.raises(TrainingError, match=again):
        run.start(job(loss=loss, steps=4), tmp_path / "run", Stop())
    with pytest.raises(AezooError, match="say --loss to confirm it"):
        run.resume(tmp_path / "run")
    with pytest.raises(TrainingError, match="was begun with the loss bce"):
        run.resume(tmp_path / "run", loss="bce")
    assert run.resume(tmp_path / "run", loss=loss).step == 4


def test_from_starts_at_the_weights_of_another(finished, job, tmp_path):
    folder, first = finished
    begun = dataclasses.replace(job(lr=1e-12, steps=1), begin_with=str(folder))
    after = run.start(begun, tmp_path / "run").metrics["test"]["bce"]
    assert after == pytest.approx(first.metrics["test"]["bce"], rel=1e-4)
    source = f"cis680-vae16 (sha256 {first.model.source.sha256[:12]}...)"
    assert begun_with(tmp_path / "run") == source
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"It began with the weights {source}, whose terms" in card
    assert "license: other\nlicense_name: inherited\n" in card
    assert "may be used" not in card
    run.resume(tmp_path / "run", steps=2)  # from a checkpoint, which names no weights
    again = dataclasses.replace(job(steps=1), begin_with=str(tmp_path / "run"))
    run.start(again, tmp_path / "third")
    assert begun_with(tmp_path / "third").endswith(f", which began with {source}")
    assert [each["from"] for each in (read_run(tmp_path / "run").settings(), read_run(folder).settings())] == [
        source,
        "nothing",
    ]
    with pytest.warns(AezooWarning, match="run began with the weights .*: say --from"):
        aezoo.train(tmp_path / "run", steps=1, out=tmp_path / "anew")
    other = dataclasses.replace(job({"bottleneck": "gaussian(dim=3)"}), begin_with=str(folder))
    with pytest.raises(TrainingError, match="its weights do not fit"):
        run.start(other, tmp_path / "other")


def test_a_run_of_other_weights_goes_on_with_those_alone(finished, job, tmp_path):
    folder, first = finished
    begun = dataclasses.replace(job(steps=4), begin_with=str(folder))
    with pytest.raises(TrainingError, match="stopped"):
        run.start(begun, tmp_path / "run", Stop())
    record = tmp_path / "run" / run.RECORD
    record.write_text(record.read_text().replace(first.model.source.sha256[:12], 12 * "0"))
    with pytest.raises(TrainingError, match="are not those that this run began with: cis680-vae16"):
        run.resume(tmp_path / "run", begin_with=str(folder))
    for path in (tmp_path / "run" / "training").glob("step-*.pt"):
        path.write_bytes(b"damaged")
    with pytest.warns(AezooWarning, match="passed over"), pytest.raises(TrainingError, match="confirm it with --from"):
        run.resume(tmp_path / "run")


def test_a_folder_may_be_text(job, tmp_path):
    assert run.start(job(steps=1), str(tmp_path / "run")).folder == tmp_path / "run"
    assert run.resume(str(tmp_path / "run"), steps=1).step == 1


def test_weights_of_any_size_begin_at_another(job, tmp_path):
    spec, start = aezoo.describe("kl-f8-tiny", image_size=32), "kl-f8-tiny.toyfaces"
    larger = dataclasses.replace(job(dataset="toyfaces(style='colour', count=20)", lr=1e-12, steps=1), spec=spec)
    model = run.start(dataclasses.replace(larger, begin_with=start), tmp_path / "run").model
    assert model.image.size == (32, 32)
    assert model.latent_std.min() > 0
    trained = dict(aezoo.create(start, pretrained=True).named_parameters())
    assert all(torch.allclose(each, trained[name], atol=1e-6) for name, each in model.named_parameters())


def test_a_best_from_before_the_first_step_is_kept_and_said(job, tmp_path):
    settings = {"keep": "best", "validation": 0.2, "lr": 1.0, "steps": 2, "evaluate_every": 2}
    with pytest.warns(AezooWarning, match="validation loss was best before the first of 2 steps"):
        assert run.start(job(**settings), tmp_path / "run").step == 0


def test_a_folder_that_cannot_be_written_is_said_at_once(job, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot be written"):
        run.start(job(), tmp_path / "file" / "run")


def test_a_disk_that_is_full_at_the_end_keeps_the_training(job, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_results", full)
        with pytest.raises(TrainingError, match="make room, then aezoo train --resume"):
            run.start(job(), tmp_path / "run")
    assert run.resume(tmp_path / "run").step == 20


def test_minutes_of_a_run_that_goes_on_are_from_where_it_stands(job, tmp_path, monkeypatch):
    run.start(job(steps=4), tmp_path / "run")
    monkeypatch.setattr(run.length, "of_minutes", lambda *_: (5, 1))
    assert run.resume(tmp_path / "run", minutes=1).step == 9


def test_interrupted_as_it_ends_it_says_how_to_end_it(job, tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match="stopped at step 2"):
        run.start(job(steps=4), tmp_path / "run", Stop())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "write_results", interrupted)
    with pytest.raises(TrainingError, match="measure it with: aezoo train --finish "):
        run.resume(tmp_path / "run", finish=True)
    with pytest.raises(TrainingError, match="measure it with: aezoo train --resume "):
        run.resume(tmp_path / "run")


def test_parts_that_do_not_fit_are_said_before_an_image_is_read(job, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "load_splits", lambda *_, **__: pytest.fail("images were read"))
    unfit = dataclasses.replace(job(), spec=aezoo.describe("kl-f8-tiny", encoder="timm:resnet18"))
    with pytest.raises(AezooError, match=r"gaussian\(dim=128, spatial=False\)"):
        run.start(unfit, tmp_path / "run")
    with pytest.raises(CompositionError, match="equivariance shrinks the latent"):
        run.start(job(loss="bce + equivariance"), tmp_path / "run")
    with pytest.raises(OptionError, match="--compile: gradient-penalty asks for gradients inside the model"):
        run.start(job(loss="bce + gradient-penalty", compile=True), tmp_path / "run")


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "bce + nothing"},
        {"dataset": "nosuch"},
        {"dataset": "cufs(view='x')"},
        {"metrics": ("nosuch",)},
        {"optimizer": "nosuch"},
    ],
)
def test_a_start_that_fails_leaves_nothing(job, tmp_path, changes):
    with pytest.raises(AezooError):
        run.start(job(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(AezooError):
        run.start(dataclasses.replace(job(), device="mps"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_replaced_by_name_and_only_once_the_new_one_can_start(job, tmp_path):
    folder = tmp_path / "run"
    run.start(job(steps=2), folder)
    (folder / "mine.txt").write_text("beside it")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(AezooError):
        run.start(job(dataset="nosuch"), folder, overwrite=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert run.start(job(steps=1), folder, overwrite=True).step == 1
    assert [path.name[:14] for path in (folder / "training").glob("step-*")] == ["step-000000001"]
    assert (folder / "mine.txt").exists()


def test_stopped_while_it_is_measured_it_is_a_model_and_says_how_to_go_on(finished, job, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_results", interrupted)
        with pytest.raises(TrainingError, match=f"measure it with: aezoo train --resume {tmp_path}/stopped\n"):
            run.start(job(), tmp_path / "stopped")
    assert read_config(tmp_path / "stopped")[1]["training"]["state"] == "unfinished"
    assert aezoo.create(tmp_path / "stopped", pretrained=True).sample(2).shape == (2, 1, 28, 28)
    run.resume(tmp_path / "stopped")
    weights = [(folder / "model.safetensors").read_bytes() for folder in (finished[0], tmp_path / "stopped")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", ["figures/loss.png", "training", "skipped.txt"])
def test_nothing_that_a_run_would_replace_is_lost(job, tmp_path, name):
    mine = tmp_path / name / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("")
    with pytest.raises(TrainingError, match=f"holds {name}, and no run that may be replaced: choose another --out"):
        run.start(job(steps=1), tmp_path)
    assert mine.exists()


def test_what_is_no_run_is_not_replaced(job, tmp_path):
    (tmp_path / "README.md").write_text("# My project")
    for overwrite in (False, True):
        with pytest.raises(TrainingError, match=r"holds README\.md, and no run that may be replaced"):
            run.start(job(steps=1), tmp_path, overwrite=overwrite)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("")
    with pytest.raises(TrainingError, match="photos is none: choose another --out"):
        run.start(job(steps=1), tmp_path / "photos", overwrite=True)
    assert run.start(job(steps=1), tmp_path / "new", overwrite=True).step == 1


def test_weights_with_one_flipped_byte_or_truncated_are_refused(finished, tmp_path):
    import shutil

    copy = shutil.copytree(finished[0], tmp_path / "copy")
    whole = (copy / "model.safetensors").read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    for damaged in (whole[:-7], bytes(flipped)):
        (copy / "model.safetensors").write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"model\.safetensors is damaged"):
            aezoo.create(str(copy), pretrained=True)


def test_a_model_to_begin_with_gives_its_weights_and_not_its_loss(job, tmp_path):
    other = job(steps=1)
    run.start(dataclasses.replace(other, spec=dataclasses.replace(other.spec, loss="l1")), tmp_path / "other")
    result = run.start(dataclasses.replace(job(steps=1), begin_with=str(tmp_path / "other")), tmp_path / "run")
    assert result.model.spec.loss == "bce + kl"
    assert {"bce", "kl"} <= result.history[-1].keys()


RANDOM = 'LossSpec(name="looks", summary="Through a random network", implementation="looks_parts:Looks")'
RANDOM_PARTS = """
import torch
class Looks(torch.nn.Module):
    def __init__(self, image):
        super().__init__()
        self.net = torch.nn.Conv2d(image.channels, 2, 3).requires_grad_(False)
    def forward(self, output, images, context):
        return (self.net(output.reconstruction) - self.net(images)).square().flatten(1).sum(1)
"""


def test_a_frozen_random_network_of_a_term_is_the_same_after_a_stop(finished, job, site, tmp_path):
    site.install("looks", RANDOM)
    (site.path / "looks_parts.py").write_text(RANDOM_PARTS)
    begun = dataclasses.replace(job(loss="bce + kl + looks", steps=4), begin_with=str(finished[0]))
    run.start(begun, tmp_path / "whole")
    with pytest.raises(TrainingError, match="stopped at step 2"):
        run.start(begun, tmp_path / "torn", Stop())
    run.resume(tmp_path / "torn")
    whole, torn = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "torn"))
    assert torn == whole


@pytest.mark.parametrize("name", ["training", "figures"])
def test_a_link_out_of_the_folder_is_not_followed(job, tmp_path, name):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "theirs")
    with pytest.raises(TrainingError, match=r"is a link|holds training"):
        run.start(job(), tmp_path / "run")
    assert not list((tmp_path / "theirs").iterdir())


def test_a_run_that_goes_on_follows_no_link_either(job, tmp_path):
    run.start(job(), tmp_path / "run")
    (tmp_path / "run" / "training").rename(tmp_path / "theirs")
    (tmp_path / "run" / "training").symlink_to(tmp_path / "theirs")
    with pytest.raises(TrainingError, match="is a link"):
        run.resume(tmp_path / "run")


def test_of_two_runs_that_begin_in_one_folder_one_is_told(job, tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "check", lambda *given: None)  # both have looked, and nothing was there
    taken = []
    for number in range(2):
        try:
            claim.take(tmp_path / "run", {"job": number})
            taken.append("")
        except TrainingError as error:
            taken.append(str(error))
    assert taken[0] == ""
    assert "another run has just begun" in taken[1]
    assert json.loads((tmp_path / "run" / run.RECORD).read_text()) == {"job": 0}


def test_what_a_kill_left_half_written_goes(job, tmp_path):
    run.start(job(), tmp_path / "run")
    left = [".model.safetensors.0123abcd.safetensors", "training/.run.json.0123abcd.json", ".config.json.89abcdef.json"]
    stay = [".model.safetensors", "training/.mine.0123abcd.json", ".note.0123abcd.txt"]
    for name in (*left, *stay):
        (tmp_path / "run" / name).write_text("half")
    run.resume(tmp_path / "run")
    assert [name for name in (*left, *stay) if (tmp_path / "run" / name).exists()] == stay


def test_a_name_that_is_no_text_is_refused_before_anything_is_read(job, tmp_path):
    with pytest.raises(TrainingError, match="its name is not UTF-8"):
        run.start(job(), tmp_path / "o\udcff")
    with pytest.raises(OptionError, match="its name is not UTF-8"):
        job(dataset="./b\udcff")


def test_a_run_that_goes_on_with_other_packages_says_so(job, tmp_path):
    run.start(job(), tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    run.resume(tmp_path / "run")  # with the same, in silence
    config["training"]["packages"]["torch"] = "1.0"
    write_json(tmp_path / "run" / "config.json", config)
    with pytest.warns(
        AezooWarning, match=r"was begun with torch 1\.0 \(now .*\): it goes on, but maybe not to the same"
    ):
        run.resume(tmp_path / "run")


def test_the_first_weights_follow_from_the_seed(job, tmp_path):
    asked = job(seed=1, lr=1e-12, steps=1)
    found = run.start(asked, tmp_path / "run").model
    torch.manual_seed(1)
    torch.testing.assert_close(next(found.parameters()), next(build(asked.spec).parameters()))


def test_a_map_of_another_size_has_its_moments_measured_again(job, tmp_path):
    start = "cis680-ae.toyfaces"
    larger = dataclasses.replace(
        job(lr=1e-12, steps=1), spec=aezoo.describe("cis680-ae", image_size=128), begin_with=start
    )
    model = run.start(larger, tmp_path / "run").model
    assert model.latent_std.shape == (64, 4, 4)
    assert model.latent_std.max() > 0
    trained = dict(aezoo.create(start, pretrained=True).named_parameters())
    assert all(torch.allclose(each, trained[name], atol=1e-6) for name, each in model.named_parameters())


def test_a_run_that_another_process_is_at_is_left_alone(finished, job):
    folder, _ = finished
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with claim.held(folder):
        for go in (lambda: run.resume(folder), lambda: run.start(job(), folder, overwrite=True)):
            with pytest.raises(TrainingError, match=r"another process is at the run in .*: let it end, or stop it"):
                go()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not list(folder.parent.glob(".*.running"))
    (folder.parent / "latest").symlink_to(folder)
    with claim.held(folder.parent / "latest"), pytest.raises(TrainingError, match="another process is at the run"):
        run.resume(folder)
    assert run.resume(folder).step


def test_the_title_of_a_picture_names_no_folder_of_this_machine(tmp_path, monkeypatch, job):
    path = tmp_path / "me" / "faces.npy"
    path.parent.mkdir()
    np.save(path, np.random.default_rng(0).integers(0, 255, (120, 28, 28), np.uint8))
    titles = []
    monkeypatch.setattr("aezoo.training.pictures.loss_curves", lambda *given, title, **how: titles.append(title))
    run.start(dataclasses.replace(job(dataset=str(path), steps=2), figures=True), tmp_path / "run")
    assert titles == ["cis680-vae16 on faces.npy"]


def test_published_weights_of_a_backbone_are_what_a_run_began_with():
    assert not run._published(aezoo.describe("cis680-vae16"))
    began = run._published(aezoo.describe("cis680-vae16", encoder="timm:resnet18(pretrained=True)"))
    assert began.startswith("aezoo/timm:resnet18(pretrained=True")
