import dataclasses
import os
import signal

import numpy as np
import pytest

from aezoo.errors import DataError, TrainingError
from aezoo.studies.study import carry_out, look

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


@pytest.fixture
def done(study, tmp_path, watcher):
    state = look(study, tmp_path)
    carry_out(state, watcher=watcher)
    return state


def test_searches_come_first_then_a_seed_of_every_arm(study, tmp_path):
    tasks = look(study, tmp_path).tasks()
    assert [(task.trial.arm, task.trial.recipe.seed) for task in tasks] == [
        ("two-search-lr1e-12", 0),
        ("two-search-lr0.03", 0),
        ("one", 0),
        ("two", 0),
        ("one", 1),
        ("two", 1),
    ]


def test_it_is_carried_out_and_found_again(study, done, tmp_path):
    again = look(study, tmp_path)
    assert again.tasks() == []
    assert {arm: sorted(runs) for arm, runs in again.arms.items()} == {"one": [0, 1], "two": [0, 1]}
    assert again.values("one", [0, 1], "test", "mse", 3).shape == (2, 12)
    assert np.array_equal(again.values("two", [1], "test", "mse"), done.values("two", [1], "test", "mse"))


def test_the_learning_rate_is_that_of_the_lowest_validation_loss(study, done):
    slow, fast = done.searches["two"]
    assert slow.curve("validation", "loss")[1][-1] > fast.curve("validation", "loss")[1][-1]
    assert done.rate(study.arms[1]) == 0.03
    assert {run.trial.recipe.lr for run in done.arms["two"].values()} == {0.03}
    assert {run.trial.recipe.validation for run in done.arms["two"].values()} == {0.0}


def test_stopped_between_two_trials_it_goes_on_with_the_next(study, tmp_path, watcher):
    def stop(task, finished, left):
        if len(left) == 3:
            raise SystemError("killed")

    with pytest.raises(SystemError):
        carry_out(look(study, tmp_path), watcher=watcher, ends=stop)
    begun = []
    carry_out(look(study, tmp_path), watcher=watcher, begins=lambda task, left: begun.append(task.trial.arm))
    assert begun == ["two", "one", "two"]


def test_stopped_within_a_trial_it_goes_on_with_that(study, done, tmp_path, stopping):
    stop = stopping(4, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingError, match=r"one-0-.*stopped at step 4 of 6"):
        carry_out(look(study, tmp_path / "torn"), watcher=stop)
    state, seen = look(study, tmp_path / "torn"), stopping()
    carry_out(state, watcher=seen)
    assert seen.steps[:2] == [5, 6]
    for arm in ("one", "two"):
        assert np.array_equal(state.values(arm, [0, 1], "test", "bce"), done.values(arm, [0, 1], "test", "bce"))


def test_another_seed_trains_only_what_is_new(study, done, tmp_path):
    arms = tuple(dataclasses.replace(arm, seeds=3) for arm in study.arms)
    tasks = look(dataclasses.replace(study, arms=arms), tmp_path).tasks()
    assert [(task.arm.name, task.trial.recipe.seed) for task in tasks] == [("one", 2), ("two", 2)]


def test_only_a_part(study, tmp_path):
    assert look(study, tmp_path).tasks("toy") == look(study, tmp_path).tasks()
    assert look(study, tmp_path).tasks("nothing") == []


def test_time_left_is_at_the_pace_of_what_is_finished(study, done, tmp_path):
    empty = look(study, tmp_path / "empty")
    assert empty.seconds_left(empty.tasks()) is None
    finished = [*done.searches["two"], *done.arms["one"].values(), *done.arms["two"].values()]
    assert done.seconds_left(empty.tasks()) == pytest.approx(sum(run.seconds for run in finished))
    assert done.seconds_left([]) == 0


def test_missing_images_are_told_before_anything_is_trained(study, tmp_path, watcher, monkeypatch):
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    last = study.arms[1]
    other = dataclasses.replace(last, search=(), recipe=dataclasses.replace(last.recipe, dataset="cufs"))
    state = look(dataclasses.replace(study, arms=(study.arms[0], other)), tmp_path)
    with pytest.raises(DataError, match="cufs: no folder is given"):
        carry_out(state, watcher=watcher)
    assert not state.runs.exists()


def test_runs_on_other_images_do_not_mix(study, tmp_path, watcher):
    path = tmp_path / "faces.npy"
    arm = dataclasses.replace(study.arms[0], recipe=dataclasses.replace(study.arms[0].recipe, dataset=str(path)))

    def grow(seed, seeds):
        np.save(path, np.random.default_rng(seed).integers(0, 255, (30, 28, 28), np.uint8))
        state = look(dataclasses.replace(study, arms=(dataclasses.replace(arm, seeds=seeds),)), tmp_path / "out")
        carry_out(state, watcher=watcher)

    grow(0, 1)
    with pytest.raises(DataError, match=r"one-0-\w+ and one-1-\w+ were trained on different images"):
        grow(1, 2)
