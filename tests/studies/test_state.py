import dataclasses

import numpy as np
import pytest

from aezoo.studies.state import State, look
from aezoo.studies.work import carry_out

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


@pytest.fixture
def done(study, tmp_path):
    state = look(study, tmp_path)
    carry_out(state)
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
    assert slow.curve("validation", "loss")[1][-1] > fast.curve("validation", "loss")[1][-1]
    assert done.rate(study.arms[1]) == 0.03
    assert {run.trial.recipe.lr for run in done.arms["two"].values()} == {0.03}
    assert {run.trial.recipe.validation for run in done.arms["two"].values()} == {0.0}


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
