import dataclasses
import json
import multiprocessing
import os
import signal

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from aezoo.errors import DataError, StoppedError, TrainingError
from aezoo.studies import trials
from aezoo.studies.report import write_report
from aezoo.studies.state import look
from aezoo.studies.work import carry_out
from aezoo.training.steps import Watcher

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def test_stopped_between_two_trials_it_goes_on_with_the_next(study, tmp_path, listening):
    def stop(left):
        if len(left) == 3:
            raise SystemError("killed")

    with pytest.raises(SystemError):
        carry_out(look(study, tmp_path), watcher=listening(at_end=stop))
    seen = listening()
    carry_out(look(study, tmp_path), watcher=seen)
    assert seen.begun == [("two", 0), ("one", 1), ("two", 1)]


def test_stopped_within_a_trial_it_goes_on_with_that(study, done, tmp_path, listening):
    stop = listening(4, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingError, match=r"one-0-.*stopped at step 4 of 6"):
        carry_out(look(study, tmp_path / "torn"), watcher=stop)
    state, seen = look(study, tmp_path / "torn"), listening()
    carry_out(state, watcher=seen)
    assert seen.steps[:2] == [5, 6]
    for arm in ("one", "two"):
        assert np.array_equal(state.values(arm, [0, 1], "test", "bce"), done.values(arm, [0, 1], "test", "bce"))


def test_missing_images_are_told_before_anything_is_trained(study, tmp_path, monkeypatch):
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    last = study.arms[1]
    other = dataclasses.replace(last, search=(), recipe=dataclasses.replace(last.recipe, dataset="cufs"))
    state = look(dataclasses.replace(study, arms=(study.arms[0], other)), tmp_path)
    with pytest.raises(DataError, match="cufs: no folder is given"):
        carry_out(state)
    assert not state.runs.exists()


def test_runs_on_other_images_do_not_mix(study, tmp_path):
    path = tmp_path / "faces.npy"
    arm = dataclasses.replace(study.arms[0], recipe=dataclasses.replace(study.arms[0].recipe, dataset=str(path)))

    def grow(seed, seeds):
        np.save(path, np.random.default_rng(seed).integers(0, 255, (30, 28, 28), np.uint8))
        state = look(dataclasses.replace(study, arms=(dataclasses.replace(arm, seeds=seeds),)), tmp_path / "out")
        carry_out(state)

    grow(0, 1)
    with pytest.raises(DataError, match=r"one-0-\w+ and one-1-\w+ were trained on different images"):
        grow(1, 2)


def test_a_trial_that_another_command_is_at_is_left_to_it(study, tmp_path, listening):
    state = look(study, tmp_path)
    state.runs.mkdir()
    first = study.arms[0].trial(0, study.arms[0].recipe.lr)
    lock = FileLock(state.runs / f".{first.name}.lock")
    ended = []

    def free(left):
        ended.append(len(state.arms.get("one", {})))
        if [task.trial for task in left] == [first]:
            lock.release()

    lock.acquire()
    assert trials.carry_out(first, state.runs, watcher=Watcher()) is None
    carry_out(state, watcher=listening(at_end=free))
    assert ended == [0, 0, 0, 1, 1, 2]


def results(state):
    """Every byte that does not tell the time."""
    kept = ("model.safetensors", "metrics.json", "config.json", "values/*")
    folders = [*sorted(path for path in state.runs.iterdir() if path.is_dir())]
    return {str(f.relative_to(state.runs)): f.read_bytes() for d in folders for k in kept for f in d.glob(k)}


def test_two_jobs_write_what_one_does(study, done, tmp_path, listening):
    state, seen = look(study, tmp_path / "jobs"), listening()
    carry_out(state, jobs=2, watcher=seen)
    assert seen.jobs == {0, 1}
    assert set(seen.begun[:2]) == {("two-search-lr1e-12-fold0", 0), ("two-search-lr0.03-fold0", 0)}
    assert (len(seen.begun), state.tasks()) == (6, [])
    assert results(state) == results(done)
    assert [list(runs) for runs in state.arms.values()] == [[0, 1], [0, 1]]
    assert not multiprocessing.active_children()
    write_report(done, tmp_path)
    write_report(state, tmp_path / "jobs")
    one, two = (json.loads((path / "report.json").read_text()) for path in (tmp_path, tmp_path / "jobs"))
    for run in (run for report in (one, two) for arm in report["arms"].values() for run in arm["runs"]):
        del run["seconds"]
    assert one == two


def test_a_signal_ends_every_job_where_it_can_go_on(study, tmp_path, listening, stopping):
    recipe = dataclasses.replace(study.arms[0].recipe, steps=100_000, evaluate_every=50_000)
    long = dataclasses.replace(study, arms=(dataclasses.replace(study.arms[0], recipe=recipe, marks=()),))

    interrupted, stepped = listening(), []
    interrupted.step = lambda job, done, steps, values: stepped.append(job) or os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        carry_out(look(long, tmp_path), jobs=2, watcher=interrupted)
    assert not multiprocessing.active_children()
    state, seen = look(long, tmp_path), stopping()
    seen.step = lambda done, steps, values: seen.steps.append(done) or os.kill(os.getpid(), signal.SIGTERM)
    assert [task.trial.recipe.seed for task in state.tasks()] == [0, 1]
    trial = state.tasks()[stepped[0]].trial
    assert list((state.runs / trial.name).glob("training/step-*"))
    with pytest.raises(StoppedError):
        trials.carry_out(trial, state.runs, watcher=seen)
    assert seen.steps[0] > 1


def test_a_job_that_dies_is_told(study, tmp_path, listening):
    dying = listening()
    dying.begins = lambda job, task, left: multiprocessing.active_children()[0].kill()
    with pytest.raises(TrainingError, match=r"job \d ended by itself with exit code -9"):
        carry_out(look(study, tmp_path), jobs=2, watcher=dying)
    assert not multiprocessing.active_children()


def test_what_fails_in_a_job_ends_all_with_its_name(study, tmp_path):
    (tmp_path / "runs").mkdir()
    for seed in range(2):
        (tmp_path / "runs" / study.arms[0].trial(seed, study.arms[0].recipe.lr).name).write_text("in the way")
    with pytest.raises(TrainingError, match=r"one-\d-\w+: .* cannot be written"):
        carry_out(look(study, tmp_path), jobs=2)
    assert not multiprocessing.active_children()


def test_runs_on_other_training_images_do_not_mix(study, tmp_path):
    path, one = tmp_path / "faces", study.arms[0]
    arm = dataclasses.replace(one, recipe=dataclasses.replace(one.recipe, dataset=str(path)))

    def carry(seed, seeds, **counts):
        drawn = np.random.default_rng(seed)
        for split, count in counts.items():
            (path / split).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture = drawn.integers(0, 255, (28, 28), np.uint8)
                Image.fromarray(picture).save(path / split / f"{number}.png")
        carry_out(look(dataclasses.replace(study, arms=(dataclasses.replace(arm, seeds=seeds),)), tmp_path / "out"))

    carry(0, 1, train=20, test=12)
    with pytest.raises(DataError, match="were trained on different images"):
        carry(1, 2, train=20)
