import dataclasses

import pytest

from aezoo.plain import Component
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.weights.card import card, heading

METRICS = {
    "train": {"mse": 0.1, "psnr": 10.0},
    "test": {"mse": 0.2, "psnr": None, "mine": 3.0},
    "mean-image": {"train": {"mse": 0.3}, "test": {"mse": 0.4}},
    "protocol": {"images": {"train": 4, "test": 2}, "seed": 0, "z": "mse: the mean"},
}


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("psnr", "psnr (dB) ↑"),
        ("mse", "mse ↓"),
        ("kl", "kl (nats)"),
        ("nobody-s", "nobody-s"),
        ("no (name", "no (name"),
    ],
)
def test_a_heading_says_unit_and_better_end(metric, shown):
    assert heading(metric) == shown


@pytest.fixture
def text(tiny):
    def write(**changes):
        dataset = registry().find("dataset", "toyfaces").spec
        spec = dataclasses.replace(tiny, prior=Component("aezoo/standard"), **changes)
        return card(spec, Recipe(), METRICS, dataset, name="tiny", source="local-dir:tiny")

    return write


def test_the_table_has_every_number_and_no_more(text):
    lines = [line for line in text().splitlines() if line.startswith("|")]
    assert lines[:6] == [
        "| model | split | mse ↓ | psnr (dB) ↑ | mine |",
        "|---|---|---|---|---|",
        "| tiny | train | 0.1 | 10 |  |",
        "| tiny | test | 0.2 |  | 3 |",
        "| mean-image | train | 0.3 |  |  |",
        "| mean-image | test | 0.4 |  |  |",
    ]


def test_every_part_is_a_setting(text):
    assert "| prior | `aezoo/standard` |\n| decoder | " in text()
    assert "| likelihood | `bernoulli` |" in text()
    assert "| built by | `mine:Whole` |" in text(implementation="mine:Whole")
