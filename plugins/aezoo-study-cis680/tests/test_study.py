import dataclasses
import subprocess
import sys

import pytest

import aezoo
from aezoo.catalog.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import host
from aezoo.studies import open_study
from aezoo.summary import summarize
from aezoo_study_cis680.claims import settled
from aezoo_study_cis680.scale import DIMENSIONS
from aezoo_study_cis680.study import study

NAME = "aezoo-study-cis680"


@pytest.fixture(scope="module")
def full():
    return study()


def arms(made):
    return {arm.name: arm for arm in made.arms}


def test_it_loads_and_brings_what_aezoo_says_that_it_does():
    [record] = [record for record in host().records if record.distribution == NAME]
    assert (record.status, record.warnings) == ("ok", [])
    assert record.registered == {"study": list(KNOWN_PLUGINS[NAME]["study"])}


def test_it_is_opened_by_its_name(full):
    assert open_study("cis680").name == "cis680"
    assert [arm.name for arm in open_study("cis680", quick=True).arms] == list(arms(full))


def test_it_imports_no_torch():
    code = "import sys, aezoo_study_cis680 as s; list(s.aezoo_specs()); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_there_are_ten_claims(full):
    assert [claim.number for claim in full.claims] == list(range(1, 11))


def test_the_report_s_recipe(full):
    for name in ("ae", "vae16", "vae128"):
        recipe = arms(full)[name].recipe
        assert (recipe.steps, recipe.batch_size, recipe.lr, recipe.betas) == (1299, 64, 1e-3, (0.5, 0.999))
    assert {arm.seeds for arm in full.arms_of("cufs")} == {5}
    assert {arm.seeds for arm in full.arms_of("celeba")} == {3}


def test_the_sweep_differs_in_the_dimensions_alone(full):
    there = arms(full)
    for dim in DIMENSIONS:
        bottleneck = there["vae16"].spec.bottleneck.replace(dim=dim)
        assert there[f"vae{dim}"].spec == dataclasses.replace(there["vae16"].spec, bottleneck=bottleneck)


def test_the_plain_network_of_depth_one_is_the_report_s(full):
    def layers(summary):
        return [(layer.kernel, layer.stride, layer.out_shape, layer.parameters, layer.macs) for layer in summary.layers]

    report = summarize(aezoo.create("cis680-vae512"))
    assert layers(arms(full)["plain-1"].summary) == layers(report)


def test_plain_and_residual_differ_in_the_shortcut_alone(full):
    for depth, path in ((1, 21), (2, 30), (4, 48)):
        plain, residual = (arms(full)[f"{kind}-{depth}"] for kind in ("plain", "residual"))
        assert (plain.summary.parameters, plain.summary.macs) == (residual.summary.parameters, residual.summary.macs)
        assert (plain.recipe, plain.search) == (residual.recipe, residual.search)
        assert plain.depth == residual.depth == path


def test_equal_compute_is(full):
    depths = full.arms_of("celeba")
    most = max(arm.summary.macs for arm in depths)
    for arm in depths:
        assert arm.recipe.steps * arm.summary.macs == pytest.approx(700 * most, rel=1e-3)
        assert 700 in arm.trial(0, 1e-3).marks
        assert {(recipe.lr, recipe.validation, recipe.steps) for recipe in arm.search} == {
            (1e-3, 0.05, 350),
            (3e-4, 0.05, 350),
        }


def test_quick_trials_are_not_full_ones(full):
    quick = study(quick=True)
    assert {arm.seeds for arm in quick.arms} == {1}
    assert arms(full)["ae"].trial(0, 1e-3).key != arms(quick)["ae"].trial(0, 1e-3).key


class Curve:
    def __init__(self, values):
        self.values = values

    def curve(self, split, name):
        return [10 * index for index in range(len(self.values))], self.values


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ([0, 50, 95, 105, 100], 0.5),
        ([100, 100, 100, 100, 100], 0),
        ([0, 100, 0, 0, 100], 1),
        ([0, 95, 50, 95, 100], 0.75),
    ],
)
def test_kl_has_settled_when_it_stays_near_its_last_value(values, share):
    assert settled(Curve(values)) == share
