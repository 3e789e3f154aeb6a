"""The script makes a regressor that loads, the same each time; and its blur is a Gaussian one."""

import json

import pytest
import torch

from aezoo_factors import train
from aezoo_factors.regressor import load


def test_it_makes_the_same_network_again_and_its_record(tmp_path, monkeypatch):
    for name, value in {"TRAINED": 64, "HELD_OUT": 32, "STEPS": {"shaded": 6}, "BATCH": 48}.items():
        monkeypatch.setattr(train, name, value)
    scores = [train.train("shaded", tmp_path / name) for name in ("first", "second")]
    first, second = ((tmp_path / name / "shaded.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second
    record = json.loads((tmp_path / "first" / "shaded.json").read_text())
    assert record["validation"] == scores[0] == scores[1]
    assert record["recipe"]["steps"] == 6
    assert load("shaded", tmp_path / "first").sha256 == record["sha256"]


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_a_point_spreads_as_far_as_sigma_says(sigma):
    point = torch.zeros(1, 2, 33, 33)
    point[..., 16, 16] = 1
    spread = train.blurred(point, sigma)
    at = torch.arange(33.0) - 16
    for axis in (2, 3):
        assert (spread[0, 1].sum(axis - 2) * at.square()).sum().sqrt() == pytest.approx(sigma, rel=0.03)
    torch.testing.assert_close(spread.sum((2, 3)), torch.ones(1, 2))
    torch.testing.assert_close(train.blurred(torch.ones(1, 1, 9, 9), sigma), torch.ones(1, 1, 9, 9))
