import dataclasses
import math
import os
import signal

import pytest
import torch

import aezoo
from aezoo.errors import OptionError, TrainingError, WeightsError
from aezoo.training import length, run
from aezoo.training.data import load_splits
from aezoo.training.optimizers import rate
from aezoo.training.package import package
from aezoo.training.steps import Training
from aezoo.weights.folder import read_config, standing

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


class Stop(run.Watcher):
    def __init__(self, at):
        self.at = at

    def step(self, done, steps, values):
        if done == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def stop(job, folder, at):
    with pytest.raises(TrainingError, match=f"stopped at step {at} of"):
        run.start(job, folder, Stop(at))
    return folder


def state(folder):
    return standing(read_config(folder)[1]["training"])


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("settings", "weights"),
    [({}, ""), ({"ema": 0.9}, ""), ({"validation": 0.2, "keep": "best", "evaluate_every": 4}, ", weights of step 4")],
)
def test_a_stopped_run_is_a_model_that_says_so(job, tmp_path, settings, weights):
    folder = stop(job(**settings), tmp_path / "run", 7)
    assert state(folder) == f"unfinished: step 7 of 20{weights}"
    assert f"**Unfinished: step 7 of 20{weights}.**" in (folder / "README.md").read_text()
    model = aezoo.create(str(folder), pretrained=True)
    train = load_splits(job(**settings).recipe, model.image).train
    z = model.encode(train.batch(range(len(train)))).z
    torch.testing.assert_close(model.latent_std, z.std(0, correction=0), rtol=1e-4, atol=1e-6)
    assert run.start(dataclasses.replace(job(steps=1), begin_with=str(folder)), tmp_path / "next").step == 1


def test_what_a_stopped_run_holds_is_what_it_would_keep(job, tmp_path):
    # The same steps and measurements, as its own end: of the averaged weights, with statistics of their own.
    stopped = stop(job(ema=0.9), tmp_path / "stopped", 10)
    run.start(job(ema=0.9, steps=10), tmp_path / "ended")
    found, due = (aezoo.create(str(tmp_path / name), pretrained=True) for name in ("stopped", "ended"))
    assert all(mine.equal(other) for mine, other in zip(found.parameters(), due.parameters(), strict=True))
    assert run.resume(stopped).step == 20


def test_a_run_that_is_killed_is_a_model_from_its_last_checkpoint(job, tmp_path):
    class Die(run.Watcher):
        def step(self, done, steps, values):
            if done == 9:
                raise SystemError("killed")

    with pytest.raises(SystemError):
        run.start(dataclasses.replace(job(), checkpoint_every=4), tmp_path / "run", Die())
    assert state(tmp_path / "run") == "unfinished: step 8 of 20"
    assert aezoo.create(str(tmp_path / "run"), pretrained=True)
    with pytest.raises(WeightsError, match="no finished run"):
        package(tmp_path / "run", tmp_path / "weights")


@pytest.mark.parametrize("settings", [{}, {"validation": 0.2, "keep": "best", "lr": 0.05}, {"schedule": "wsd"}])
@pytest.mark.parametrize("steps", [14, 30])
def test_a_run_of_another_length_is_as_if_it_always_had_it(job, tmp_path, settings, steps):
    torn = stop(job(**settings), tmp_path / "torn", 7)
    whole = tmp_path / "whole"
    run.start(job(**settings, steps=steps), whole)
    assert run.resume(torn, steps=steps).step == read_config(whole)[1]["training"]["step"]
    assert weights(torn) == weights(whole)
    assert read_config(torn)[1]["training"]["recipe"]["steps"] == steps


def test_a_finished_run_goes_on(job, tmp_path):
    run.start(job(steps=10), tmp_path / "run")
    run.resume(tmp_path / "run", epochs=8)  # 40 images in batches of 16
    run.start(job(steps=20), tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_a_schedule_that_spans_the_run_allows_no_other_length(job, tmp_path):
    folder = stop(job(schedule="cosine", warmup=2), tmp_path / "run", 7)
    record = (folder / run.RECORD).read_bytes()
    with pytest.raises(TrainingError, match=r"has another learning rate from step 3 on\nend it with --finish"):
        run.resume(folder, steps=30)
    with pytest.raises(TrainingError, match="it stands at step 7 already"):
        run.resume(folder, steps=5)
    assert (folder / run.RECORD).read_bytes() == record


def test_a_run_is_ended_where_it_stands(job, tmp_path):
    folder = stop(job(), tmp_path / "constant", 7)
    assert run.resume(folder, finish=True).step == 7
    run.start(job(steps=7), tmp_path / "whole")
    assert (weights(folder), state(folder)) == (weights(tmp_path / "whole"), "")


def test_one_that_is_ended_early_says_so_and_goes_on_as_if_it_had_not_been(job, tmp_path):
    settings = {"schedule": "cosine", "validation": 0.2, "keep": "best", "lr": 0.3, "evaluate_every": 3, "ema": 0.5}
    folder = stop(job(**settings), tmp_path / "torn", 7)
    run.resume(folder, finish=True)
    assert state(folder).startswith("ended early: step 7 of 20")
    assert "**Ended early: step 7 of 20" in (folder / "README.md").read_text()
    assert (folder / "metrics.json").exists()
    run.resume(folder)
    run.start(job(**settings), tmp_path / "whole")
    assert (weights(folder), state(folder)) == (weights(tmp_path / "whole"), "")


def test_one_that_is_stopped_before_its_first_step_goes_on_too(job, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Training, "agree", lambda training, interrupted: True)
        with pytest.raises(TrainingError, match="stopped at step 0 of 20"):
            run.start(job(ema=0.9), tmp_path / "run")
    assert aezoo.create(str(tmp_path / "run"), pretrained=True)
    with pytest.raises(TrainingError, match="there is nothing to end"):
        run.resume(tmp_path / "run", finish=True)
    run.resume(tmp_path / "run")
    run.start(job(ema=0.9), tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_minutes_become_steps_before_the_run(job, tmp_path, monkeypatch):
    monkeypatch.setattr(length, "_SECONDS", 0.1)
    folder = tmp_path / "run"
    result = run.start(dataclasses.replace(job(steps=10**6), minutes=0.002), folder)
    steps = read_config(folder)[1]["training"]["recipe"]["steps"]
    assert result.step == steps < 10**6
    run.start(job(steps=steps), tmp_path / "again")
    assert weights(folder) == weights(tmp_path / "again")


def test_what_begins_late_is_in_the_minutes(job, tmp_path, monkeypatch):
    monkeypatch.setattr(length, "_SECONDS", 0.0)
    timed, update = [], Training.update
    monkeypatch.setattr(Training, "update", lambda self: timed.append(self.progress.done) or update(self))
    run.start(
        dataclasses.replace(job(loss="bce + kl + factor(start=7000)", steps=10**6), minutes=1e-6), tmp_path / "run"
    )
    assert timed[: length._UNTIMED] == [*range(length._UNTIMED)]
    assert timed[length._UNTIMED :][: length._LEAST_TIMED] == [*range(7000, 7000 + length._LEAST_TIMED)]


@pytest.mark.parametrize(
    ("each", "point", "every", "found"),
    [(0.1, 0.5, 0, (495, 0)), (1.0, 6.0, 0, (42, 21)), (1.0, 100.0, 0, (1, 1)), (0.5, 5.0, 10, (55, 10))],
)
def test_measurements_are_in_the_minutes_and_take_at_most_a_fifth(each, point, every, found):
    assert length._fitting(60, each, point, every) == found


@pytest.mark.parametrize("name", ["epochs", "minutes"])
@pytest.mark.parametrize("value", [math.inf, math.nan, 1e308, 10**12, -1, True, "2", None, [1]], ids=str)
def test_a_length_that_is_none(job, name, value):
    with pytest.raises(OptionError, match=rf"{name}=.* is not a number from 0 to 1e\+09"):
        dataclasses.replace(job(), **{name: value})


def test_epochs_and_the_number_of_images_become_steps(job, tmp_path):
    assert run.start(dataclasses.replace(job(), epochs=2), tmp_path / "run").step == 5
    assert [length.of_images(n, 64) for n in (10, 2_560, 6_400, 1_000_000)] == [2000, 2000, 5000, 20_000]
    with pytest.raises(OptionError, match="both say how long"):
        dataclasses.replace(job(), epochs=2, minutes=1)


@pytest.mark.parametrize(
    ("settings", "steps", "done", "alike"),
    [
        ({"schedule": "constant"}, 5000, 900, True),
        ({"schedule": "cosine", "warmup": 200}, 5000, 200, True),
        ({"schedule": "cosine", "warmup": 200}, 5000, 202, False),
        ({"schedule": "wsd"}, 1001, 800, True),
        ({"schedule": "wsd"}, 900, 800, False),
        ({"schedule": "step"}, 2000, 250, True),
        ({"schedule": "step"}, 2000, 450, False),
        ({"keep": "best", "validation": 0.1, "evaluate_every": 300}, 2000, 1000, False),
    ],
)
def test_which_lengths_a_run_may_have(settings, steps, done, alike):
    recipe = aezoo.Recipe(steps=1000, **settings)
    other = dataclasses.replace(recipe, steps=steps)
    assert (not length.unlike(recipe, steps, done)) == alike
    if "keep" not in settings:
        assert all(rate(recipe, step) == rate(other, step) for step in range(done)) == alike
