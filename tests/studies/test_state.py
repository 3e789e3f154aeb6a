import dataclasses
import json
import math
import re

import numpy as np
import pytest

from aezoo.studies.report import write_report
from aezoo.studies.state import State, look
from aezoo.studies.work import carry_out

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def test_searches_come_first_then_a_seed_of_every_arm(study, tmp_path):
    tasks = look(study, tmp_path).tasks()
    assert [(task.trial.arm, task.trial.recipe.seed) for task in tasks] == [
        ("two-search-lr1e-12-fold0", 0),
        ("two-search-lr0.03-fold0", 0),
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


def test_runs_are_in_order_whichever_was_done_first(study, done):
    state = State(study, done.runs)
    for finished in [*reversed(done.searches["two"]), *reversed(done.arms["two"].values())]:
        state.add(study.arms[1], finished)
    assert state.searches == done.searches
    assert list(state.arms["two"].items()) == list(done.arms["two"].items())


def test_an_arm_is_ready_when_its_search_is_over(study, done, tmp_path):
    before = look(study, tmp_path / "empty")
    waiting = [task for task in before.tasks() if not before.is_ready(task)]
    assert [(task.trial.arm, task.trial.recipe.seed) for task in waiting] == [("two", 0), ("two", 1)]
    assert all(done.is_ready(task) for task in waiting)


def test_the_learning_rate_is_that_of_the_lowest_validation_loss(study, done):
    slow, fast = done.searches["two"]
    assert slow.loss("validation") > fast.loss("validation") == fast.curve("validation", "loss")[1][-1]
    assert done.rate(study.arms[1]) == 0.03
    assert {run.trial.recipe.lr for run in done.arms["two"].values()} == {0.03}
    assert {run.trial.recipe.validation for run in done.arms["two"].values()} == {0.0}


def test_of_several_folds_the_mean_decides(study, tmp_path):
    search = tuple(
        dataclasses.replace(study.arms[1].search[0], lr=lr, fold=fold) for lr in (1e-12, 0.03) for fold in range(3)
    )
    arm = dataclasses.replace(study.arms[1], search=search, seeds=0)
    state = look(dataclasses.replace(study, arms=(arm,)), tmp_path)
    carry_out(state)
    losses = state.validation_losses(arm)
    assert {lr: len(found) for lr, found in losses.items()} == {1e-12: 3, 0.03: 3}
    assert state.rate(arm) == 0.03
    # Folds are other images, so that one of them may say otherwise.
    state.searches["two"] = [Told(each.trial, at) for at, each in enumerate(state.searches["two"])]
    assert state.validation_losses(arm) == {1e-12: [9.0, 1.0, 1.0], 0.03: [2.0, 2.0, 2.5]}
    assert state.rate(arm) == 0.03


def test_a_rate_that_diverges_is_the_worst(study, tmp_path):
    first = study.arms[1].search[0]
    search = tuple(dataclasses.replace(first, lr=lr, steps=60) for lr in (1e3, 0.03))
    arm = dataclasses.replace(study.arms[1], search=search, seeds=1)
    state = look(dataclasses.replace(study, arms=(arm,)), tmp_path)
    carry_out(state)
    assert state.validation_losses(arm)[1e3] == [math.inf]
    assert state.rate(arm) == 0.03
    assert look(state.study, tmp_path).tasks() == []  # and it is not tried again
    write_report(state, tmp_path)
    assert "| Two | 1000 | 1 of 1 not finite | 1 |  |" in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["arms"]["two"]["search"]["1000"] == [None]


def test_a_seed_that_diverges_is_counted_and_the_others_go_on(study, tmp_path):
    recipe = dataclasses.replace(study.arms[0].recipe, lr=1e3, steps=60)
    arms = (dataclasses.replace(study.arms[0], recipe=recipe, seeds=1), *study.arms[1:])
    state = look(dataclasses.replace(study, arms=arms), tmp_path)
    carry_out(state)
    again = look(state.study, tmp_path)
    assert (again.tasks(), [*again.diverged["one"]], again.seeds("one")) == ([], [0], set())
    write_report(again, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["arms"]["one"]["diverged"] == [0]
    assert re.search(r"\| One \| 60 \| 0 \|.*\| diverged: 1 \|", (tmp_path / "report.md").read_text())


class Told:
    """A search's trial whose last validation loss is made up."""

    def __init__(self, trial, at):
        self.trial, self.at = trial, at

    def loss(self, split):
        return [9.0, 1.0, 1.0, 2.0, 2.0, 2.5][self.at]


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
