"""How many threads a run has: as many as cores are idle, and never more than torch's own."""

import pytest
import torch

import aezoo
from aezoo.training import environment
from aezoo.training.environment import free_threads, other_ways
from aezoo.weights.folder import write_config


@pytest.fixture
def four_cores(monkeypatch):
    """Four of which torch would use all, with loads that a test says."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    return lambda *loads: monkeypatch.setattr(environment.psutil, "cpu_percent", lambda _, percpu: [*loads])


@pytest.mark.parametrize(
    ("loads", "threads"),
    [
        ((0.0, 0.0, 0.0, 0.0), 4),
        ((3.0, 10.0, 5.0, 20.0), 4),  # what a desktop does by itself is no reason
        ((100.0, 0.0, 2.0, 0.0), 3),
        ((100.0, 100.0, 100.0, 100.0), 1),
        ((0.0, 0.0, 0.0, 0.0, 100.0, 100.0), 4),  # cores that this process may not use
        ((0.0,) * 2, 2),
    ],
)
def test_threads_are_the_idle_cores(four_cores, loads, threads):
    four_cores(*loads)
    assert free_threads() == threads


def test_what_the_user_says_goes_before(four_cores, monkeypatch):
    four_cores(100.0, 100.0, 100.0, 100.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert free_threads() == 4


def test_another_precision_or_number_of_processes_is_said(tmp_path):
    now = {"precision": "float32", "processes": 1}
    assert not other_ways(tmp_path, now)
    spec = aezoo.describe("cis680-vae16")
    write_config(tmp_path, spec, training={"precision": "float32", "processes": 1})
    assert not other_ways(tmp_path, now)
    write_config(tmp_path, spec, training={"precision": "bfloat16", "processes": 2})
    assert other_ways(tmp_path, now) == "precision bfloat16 (now float32), processes 2 (now 1)"
