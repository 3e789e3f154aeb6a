"""Each target of the fuzzer gets a few inputs, the same every time. Many, and others: ``python tests/fuzz.py``."""

import pytest

from .fuzz import Targets, fuzz

TARGETS = (
    "config.json",
    "config.json of a run",
    "metrics.json",
    "run.json",
    "a checkpoint",
    "a result of the benchmark",
    "a record of weights",
    "model.safetensors",
    ".npy",
    ".npz",
    "a component",
    "a loss",
    "a model's name",
)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    made = Targets(tmp_path_factory.mktemp("fuzz"))
    assert tuple(made.all) == TARGETS
    return made


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_our_own_errors(targets, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = fuzz(name, targets, inputs=60)
    assert sum(said.values()) >= 60
