import dataclasses

import pytest

import aezoo
from aezoo.errors import UnknownNameError
from aezoo.plugins import host
from aezoo.studies import cis680
from aezoo.studies.claims import PerRun
from aezoo.studies.report import longest_path
from aezoo.summary import summarize

needs_plugin = pytest.mark.skipif(
    "residual" not in aezoo.list_names("encoder"), reason="aezoo-residual is not installed"
)


@pytest.fixture(scope="module")
def full():
    return cis680.study()


@pytest.fixture
def without_plugins(monkeypatch):
    monkeypatch.setenv("AEZOO_PLUGINS", "")
    host.cache_clear()
    yield
    host.cache_clear()


def arms(study):
    return {arm.name: arm for arm in study.arms}


@needs_plugin
def test_every_claim_is_of_arms_that_there_are(full):
    declared = {*arms(full), cis680.PUBLISHED}
    claims = cis680.claims()
    assert [claim.number for claim in claims] == list(range(1, 11))
    for claim in claims:
        assert {source.arm for row in claim.rows for source in row.sources} <= declared
        assert len({row.case for row in claim.rows if row.region}) == sum(row.region is not None for row in claim.rows)


@needs_plugin
def test_marks_that_claims_ask_for_are_kept(full):
    for claim in cis680.claims():
        for row in claim.rows:
            for source in row.sources:
                if source.arm != cis680.PUBLISHED and not isinstance(source, PerRun) and source.mark:
                    assert source.mark in arms(full)[source.arm].trial(0, 1e-3).marks


def test_the_report_s_recipe():
    study = cis680.study(only="cufs")
    for name in ("ae", "vae16", "vae128"):
        recipe = arms(study)[name].recipe
        assert (recipe.steps, recipe.batch_size, recipe.lr, recipe.betas) == (1299, 64, 1e-3, (0.5, 0.999))
    assert {arm.seeds for arm in study.arms if arm.part == "cufs"} == {5}


def test_the_sweep_differs_in_the_dimensions_alone():
    there = arms(cis680.study(only="cufs"))
    for dim in cis680.DIMENSIONS:
        bottleneck = there["vae16"].spec.bottleneck.replace(dim=dim)
        assert there[f"vae{dim}"].spec == dataclasses.replace(there["vae16"].spec, bottleneck=bottleneck)


@needs_plugin
def test_the_plain_network_of_depth_one_is_the_report_s(full):
    def layers(summary):
        return [(layer.kernel, layer.stride, layer.out_shape, layer.parameters, layer.macs) for layer in summary.layers]

    report = summarize(aezoo.create("cis680-vae512"))
    assert layers(arms(full)["plain-1"].summary) == layers(report)


@needs_plugin
def test_plain_and_residual_differ_in_the_shortcut_alone(full):
    for depth, path in ((1, 21), (2, 30), (4, 48)):
        plain, residual = (arms(full)[f"{kind}-{depth}"] for kind in ("plain", "residual"))
        assert (plain.summary.parameters, plain.summary.macs) == (residual.summary.parameters, residual.summary.macs)
        assert (plain.recipe, plain.search) == (residual.recipe, residual.search)
        assert longest_path(plain) == longest_path(residual) == path


@needs_plugin
def test_equal_compute_is(full):
    depths = [arm for arm in full.arms if arm.part == "celeba"]
    most = max(arm.summary.macs for arm in depths)
    for arm in depths:
        assert arm.recipe.steps * arm.summary.macs == pytest.approx(700 * most, rel=1e-3)
        assert 700 in arm.trial(0, 1e-3).marks
        assert {(recipe.lr, recipe.validation, recipe.steps) for recipe in arm.search} == {
            (1e-3, 0.05, 350),
            (3e-4, 0.05, 350),
        }


def test_quick_trials_are_not_full_ones():
    full, quick = (arms(cis680.study(quick=quick, only="cufs"))["ae"].trial(0, 1e-3).key for quick in (False, True))
    assert full != quick


def test_without_the_plugin_only_cufs_can_be_done(without_plugins):
    assert {arm.part for arm in cis680.study(only="cufs").arms} == {"cufs"}
    with pytest.raises(UnknownNameError, match=r"needs the plugin aezoo-residual.*\n.*--only cufs"):
        cis680.study()


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
    assert cis680.settled(Curve(values)) == share
