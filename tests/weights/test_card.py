import dataclasses
from types import SimpleNamespace

import pytest
from huggingface_hub import ModelCard

from aezoo.plain import Component
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.weights.card import card, heading

METRICS = {
    "train": {"mse": 0.1, "psnr": 10.0},
    "test": {"mse": 0.2, "psnr": None, "mine": 3.0},
    "mean-image": {"train": {"mse": 0.3}, "test": {"mse": 0.4}},
    "protocol": {
        "image": {"size": [8, 8], "channels": 1},
        "images": {"train": 4, "test": 2},
        "seed": 0,
        "z": "mse: the mean",
    },
}


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("psnr", "psnr (dB) ↑"),
        ("mse", "mse ↓"),
        ("kl", "kl (nats)"),
        ("nobody-s", "nobody-s"),
        ("no (name", "no (name"),
        ("kl[3]", "kl[3]"),
    ],
)
def test_a_heading_says_unit_and_better_end(metric, shown):
    assert heading(metric) == shown


@pytest.fixture
def text(tiny):
    def write(**changes):
        dataset = registry().find("dataset", "toyfaces").spec
        spec = dataclasses.replace(tiny, prior=Component("aezoo/standard"), **changes)
        model = SimpleNamespace(spec=spec, sizes="any multiples of 4", latent_shape=(2, 4, 4), statistics="channel")
        return card(model, Recipe(), METRICS, dataset, name="tiny", source="local-dir:tiny")

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


def test_the_hub_reads_every_number_and_what_it_was_measured_on(text):
    data = ModelCard(text()).data
    known = {(each.dataset_split, each.metric_type): each for each in data.eval_results}
    assert {key: each.metric_value for key, each in known.items()} == {
        ("train", "mse"): 0.1,
        ("train", "psnr"): 10.0,
        ("test", "mse"): 0.2,
        ("test", "mine"): 3.0,
    }
    assert {split: known[split, "mse"].dataset_args["images"] for split in ("train", "test")} == {"train": 4, "test": 2}
    assert known["test", "mse"].metric_args == {"seed": 0, "mean_image": 0.4}
    again = ModelCard(f"---\n{data.to_yaml()}\n---\n").data  # the client writes what it has read
    assert again.eval_results == data.eval_results


def test_the_hub_is_told_what_a_number_is(text, monkeypatch):
    monkeypatch.setitem(METRICS["protocol"], "metrics", {"mse": "aezoo/mse@1"})
    known = {each.metric_type: each.metric_args for each in ModelCard(text()).data.eval_results}
    assert known["mse"]["protocol"] == "aezoo/mse@1"
    assert known["mine"] == {"seed": 0}
    monkeypatch.setitem(METRICS["test"], "mse[worst]", 9.0)
    known = {each.metric_type: each.metric_args for each in ModelCard(text()).data.eval_results}
    assert known["mse[worst]"] == {"seed": 0, "protocol": "aezoo/mse@1"}


def test_it_names_the_packages_that_it_needs(text):
    assert "It needs the package" not in text()
    assert "It needs the package aezoo-x.\n" in text(encoder=Component("aezoo-x/mine"))
    assert "packages aezoo-x, aezoo-y.\n" in text(encoder=Component("aezoo-x/a"), decoder=Component("aezoo-y/b"))


def test_it_says_which_sizes_the_model_takes(text):
    assert "| image | `8x8x1`; it takes any multiples of 4 |" in text()
    assert "| latent | `(2, 4, 4)`, mean and deviation stored of each channel |" in text()


def test_every_part_is_a_setting(text):
    assert "| prior | `aezoo/standard` |\n| decoder | " in text()
    assert "| likelihood | `bernoulli` |" in text()
    assert "| built by | `mine:Whole` |" in text(implementation="mine:Whole")
