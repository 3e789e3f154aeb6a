import dataclasses
import math

import numpy as np
import pytest
import torch

from aezoo.studies import (
    Arm,
    Claim,
    Part,
    PerRun,
    Published,
    Region,
    Study,
    Values,
    alone,
    difference,
    gap,
    gap_difference,
    ratio,
)
from aezoo.studies.state import Other, State
from aezoo.studies.statistics import holm
from aezoo.studies.text import measured, verdict
from aezoo.studies.verdicts import judge, judge_all

PART = Part(name="toy", dataset="toyfaces", needed=2)
ANY = {"case": "", "names": ("a", "b")}
DATA = {"train": "these", "test": "those"}


class Run:
    """A finished trial whose values are ``level`` and a little for each image."""

    def __init__(self, level):
        self.level, self.warnings, self.training = level, {}, {"data": DATA}

    def groups(self, split, mark=None, *, whole=False):
        return None

    def values(self, split, name, mark=None, *, whole=False):
        if name == "rank":  # of the set
            return np.array([self.level])
        images = {"train": np.arange(4), "test": np.arange(5)}[split]
        return self.level + {"train": 0, "test": 1}[split] + 0.01 * images + {"bce": 10, "kl": 2}.get(name, 0)


@pytest.fixture
def state(trial):
    one = trial()
    arms = tuple(
        Arm(name=name, part="toy", spec=one.spec, recipe=one.recipe) for name in ("low", "high", "short", "none")
    )
    others = (Published(name="published", model="cis680-ae", part="toy"),)
    runs = {
        "low": {seed: Run(seed) for seed in range(3)},
        "high": {seed: Run(seed + 5) for seed in range(3)},
        "short": {1: Run(1)},
    }
    return State(Study(name="s", title="S", parts=(PART,), arms=arms, others=others), None, arms=runs)


def test_a_difference_is_paired_by_seed_and_image(state):
    row = difference(Values("high", "test", "mse"), Values("low", "test", "mse"), region=Region(low=0), **ANY)
    found = judge(row, state)
    assert (found.interval.low, found.interval.high) == pytest.approx((5, 5))
    assert (found.seeds, found.images, found.part) == ((0, 1, 2), {"test": 5}, "toy")
    assert found.by_seed == pytest.approx((5, 5, 5))
    assert found.means == pytest.approx({"a": 7.02, "b": 2.02})


def test_a_gap_is_of_two_sets_of_images(state):
    found = judge(gap("low", "mse", case="", region=Region(high=0)), state)
    assert found.interval.estimate == pytest.approx(1.005)
    assert found.interval.low < found.interval.estimate < found.interval.high
    assert found.images == {"test": 5, "train": 4}


def test_measures_add_up_image_by_image(state):
    row = ratio(Values("low", "test", "bce + kl"), Values("low", "test", "mse"), region=Region(low=0), **ANY)
    assert judge(row, state).means == pytest.approx({"a": 2 * 2.02 + 12, "b": 2.02})


def test_a_difference_of_gaps(state):
    row = gap_difference("high", "low", "mse", case="", names=("high", "low"), region=Region(low=0))
    found = judge(row, state)
    assert found.interval.estimate == pytest.approx(0)
    assert found.means["high test"] - found.means["low test"] == pytest.approx(5)


def test_a_number_of_each_run(state):
    row = alone(PerRun("low", "level", lambda run: run.level), case="", number="level", region=Region(-1, 3))
    found = judge(row, state)
    assert (found.interval.estimate, [freedom for _, freedom in found.interval.parts]) == (1, [2])
    assert found.interval.error == pytest.approx(1 / 3**0.5)
    assert (found.by_seed, found.images) == ((0, 1, 2), {})


def test_a_number_of_a_set_is_judged_over_seeds(state):
    row = alone(Values("low", "test", "rank"), case="", number="rank", region=Region(high=10))
    found = judge(row, state)
    assert (found.interval.estimate, found.images) == (1, {})
    assert found.interval.error == pytest.approx(1 / math.sqrt(3))


def test_only_the_seeds_that_all_have_count(state):
    row = difference(Values("low", "test", "mse"), Values("short", "test", "mse"), region=Region(high=1), **ANY)
    found = judge(row, state)
    assert (found.seeds, found.interval.estimate) == ((1,), 0)
    assert math.isnan(found.p)  # one seed of two


def test_a_seed_with_a_dead_decoder_is_counted_and_left_out(state):
    row = difference(Values("low", "test", "mse"), Values("high", "test", "mse"), region=Region(high=1), **ANY)
    before = judge(row, state)
    assert before.with_dead == before.interval
    state.arms["high"][1].warnings["dead"] = "no pixel changes"
    found = judge(row, state)
    assert (found.seeds, found.dead) == ((0, 2), 1)
    assert not math.isnan(found.p)
    assert found.with_dead == before.interval  # which is shown beside
    for run in state.arms["high"].values():
        run.warnings["dead"] = "no pixel changes"
    found = judge(row, state)
    assert (found.seeds, found.dead, found.missing) == ((), 3, ())
    assert math.isnan(found.p)
    assert measured(found) == "nothing: every decoder is dead"
    assert verdict(state, found) == "too few live seeds (0 of 2)"


def test_what_is_missing_is_named(state):
    row = difference(Values("low", "test", "mse"), Values("none", "test", "mse"), region=Region(high=1), **ANY)
    assert judge(row, state).missing == ("none",)


def test_a_model_from_elsewhere_is_one_run_that_is_judged_over_images(state):
    tensors = {"test/mse": torch.full((5,), 3.0), "train/mse": torch.full((4,), 2.0)}
    state.others["published"] = Other(None, tensors, DATA)
    row = ratio(Values("published", "test", "mse"), Values("published", "train", "mse"), region=Region(high=2), **ANY)
    found = judge(row, state)
    assert (found.interval.estimate, found.seeds, found.p) == (1.5, (0,), 2**-3)  # of four images, all alike


def test_arms_of_other_images_are_compared_image_set_by_image_set(state):
    class Held(Run):
        def values(self, split, name, mark=None, *, whole=False):
            return super().values(split, name, mark)[:3]

    for seed, run in state.arms["high"].items():
        state.arms["high"][seed] = held = Held(run.level)
        held.training = {"data": {"train": "fewer", "test": "those"}}
    row = difference(Values("high", "train", "mse"), Values("low", "train", "mse"), region=Region(low=0), **ANY)
    found = judge(row, state)
    assert found.images == {"train of high": 3, "train of low": 4}
    assert [freedom for _, freedom in found.interval.parts][-2:] == [2, 3]  # each set by itself


def test_of_a_measure_that_is_of_fewer_images_the_first_ones_count(state):
    class More(Run):
        def values(self, split, name, mark=None, *, whole=False):
            return np.arange(3.0 if name == "ssim" else 4.0)

    state.arms["low"] = {seed: More(seed) for seed in range(3)}
    row = difference(Values("low", "train", "mse"), Values("low", "train", "ssim + mse"), region=Region(high=0), **ANY)
    found = judge(row, state)
    assert (found.images, found.means) == ({"train": 3}, {"a": 1.0, "b": 2.0})


def test_a_seed_that_diverged_is_counted(state):
    row = difference(Values("low", "test", "mse"), Values("none", "test", "mse"), region=Region(low=0), **ANY)
    state.diverged["none"] = {0: None, 1: None}
    found = judge(row, state)
    assert (found.missing, found.diverged) == ((), 2)
    assert measured(found) == "nothing: every run diverged"
    assert verdict(state, found) == "too few seeds (0 of 2)"
    del state.arms["high"][2]
    state.diverged["high"] = {2: None}
    alive = judge(
        difference(*(Values(arm, "test", "mse") for arm in ("low", "high")), region=Region(low=0), **ANY), state
    )
    assert (alive.seeds, alive.diverged, alive.missing) == ((0, 1), 1, ())


@pytest.mark.parametrize(("marks", "n"), [((None, None), 8), ((3, None), 4), ((3, 3), 4)])
def test_all_training_images_count_where_every_source_is_of_the_last_step(state, marks, n):
    class More(Run):
        def values(self, split, name, mark=None, *, whole=False):
            return np.full(8 if whole else 4, 1.0)

    state.arms["low"] = {seed: More(seed) for seed in range(3)}
    row = ratio(*(Values("low", "train", "mse", mark) for mark in marks), region=Region(high=2), **ANY)
    assert judge(row, state).images == {"train": n}


def test_a_number_that_is_not_finite_is_no_verdict(state):
    values = torch.tensor([math.inf, 1, 1], dtype=torch.float64)
    state.others["published"] = Other(None, {"test/mse": values}, DATA)
    row = ratio(*[Values("published", "test", "mse")] * 2, region=Region(high=2), **ANY)
    found = judge(row, state)
    assert math.isnan(found.p)
    assert verdict(state, found) == "not finite"


def test_a_quick_study_says_nothing(state):
    state.study = dataclasses.replace(state.study, quick=True)
    row = difference(Values("high", "test", "mse"), Values("low", "test", "mse"), region=Region(low=0), **ANY)
    assert math.isnan(judge(row, state).p)


def test_all_rows_are_one_family(state):
    level = PerRun("low", "level", lambda run: run.level)  # 0, 1, 2: a mean of 1
    edges = (0.2, 3.8, 30, -30)
    rows = [alone(level, case=str(edge), number="level", region=Region(low=edge)) for edge in edges]
    missing = difference(Values("low", "test", "mse"), Values("none", "test", "mse"), region=Region(low=0), **ANY)
    claims = (
        Claim(number=1, says="", rule="", rows=(*rows[:2], missing)),
        Claim(number=2, says="", rule="", rows=tuple(rows[2:])),
    )
    state.study = dataclasses.replace(state.study, claims=claims)
    alone_p = [judge(row, state).p for row in rows]
    (_, (first, second, third)), (_, others) = judge_all(state)
    found = (first, second, *others)
    assert [each.p for each in found] == pytest.approx(holm(alone_p, 5))  # the one to come is counted
    assert [each.verdict for each in found] == ["undecided", "undecided", "does not hold", "holds"]
    assert alone_p[1] < 0.05 < second.p  # by itself it would be a verdict
    assert (third.missing, third.verdict) == (("none",), "")


@pytest.mark.parametrize("known", [{"low", "high"}, {"low"}])
def test_images_of_one_thing_count_as_one_where_every_run_says_so(state, known):
    class Grouped(Run):
        def groups(self, split, mark=None, *, whole=False):
            return {"train": np.array([0, 0, 1, 1]), "test": np.array([3, 3, 3, 5, 5])}[split]

    for arm in known:
        state.arms[arm] = {seed: Grouped(run.level) for seed, run in state.arms[arm].items()}
    row = difference(Values("low", "test", "mse"), Values("high", "test", "mse"), region=Region(high=0), **ANY)
    found = judge(row, state)
    assert found.images == {"test": 5}
    assert found.groups == ({"test": 2} if known == {"low", "high"} else {})
    assert [freedom for _, freedom in found.interval.parts] == ([2, 1] if found.groups else [2, 4])


def test_a_gap_is_at_its_mark():
    row = gap("low", "mse", case="", region=Region(low=0), mark=200)
    assert [(source.arm, source.split, source.mark) for source in row.sources] == [
        ("low", "test", 200),
        ("low", "train", 200),
    ]


def test_groups_of_more_images_than_were_measured_are_cut(state):
    class Measured(Run):
        """Of a metric that takes minutes fewer images are measured than there are."""

        def values(self, split, name, mark=None, *, whole=False):
            return super().values(split, name, mark)[:3]

        def groups(self, split, mark=None, *, whole=False):
            return np.array([3, 3, 5, 5, 5])

    state.arms["low"] = {seed: Measured(run.level) for seed, run in state.arms["low"].items()}
    found = judge(alone(Values("low", "test", "mse"), case="", number="", region=Region(low=0)), state)
    assert (found.images, found.groups) == ({"test": 3}, {"test": 2})
