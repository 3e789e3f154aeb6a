import dataclasses
import itertools
import math

import pytest
import torch

from aezoo.specs import Recipe
from aezoo.training import optimizers


def rates(**settings):
    recipe = dataclasses.replace(Recipe(lr=2.0, steps=10), **settings)
    return [optimizers.rate(recipe, step) for step in range(recipe.steps)]


def test_constant():
    assert rates() == [2.0] * 10


def test_warm_up_rises_to_the_rate():
    assert rates(warmup=4)[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_fall_from_the_rate_towards_zero(schedule):
    falling = rates(schedule=schedule, warmup=2)[2:]
    assert falling[0] == 2.0
    assert all(later < earlier for earlier, later in itertools.pairwise(falling))
    expected = 2 * 1 / 8 if schedule == "linear" else 1 + math.cos(math.pi * 7 / 8)
    assert falling[-1] == pytest.approx(expected)


def test_clip_limits_the_norm_over_all_parameters():
    module = torch.nn.Linear(3, 3)
    (100 * module(torch.ones(1, 3)).sum()).backward()
    optimizers.clip(module, 0.5)
    norm = torch.cat([p.grad.flatten() for p in module.parameters()]).norm()
    assert norm == pytest.approx(0.5, rel=1e-4)
