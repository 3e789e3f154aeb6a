import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import aezoo
from aezoo.datasets.pipeline import open_dataset
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import host
from aezoo.studies import State, open_study
from aezoo.summary import summarize
from aezoo_study_cis680 import big, small
from aezoo_study_cis680.rows import settled
from aezoo_study_cis680.scale import DIMENSIONS, FULL
from aezoo_study_cis680.study import SHADED, SKETCHES, study

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


def test_claims_are_numbered_and_every_row_is_judged(full):
    assert [claim.number for claim in full.claims] == list(range(1, 16))


def test_every_row_reads_what_its_claim_is_about(full):
    """``rows.txt`` says it of each: read against the claims once, by eye, and held here since."""
    lines = []
    for claim in full.claims:
        lines += [f"{claim.number}. {claim.says}: {claim.rule}"]
        for row in claim.rows:
            sources = "; ".join(f"{source.arm} {source}" for source in row.sources)
            lines.append(f"    {row.case} | {row.number} {row.region} | {sources}")
    assert "\n".join([*lines, ""]) == (Path(__file__).parent / "rows.txt").read_text(encoding="utf-8")


def test_the_report_s_recipe(full):
    for name in (small.AE, small.VAE, "vae128", "vae16-wide"):
        recipe = arms(full)[name].recipe
        assert (recipe.steps, recipe.batch_size, recipe.optimizer, recipe.betas) == (1299, 64, "adam", (0.5, 0.999))
        assert (recipe.schedule, recipe.precision) == ("constant", "float32")


@pytest.mark.parametrize("model", ["ae", "vae16"])
def test_norm_and_start_are_crossed_and_nothing_else_is_varied(full, model):
    cells = {cell: arms(full)[f"{model}-{cell}"] for cell in small.CELLS}
    found = set()
    for cell, arm in cells.items():
        norm, init = cell.split("-")
        spec = arm.spec
        for part in ("encoder", "decoder"):
            options = dict(getattr(spec, part).options)
            assert (options.pop("norm"), options.pop("init")) == (norm, init)
            found.add((part, str(options)))
        same = dataclasses.replace(arm.recipe, lr=1e-3)
        assert (same, arm.search, arm.seeds) == (dataclasses.replace(cells["batch-default"].recipe, lr=1e-3), (), 15)
    assert len(found) == 2


def test_rates_are_cross_validated_within_the_training_images(full):
    for model in ("ae", "vae16"):
        for cell in small.CELLS:
            chosen, arm = (arms(full)[f"{prefix}{model}-{cell}"] for prefix in ("choice-", ""))
            tried = {(recipe.lr, recipe.fold, recipe.seed) for recipe in chosen.search}
            assert tried == {(lr, fold, fold) for lr in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2) for fold in range(5)}
            assert {(recipe.validation, recipe.steps) for recipe in chosen.search} == {(0.2, 1299)}
            assert (chosen.spec, chosen.seeds) == (arm.spec, 0)
            assert arm.recipe.lr == small.RATES[f"{model}-{cell}"]


def test_what_is_varied_beside_the_cells_is_one_thing(full):
    there = arms(full)
    base = there[small.VAE].spec
    for dim in DIMENSIONS:
        if dim != 16:
            assert there[f"vae{dim}"].spec == dataclasses.replace(base, bottleneck=base.bottleneck.replace(dim=dim))
    without = tuple(fact for fact in base.provides if fact != "posterior")
    off = dataclasses.replace(base, bottleneck=base.bottleneck.replace(sampling=False), provides=without)
    assert there["vae16-nosampling"].spec == off
    assert there["vae16-long"].spec == base
    rates = {there[name].recipe.lr for name in ("vae128", "vae16-wide", "vae16-long", small.VAE)}
    assert rates == {small.RATES[small.VAE]}


@pytest.mark.parametrize("role", ["on", "long", "off", "widest"])
def test_the_one_channel_map_is_all_that_is_taken_away(full, role):
    ways = {way.how: way for way in small.ways(FULL)}
    mapped = [how for how in ways if small.NO_MAP not in how]
    assert len(mapped) == 3
    for how in mapped:
        with_map, without = (arms(full)[getattr(ways[name], role)] for name in (how, f"{how}, {small.NO_MAP}"))
        decoder = with_map.spec.decoder.replace(layers=small.WIDE)
        assert without.spec == dataclasses.replace(with_map.spec, decoder=decoder)
        assert (without.recipe, without.marks) == (with_map.recipe, with_map.marks)
        assert without.seeds == with_map.seeds


@pytest.mark.parametrize(
    "name",
    [
        "ae-report",
        "ae-vector-report",
        *(f"vae16{decoder}-report-long" for decoder in ("", "-wide")),
        *(f"vae128{decoder}-report" for decoder in ("", "-wide")),
        *(f"vae16{decoder}-nosampling-report" for decoder in ("", "-wide")),
    ],
)
def test_the_report_s_recipe_is_tried_from_either_start(full, name):
    dcgan, other = arms(full)[name], arms(full)[name.replace("-report", "-report-default")]
    assert (dcgan.recipe, dcgan.marks, dcgan.seeds) == (other.recipe, other.marks, other.seeds)
    assert dcgan.recipe.lr == aezoo.Recipe().lr
    begun = [str(arm.spec) for arm in (dcgan, other)]
    assert begun[0].count("'dcgan'") == begun[1].count("'default'") == 2
    assert begun[0].replace("'dcgan'", "'default'") == begun[1]


@pytest.mark.parametrize(("bend", "slope"), [(0, 3.0), (100, 3.0)])
def test_the_gap_s_slope_is_that_of_least_squares(full, bend, slope):
    row = full.claims[6].rows[-1]
    doublings = np.log2(DIMENSIONS)
    gaps = slope * doublings + bend * np.array([1, -1, 0, 0, -1, 1])  # which no straight line follows, nor turns
    means = [mean for at, gap in enumerate(gaps) for mean in (gap + 7 * at, 7 * at)]
    assert row.statistic(*means) == pytest.approx(np.polyfit(doublings, gaps, 1)[0])
    assert row.statistic(*means) == pytest.approx(slope)
    assert [source.arm for source in row.sources[::2]] == ["vae4", "vae8", small.VAE, "vae32", "vae64", "vae128"]


def test_the_plain_network_of_depth_one_is_the_report_s(full):
    def layers(summary):
        return [(layer.kernel, layer.stride, layer.out_shape, layer.parameters, layer.macs) for layer in summary.layers]

    report = summarize(aezoo.create("cis680-vae512"))
    assert layers(arms(full)["plain-1"].summary) == layers(report)


def test_plain_and_residual_differ_in_the_shortcut_alone(full):
    for depth, path in ((1, 21), (4, 48)):
        plain, residual = (arms(full)[f"{kind}-{depth}"] for kind in ("plain", "residual"))
        assert (plain.summary.parameters, plain.summary.macs) == (residual.summary.parameters, residual.summary.macs)
        assert (big.compared_at(plain), plain.search) == (big.compared_at(residual), residual.search)
        assert plain.depth == residual.depth == path


def test_equal_compute_is(full):
    depths = [arms(full)[f"{kind}-{depth}"] for kind in ("plain", "residual") for depth in (1, 4)]
    most = max(arm.summary.macs for arm in depths)
    for arm in depths:
        first, second, spent = big.compared_at(arm)
        assert (first, second) == (500, 1000)
        assert spent * arm.summary.macs == pytest.approx(1000 * most, rel=0.02)
        assert {first, second, spent} <= set(arm.trial(0, 1e-3).marks)
        assert [recipe.lr for recipe in arm.search] == [1e-4, 3e-4, 1e-3, 3e-3]


def test_no_pair_is_judged_twice_on_the_same_runs(full):
    """Where a mark is the last step, equal steps and equal compute are one comparison."""
    last = {arm.name: arm.recipe.steps for arm in full.arms}

    def source(each):
        return (str(each), each.arm) if hasattr(each, "read") else (
            each.arm, each.split, each.measure, last.get(each.arm) if each.mark is None else each.mark
        )  # fmt: skip

    for claim in full.claims:
        seen = [
            (tuple(map(source, row.sources)), str(row.region))
            for row in claim.rows
            if not hasattr(row.sources[0], "read")
        ]
        assert len(seen) == len(set(seen)), claim.number


def test_quick_trials_are_not_full_ones(full):
    quick = study(quick=True)
    assert {(arm.seeds, arm.part == small.CHOICE) for arm in quick.arms} == {(1, False), (0, True)}
    assert arms(full)[small.AE].trial(0, 1e-3).key != arms(quick)[small.AE].trial(0, 1e-3).key


def of_any_length(row):
    """A row's arms, case, names and region, whatever the number of steps that they speak of."""
    texts = [re.sub(r"\b\d[\d,]+\b", "N", text) for text in (row.case, *row.names)]
    return row.arms, texts, str(row.region)


def test_on_drawn_faces_it_is_the_same_study(full):
    drawn = open_study("cis680(data='toyfaces')")
    assert [part.dataset for part in drawn.parts] == [SKETCHES, SHADED]
    real = [arm for arm in full.arms if arm.part != small.CHOICE]  # what was chosen on CUFS is taken over
    for ours, theirs in zip(real, drawn.arms, strict=True):
        recipe = dataclasses.replace(ours.recipe, dataset=theirs.recipe.dataset, steps=theirs.recipe.steps)
        assert (ours.name, ours.spec) == (theirs.name, theirs.spec)
        assert (recipe, len(ours.marks), ours.depth) == (theirs.recipe, len(theirs.marks), theirs.depth)
        assert theirs.seeds <= ours.seeds
        is_shorter = ours.part == big.PART or ours.name.endswith("-long")
        assert (theirs.recipe.steps < ours.recipe.steps) == is_shorter
    for ours, theirs in zip(full.claims, drawn.claims, strict=True):
        assert [of_any_length(row) for row in ours.rows] == [of_any_length(row) for row in theirs.rows]
    empty = State(drawn, Path())
    assert [section(empty) for section in drawn.sections] == [""]  # no table of what was chosen elsewhere
    splits = {split: len(open_dataset(SKETCHES, split)) for split in ("train", "test")}
    assert splits == {"train": 88, "test": 100}  # as CUFS


class Curve:
    def __init__(self, values):
        self.values = values

    def curve(self, split, name):
        return [10 * index for index in range(len(self.values))], self.values


@pytest.mark.parametrize(
    ("values", "half", "most"),
    [
        ([0, 50, 95, 105, 100], 0.25, 0.5),
        ([0, 25, 50, 75, 100], 0.5, 1),  # up from zero all along
        ([200, 120, 110, 100, 100], 0.25, 0.5),  # or down
        ([0, 60, 40, 95, 100], 0.75, 0.75),  # for good
        ([0, 650, 130, 100, 100], 0.5, 0.75),  # beyond it is as far as short of it
        ([100, 100, 100, 100, 100], 1, 1),  # it goes nowhere
    ],
)
def test_when_most_of_the_way_of_kl_lies_behind_it(values, half, most):
    assert (settled(Curve(values), 0.5), settled(Curve(values), 0.9)) == (half, most)


def test_a_run_may_be_taken_to_end_before_its_end():
    longer = Curve([0, 90, 100, 50, 0])
    assert (settled(longer, 0.5, end=20), settled(longer, 0.9, end=20)) == (0.5, 0.5)
    assert settled(longer, 0.5) == 1
