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
    assert optimizers.rate(Recipe(schedule=schedule, steps=10), 15) == 0


def test_schedules_of_timm():
    share = torch.arange(10) / 10
    tanh = 1 - torch.tanh(-7 * (1 - share) + 3 * share)  # from -7 to 3, as in arXiv:1806.01593
    assert rates(schedule="tanh") == pytest.approx(tanh.tolist())
    assert rates(schedule="wsd") == pytest.approx([2.0] * 9 + [2 * (1 - math.sqrt(0.5))])  # arXiv:2405.18392
    steps = [2.0] * 3 + [0.2] * 3 + [0.02] * 3 + [0.002]
    assert rates(schedule="step") == pytest.approx(steps)
    assert rates(schedule="step", steps=12, warmup=2)[2:] == pytest.approx(steps)
    assert rates(schedule="step", decay_rate=0.5)[-1] == pytest.approx(2.0 / 8)


def test_milestones_are_shares_of_the_run():
    assert rates(schedule="multistep") == pytest.approx([2.0] * 3 + [0.2] * 3 + [0.02] * 3 + [0.002])
    halved = rates(schedule="multistep", decay_milestones=(0.2, 0.7), decay_rate=0.5, steps=12, warmup=2)
    assert halved[2:] == [2.0] * 2 + [1.0] * 5 + [0.5] * 3


def test_a_rate_depends_on_its_step_alone():
    recipe = Recipe(schedule="wsd", steps=10)
    last, first, again = (optimizers.rate(recipe, step) for step in (9, 0, 9))
    assert last == again < first


def test_a_schedule_that_an_older_timm_lacks(monkeypatch):
    def unknown(*_, **__):
        raise ValueError("Unknown scheduler 'wsd'.")

    optimizers._schedule_of_timm.cache_clear()
    monkeypatch.setattr("timm.scheduler.create_scheduler_v2", unknown)
    with pytest.raises(OptionError, match="schedule 'wsd' needs a later timm"):
        rates(schedule="wsd")


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


def test_an_optimizer_that_needs_second_derivatives_is_refused():
    with pytest.raises(OptionError, match="'adahessian' needs second derivatives"):
        stepped(optimizer="adahessian")


def test_an_optimizer_that_this_machine_cannot_have_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="'fusedadam' does not work here"):
        stepped(optimizer="fusedadam")


def walk(module, stepper, first, last):
    for step in range(first, last):
        torch.manual_seed(step)
        (100 * module(torch.randn(2, 3, 8, 8)).square().mean()).backward()
        stepper.step(step)


def begun(name, order=torch.contiguous_format):
    """A convolution whose kernel lies in some order, and its optimiser."""
    torch.manual_seed(0)
    module = torch.nn.Conv2d(3, 8, 3).to(memory_format=order)
    recipe = Recipe(optimizer=name, clip_norm=1.0, weight_decay=0.01)
    return module, optimizers.Stepper(module.parameters(), recipe, torch.device("cpu"), recipe.lr, recipe.betas)


def resumed(name, before, after, tmp_path):
    """The kernel after six steps, stopped and stored after three."""
    module, stepper = begun(name, before)
    walk(module, stepper, 0, 3)
    torch.save([module.state_dict(), stepper.state_dict()], tmp_path / "state.pt")
    module, stepper = begun(name, after)
    for part, state in zip((module, stepper), torch.load(tmp_path / "state.pt", weights_only=True), strict=True):
        part.load_state_dict(state)
    walk(module, stepper, 3, 6)
    return module.weight


@pytest.mark.parametrize("name", ["adam", "lion", "nadamw", "adafactor", "lamb", "adan", "rmsproptf", "sgd", "muon"])
def test_a_state_is_taken_up_exactly(name, tmp_path):
    whole, stepper = begun(name)
    walk(whole, stepper, 0, 6)
    assert torch.equal(resumed(name, torch.contiguous_format, torch.contiguous_format, tmp_path), whole.weight)


@pytest.mark.parametrize("orders", [(0, 1), (1, 0), (1, 1)])
def test_a_state_fits_kernels_in_another_order(orders, tmp_path):
    # A run that begins on a CPU, where wide kernels are ordered, may go on where they are not.
    before, after = ((torch.contiguous_format, torch.channels_last)[order] for order in orders)
    whole, stepper = begun("adam")
    walk(whole, stepper, 0, 6)
    torch.testing.assert_close(resumed("adam", before, after, tmp_path), whole.weight, rtol=0, atol=1e-6)


def test_a_recipe_s_betas_and_weight_decay_arrive():
    for name in ("adam", "adamw", "nadamw"):
        module, recipe = torch.nn.Linear(2, 2), Recipe(optimizer=name, betas=(0.3, 0.7), weight_decay=0.25)
        stepper = optimizers.Stepper(module.parameters(), recipe, torch.device("cpu"), recipe.lr, recipe.betas)
        (group,) = stepper.optimizer.param_groups
        assert (tuple(group["betas"]), group["weight_decay"]) == ((0.3, 0.7), 0.25), name
