import dataclasses
import errno
import json
import os
import signal

import numpy as np
import pytest
import torch

from aezoo.datasets.image_array import ImageArray
from aezoo.errors import AezooError, OptionError, TrainingError, UnknownNameError
from aezoo.factory import build
from aezoo.metrics.evaluation import choose, measure
from aezoo.studies import trials
from aezoo.studies.trials import DONE, carry_out, find, of_images, write_values
from aezoo.training.data import Splits
from aezoo.weights.folder import read_state

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def state(finished):
    return finished.model().state_dict()


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(state(a).values(), state(b).values(), strict=True))


@pytest.fixture
def finished(trial, copied):
    return find(trial(), copied("small") / "runs")


def test_the_values_are_those_of_the_metrics(finished):
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    for split in ("train", "test"):
        for name in ("mse", "bce", "bce_mean", "kl"):
            assert finished.values(split, name).shape == (12,)
            assert finished.values(split, name).mean() == pytest.approx(metrics[split][name], rel=1e-6)
        baseline = finished.values(split, "mean-image/bce").mean()
        assert baseline == pytest.approx(metrics["mean-image"][split]["bce"], rel=1e-6)
    assert not np.array_equal(finished.values("test", "bce", 3), finished.values("test", "bce", 6))
    assert {"gradient", "sharpness", "grey/mse"} <= set(finished.measures())


def test_of_more_training_images_than_there_are_test_images_all_are_measured_at_the_end(trial, tmp_path):
    pixels = torch.randint(256, (30, *trial().spec.image.shape), dtype=torch.uint8, generator=torch.manual_seed(0))
    splits, model = Splits(ImageArray(pixels), ImageArray(pixels[:10])), build(trial().spec).eval()
    for whole in (False, True):
        write_values(tmp_path / f"{whole}", model, splits, ("psnr",), whole=whole)
    few, every = (read_state(tmp_path / f"{whole}") for whole in (False, True))
    assert [len(values["train/mse"]) for values in (few, every)] == [10, 30]
    assert [len(values["train/psnr"]) for values in (few, every)] == [10, 10]
    for name in ("train/mse", "test/mse", "train/grey/bce"):
        torch.testing.assert_close(torch.from_numpy(of_images(every, *name.split("/", 1), False)), few[name])
    every_mse = measure(model, splits.train, choose(model, splits.train, metrics=["mse"])).values["mse"]
    assert every["train/mse"].sort().values == pytest.approx(every_mse.double().sort().values, rel=1e-5)


def test_the_seconds_of_a_run_in_several_calls_are_those_of_all_its_steps(trial, tmp_path, watcher, monkeypatch):
    clock = iter([100.0, 103.0])
    monkeypatch.setattr(trials.time, "monotonic", lambda: next(clock))
    recorder = trials._Recorder(trial(), tmp_path, watcher)
    for done in (5, 6):  # of six steps this call had two
        recorder.step(done, 6, {})
    assert recorder.seconds(6) == 9.0


def test_groups_are_kept_beside_the_values_of_their_images(trial, tmp_path):
    """Each image is as bright as its group's number, so the values say which image is which."""
    groups = torch.arange(12) // 2
    pixels = (8 * groups**2).to(torch.uint8)[:, None, None, None].expand(-1, *trial().spec.image.shape).contiguous()
    images = ImageArray(pixels, groups=groups)
    model = build(trial().spec).eval()
    write_values(tmp_path / "values", model, Splits(images, images.subset(range(7))), whole=True)
    values = read_state(tmp_path / "values")
    for split, n in (("train", 12), ("test", 7)):
        found = values[f"{split}/groups"]
        bright = 8 * found.double() ** 2 / 255
        assert len(found) == n
        torch.testing.assert_close(values[f"{split}/grey/mse"], (bright - 8 * 55 / 6 / 255) ** 2, rtol=0, atol=1e-3)


def test_the_last_values_are_of_the_weights_that_are_kept(trial, tmp_path, watcher):
    best = trial(keep="best", validation=0.25, lr=0.2)
    found = carry_out(best, tmp_path / "runs", watcher=watcher)
    assert found.training["step"] < found.training["done"] == 6
    metrics = json.loads((found.folder / "metrics.json").read_text())
    for split in ("train", "test"):
        assert found.values(split, "mse").mean() == pytest.approx(metrics[split]["mse"], rel=1e-6)


def test_a_run_out_of_patience_has_its_values(trial, tmp_path, watcher):
    with pytest.raises(OptionError, match="patience=1 may end a run before step 3: without patience, or with th"):
        trial(patience=1, validation=0.25)
    short = trial(marks=(30,), steps=30, patience=1, validation=0.25, lr=0.1)
    found = carry_out(short, tmp_path / "runs", watcher=watcher)
    assert found.training["done"] < 30
    metrics = json.loads((found.folder / "metrics.json").read_text())
    assert found.values("test", "mse").mean() == pytest.approx(metrics["test"]["mse"], rel=1e-6)


def test_more_metrics_are_kept_where_a_trial_names_them(trial, tmp_path, watcher):
    more = dataclasses.replace(trial(metrics=("rank",)), measures=("psnr", "rank"))
    assert more.key != trial(metrics=("rank",)).key
    found = carry_out(more, tmp_path / "runs", watcher=watcher)
    metrics = json.loads((found.folder / "metrics.json").read_text())["test"]
    assert found.values("test", "psnr").shape == (12,)
    assert found.values("test", "rank").shape == (1,)  # of the set
    assert [found.values("test", name).mean() for name in ("psnr", "rank")] == pytest.approx(
        [metrics["psnr"], metrics["rank"]], rel=1e-6
    )


def test_values_that_were_not_measured(finished):
    with pytest.raises(UnknownNameError, match="small: no values test/msee were measured: did you mean test/mse,"):
        finished.values("test", "msee")
    assert finished.measures() == sorted(finished.measures())


def test_grey_images_have_their_floor_too(trial, tmp_path, watcher):
    grey = trial(dataset="toyfaces(count=12, size=28, style='shaded')")
    assert "bce_excess" in carry_out(grey, tmp_path, watcher=watcher).measures()


def test_a_model_without_logits_is_measured_by_what_it_has(trial, tmp_path, watcher):
    plain = carry_out(trial(parts={"likelihood": "gaussian"}, loss="nll + kl"), tmp_path, watcher=watcher)
    assert set(plain.measures()) >= {"mse", "kl", "sharpness", "mean-image/bce"}
    assert not {"bce", "bce_mean"} & set(plain.measures())


def test_what_is_there_is_not_trained_again(trial, finished, tmp_path, stopping):
    seen = stopping()
    again = carry_out(trial(cost="another word for it"), tmp_path / "runs", watcher=seen)
    assert seen.steps == []
    assert again.folder == finished.folder
    assert again.seconds == finished.seconds > 0


def test_checkpoints_are_removed_and_the_curve_stays(finished):
    assert [path.name for path in (finished.folder / "training").iterdir()] == ["run.json"]
    assert finished.curve("test", "loss")[0] == [0, 3, 6]
    assert finished.training["threads"] >= 1


def test_the_key_is_of_what_decides_the_values(trial):
    base = trial()
    same = [trial(arm="other"), trial(cost="a day", reaches="the sky")]
    renamed = dataclasses.replace(base, spec=dataclasses.replace(base.spec, name="renamed", tags=(), default_tag=""))
    assert {other.key for other in (*same, renamed)} == {base.key}
    others = [
        trial(marks=(6,)),
        trial(lr=0.5),
        trial(seed=1),
        trial(steps=9),
        trial(parts={"bottleneck": "gaussian(dim=3, sampling=False)"}),
    ]
    assert len({other.key for other in (base, *others)}) == 6


def test_a_mark_that_is_no_measurement_is_refused(trial):
    with pytest.raises(
        OptionError, match="nothing is measured at step 4: that is done every 3 steps and at the last, 6"
    ):
        trial(marks=(4,))


def flip(path):
    whole = bytearray(path.read_bytes())
    whole[-20] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "model.safetensors"),
        lambda folder: flip(folder / "values/step-000003.safetensors"),
        lambda folder: (folder / "values/step-000006.safetensors").unlink(),
        lambda folder: flip(folder / "metrics.jsonl"),
        lambda folder: (folder / DONE).write_text('{"seconds": '),
        lambda folder: (folder / DONE).write_text("[]"),
    ],
    ids=["weights", "values", "missing values", "log", "torn record", "odd record"],
)
def test_what_was_damaged_is_trained_again(trial, finished, tmp_path, stopping, damage):
    expected = state(finished)
    damage(finished.folder)
    assert find(trial(), tmp_path / "runs") is None
    seen = stopping()
    again = carry_out(trial(), tmp_path / "runs", watcher=seen)
    assert seen.steps == [1, 2, 3, 4, 5, 6]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state(again).items())


def test_a_run_that_was_stopped_goes_on_from_where_it_was(trial, finished, tmp_path, stopping):
    stop = stopping(4, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingError, match=r"small-0-\w+: stopped at step 4 of 6$"):
        carry_out(trial(), tmp_path / "torn", watcher=stop)
    assert find(trial(), tmp_path / "torn") is None
    seen = stopping()
    again = carry_out(trial(), tmp_path / "torn", watcher=seen)
    assert seen.steps == [5, 6]
    assert equal(again, finished)
    assert np.array_equal(again.values("test", "bce", 3), finished.values("test", "bce", 3))
    assert not list((again.folder / "training").glob("step-*"))


def test_a_run_goes_on_on_the_device_that_is_asked_for(trial, tmp_path, stopping):
    with pytest.raises(TrainingError, match="stopped at step 4 of 6"):
        carry_out(trial(), tmp_path, watcher=stopping(4, lambda: os.kill(os.getpid(), signal.SIGINT)), device="cpu")
    record = next((tmp_path / trial().name).rglob("run.json"))
    record.write_text(record.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    seen = stopping()
    carry_out(trial(), tmp_path, watcher=seen, device="cpu")
    assert seen.steps == [5, 6]


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(trial, finished, tmp_path, stopping):
    def die():
        raise SystemError("killed")

    with pytest.raises(SystemError):
        carry_out(trial(), tmp_path / "torn", watcher=stopping(5, die))
    assert equal(carry_out(trial(), tmp_path / "torn", watcher=stopping()), finished)


@pytest.mark.parametrize("change", [{"seed": 5}, {"loss": "bce"}, {"dataset": "./x"}])
def test_a_record_of_another_run_is_not_gone_on_with(trial, finished, tmp_path, stopping, change):
    with pytest.raises(TrainingError):
        carry_out(trial(), tmp_path / "torn", watcher=stopping(4, lambda: os.kill(os.getpid(), signal.SIGINT)))
    path = tmp_path / "torn" / trial().name / "training/run.json"
    record = json.loads(path.read_text())
    record["job"]["recipe"].update(change)
    path.write_text(json.dumps(record))
    assert equal(carry_out(trial(), tmp_path / "torn", watcher=stopping()), finished)


FAR = """PriorSpec(name="far", summary="", implementation="far_parts:Far", options=(
    aezoo.Option(name="path", type="str", default="", external=True),))"""
FAR_PARTS = """
from aezoo.priors.standard import StandardPrior
class Far(StandardPrior):
    def __init__(self, latent_shape, *, path):
        super().__init__(latent_shape)
"""


def test_a_run_that_begins_with_what_only_a_caller_may_name_starts_again_too(trial, site, tmp_path, stopping):
    def die():
        raise SystemError("killed")

    site.install("far", FAR)
    (site.path / "far_parts.py").write_text(FAR_PARTS)
    asked = trial(parts={"prior": "far(path='x')"})
    with pytest.raises(SystemError):
        carry_out(asked, tmp_path / "torn", watcher=stopping(5, die))
    assert carry_out(asked, tmp_path / "torn", watcher=stopping())


def test_a_run_whose_values_were_lost_on_the_way_starts_again(trial, finished, tmp_path, stopping):
    stop = stopping(4, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(TrainingError):
        carry_out(trial(), tmp_path / "torn", watcher=stop)
    (tmp_path / "torn" / trial().name / "values/step-000003.safetensors").unlink()
    again = carry_out(trial(), tmp_path / "torn", watcher=stopping())
    assert np.array_equal(again.values("test", "bce", 3), finished.values("test", "bce", 3))


def test_an_error_names_the_trial(trial, tmp_path, watcher):
    odd = trial(arm="odd")
    (tmp_path / odd.name).write_text("in the way")
    with pytest.raises(AezooError, match=r"odd-0-\w+: .* cannot be written"):
        carry_out(odd, tmp_path, watcher=watcher)


def test_what_looks_wrong_is_kept(trial, tmp_path, watcher):
    untrained = trial(lr=1e-12, marks=())
    assert "posterior collapsed" in carry_out(untrained, tmp_path, watcher=watcher).warnings["collapsed"]


def test_a_disk_that_fails_for_a_moment_costs_no_run(trial, finished, tmp_path, stopping, monkeypatch):
    def fails(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(trials, "sha256", fails)
    with pytest.raises(TrainingError, match="cannot be read: Input/output error"):
        carry_out(trial(), tmp_path / "runs", watcher=stopping())
    assert (finished.folder / DONE).is_file()
