import dataclasses
import json

import numpy as np
import pytest

import aezoo
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import host
from aezoo.studies import State, open_study
from aezoo.studies.report import write_report
from aezoo.studies.state import look
from aezoo.studies.verdicts import judge_all
from aezoo.studies.work import carry_out
from aezoo_study_mnist.study import DIMENSIONS, likelihoods, study

NAME = "aezoo-study-mnist"


@pytest.fixture(scope="module")
def full():
    return study()


def arms(made):
    return {arm.name: arm for arm in made.arms}


def test_it_loads_and_brings_what_aezoo_says_that_it_does():
    [record] = [record for record in host().records if record.distribution == NAME]
    assert (record.status, record.warnings) == ("ok", [])
    assert {kind: tuple(sorted(names)) for kind, names in record.registered.items()} == KNOWN_PLUGINS[NAME]


def test_the_vae_is_trained_by_its_published_recipe(full):
    recipe = aezoo.plugins.registry().find("model", "vae-mnist").spec.tag("mnist").recipe
    assert arms(full)["vae"].recipe == dataclasses.replace(recipe, metrics=())  # which the arm measures by itself


def test_arms_of_iwae_differ_in_the_loss_alone(full):
    compared = [arms(full)[name] for name in ("vae-short", "iwae-5", "iwae-50")]
    assert [arm.recipe.loss for arm in compared] == ["bce + kl", "iwae(samples=5)", "iwae(samples=50)"]
    assert len({(arm.spec, dataclasses.replace(arm.recipe, loss=""), arm.measures) for arm in compared}) == 1


def test_sphere_and_gaussian_have_as_many_dimensions(full):
    for dim in DIMENSIONS:
        sphere, gaussian = arms(full)[f"svae-{dim}"], arms(full)[f"gaussian-{dim}"]
        assert dict(sphere.spec.bottleneck.options)["dim"] == dim + 1  # of the space around it
        assert dict(gaussian.spec.bottleneck.options)["dim"] == dim
        assert (sphere.recipe, sphere.seeds, sphere.measures) == (gaussian.recipe, gaussian.seeds, gaussian.measures)


class Run:
    """A finished trial whose likelihood is a level and a little of the seed."""

    warnings, training = {}, {"data": {"test": "those"}}

    def __init__(self, level, seed):
        images = np.linspace(-1, 1, 1001)  # which differ alike in every run
        nll = level + 0.01 * np.random.default_rng((seed, int(100 * level))).normal() + images
        self.known = {"nll_is(samples=200)": nll, "nll_is(samples=200)[ess]": np.full(1001, 20.0)}

    def groups(self, split, mark=None, *, whole=False):
        return None

    def values(self, split, name, mark=None, *, whole=False):
        assert split == "test"
        return self.known[name]


TRUE = {"vae": 89.8, "vae-short": 92, "iwae-5": 91, "iwae-50": 90}
TRUE |= {"svae-5": 108, "gaussian-5": 110, "svae-10": 93, "gaussian-10": 94}
FALSE = {"vae": 90.6, "vae-short": 89, "iwae-5": 90, "iwae-50": 91}
FALSE |= {"svae-5": 110, "gaussian-5": 108, "svae-10": 94, "gaussian-10": 93}


@pytest.mark.parametrize(("levels", "said"), [(TRUE, "holds"), (FALSE, "does not hold")])
def test_every_row_of_a_planted_study_is_judged_right(full, levels, said):
    state = State(full, None, arms={
        arm.name: {seed: Run(levels[arm.name], seed) for seed in range(arm.seeds)} for arm in full.arms
    })  # fmt: skip
    verdicts = {(claim.number, each.row.case): each.verdict for claim, found in judge_all(state) for each in found}
    assert set(verdicts.values()) == {said}, verdicts
    assert len(verdicts) == 6


def test_a_likelihood_too_good_is_none_that_was_published(full):
    state = State(full, None, arms={"vae": {seed: Run(89.1, seed) for seed in range(3)}})
    assert judge_all(state)[0][1][0].verdict == "does not hold"


def test_what_was_published_stands_beside_what_was_measured(full):
    assert likelihoods(State(full, None)) == ""
    text = likelihoods(State(full, None, arms={"vae": {seed: Run(89.8, seed) for seed in range(3)}}))
    assert "| VAE | 89.9 |  | 89.8" in text
    assert "| 20.00 ± 0 | 250,000 of 100 |" in text


@pytest.mark.slow
def test_a_quick_study_runs_from_end_to_end(mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_DATA", str(mnist))
    quick = open_study("mnist", quick=True)
    state = look(quick, tmp_path)
    carry_out(state)
    write_report(look(quick, tmp_path), tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert all("estimate" in row for claim in report["claims"] for row in claim["rows"])
    assert "quick: no verdicts" in (tmp_path / "report.md").read_text()
