import dataclasses
import itertools
import math

import pytest
import torch

from aezoo.errors import OptionError
from aezoo.recipe import Recipe
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


def stepped(**settings):
    """How far one step of an optimiser moves a linear layer whose gradient is large."""
    recipe = dataclasses.replace(Recipe(lr=0.1), **settings)
    module = torch.nn.Linear(3, 3)
    before = torch.nn.utils.parameters_to_vector(module.parameters()).detach()
    stepper = optimizers.Stepper(module.parameters(), recipe, torch.device("cpu"), recipe.lr, recipe.betas)
    (100 * module(torch.ones(1, 3)).sum()).backward()
    stepper.step(0)
    return (torch.nn.utils.parameters_to_vector(module.parameters()) - before).norm().item()


def test_clip_limits_the_norm_over_all_parameters():
    assert stepped(optimizer="sgd", clip_norm=0.5, weight_decay=0.0) == pytest.approx(
        0.1 * 0.5 * 1.9, rel=1e-4
    )  # with Nesterov's momentum


@pytest.mark.parametrize("name", ["lion", "nadamw", "adamw"])
def test_optimizers_by_name(name):
    assert stepped(optimizer=name) > 0.1


def test_an_optimizer_that_nobody_knows():
    with pytest.raises(OptionError, match=r"no optimizer 'adamx': did you mean .*adamax"):
        stepped(optimizer="adamx")
