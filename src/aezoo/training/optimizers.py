"""Optimisers, by name, and the schedule of their rate."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.errors import OptionError, nearest
from aezoo.recipe import Recipe
from aezoo.specs import BETAS, LR
from aezoo.training.cpu import Ordered, ordered
from aezoo.training.objective import Objective

MAIN = "model"
"""The optimiser of the model and of the terms that help it; adversaries have one each, by the name of their term."""
_FUSED = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Stepper:
    """An optimiser of its own parameters, stepped at a rate that is a function of the step.

    Args:
        parameters: that it moves, and clips together.
        recipe: names the optimiser, its schedule and its weight decay.
        device: where they lie.
        lr, betas: the recipe's, or an adversary's own.

    Raises:
        OptionError: no optimiser has the recipe's name.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        recipe: Recipe,
        device: torch.device,
        lr: float,
        betas: tuple[float, float],
    ) -> None:
        self.parameters, self.recipe, self.lr = list(parameters), recipe, lr
        if kind := _FUSED.get(recipe.optimizer):
            fused = device.type in ("cpu", "cuda", "mps")
            given = map(ordered, self.parameters)
            self.optimizer = kind(given, lr, betas, weight_decay=recipe.weight_decay, fused=fused)
        else:
            self.optimizer = _of_timm(self.parameters, recipe, lr, betas)
        self._groups = self.optimizer.param_groups
        self._views = [p for group in self._groups for p in group["params"] if isinstance(p, Ordered)]

    def step(self, step: int) -> None:
        """Clip the gradients as the recipe says, move the parameters, and forget the gradients."""
        if self.recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        for view in self._views:
            view.take_gradient()
        value = rate(self.recipe, step, self.lr)
        for group in self._groups:
            group["lr"] = value
        self.optimizer.step()
        self.forget()

    def forget(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad(set_to_none=True)
        for view in self._views:
            view.origin.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's, its tensors in the order of their parameters: how memory lies here stays out of it."""

        def as_declared(x: Tensor, own: nn.Parameter) -> Tensor:
            return x.permute(0, 3, 1, 2) if isinstance(own, Ordered) else x

        return self._changed(self.optimizer.state_dict(), as_declared)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a state up, from whatever device it is."""

        def as_here(x: Tensor, own: nn.Parameter) -> Tensor:
            x = x.permute(0, 2, 3, 1) if isinstance(own, Ordered) else x
            # Fused optimisers take for granted that what belongs to a kernel lies in memory as the kernel does.
            return torch.empty_like(own, dtype=x.dtype).copy_(x) if x.shape == own.shape else x

        self.optimizer.load_state_dict(self._changed(state, as_here))
        self._groups = self.optimizer.param_groups

    def _changed(self, state: dict[str, Any], change: Callable[[Tensor, nn.Parameter], Tensor]) -> dict[str, Any]:
        """The state with what belongs to kernels changed."""
        parameters = [p for group in self._groups for p in group["params"]]
        held = {
            number: {
                name: change(x, parameters[number]) if isinstance(x, Tensor) and x.ndim == 4 else x
                for name, x in each.items()
            }
            for number, each in state["state"].items()
        }
        return {**state, "state": held}


def make_optimizers(objective: Objective, recipe: Recipe, device: torch.device) -> dict[str, Stepper]:
    """One for the model and the terms' own parameters, and one for each adversary."""
    opposed = {id(p) for term in objective.adversaries.values() for p in term.parameters()}
    own = [p for p in objective.parameters() if id(p) not in opposed and p.requires_grad]
    optims = {MAIN: Stepper(own, recipe, device, recipe.lr, recipe.betas)}
    for name, term in objective.adversaries.items():
        options: dict[str, Any] = objective.addends[name].asked.options
        trained = [p for p in term.parameters() if p.requires_grad]
        optims[name] = Stepper(trained, recipe, device, options[LR.name] or recipe.lr, options[BETAS.name])
    return optims


def check(recipe: Recipe) -> None:
    """Whether the optimiser and the schedule of a recipe are there.

    Raises:
        OptionError: no optimiser has the name, or the schedule needs a later timm.
    """
    Stepper([nn.Parameter(torch.zeros(1))], recipe, torch.device("cpu"), recipe.lr, recipe.betas)
    rate(recipe, recipe.warmup)


def rate(recipe: Recipe, step: int, lr: float | None = None) -> float:
    """The learning rate of a step, counted from 0: a linear rise over the warm-up, then the schedule's fall."""
    lr = recipe.lr if lr is None else lr
    if step < recipe.warmup:
        return lr * (step + 1) / recipe.warmup
    share = min(1.0, (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))  # a run may go on beyond its end
    fall = {"constant": 1.0, "linear": 1 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}
    fall["multistep"] = recipe.decay_rate ** sum(share >= milestone for milestone in recipe.decay_milestones)
    return lr * (fall[recipe.schedule] if recipe.schedule in fall else _fall_of_timm(recipe, share))


_EPOCHS = 300
"""That timm's schedules are made for: their lengths are in these, and a run of any length is as long as they are."""


def _fall_of_timm(recipe: Recipe, share: float) -> float:
    """The rate after a share of a run, over the first: timm's own proportions of its schedule of this name."""
    scheduler, optimizer = _schedule_of_timm(recipe.schedule, recipe.decay_rate)
    scheduler.step(share * _EPOCHS)
    return optimizer.param_groups[0]["lr"]


@functools.cache
def _schedule_of_timm(name: str, decay_rate: float) -> tuple[Any, torch.optim.Optimizer]:
    """A scheduler without warm-up, and the optimiser whose rate of 1 it changes."""
    from aezoo._torchvision import import_timm

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    try:
        create = import_timm("timm.scheduler").create_scheduler_v2
        return create(optimizer, name, _EPOCHS, decay_rate=decay_rate)[0], optimizer
    except ValueError as error:
        raise OptionError(f"schedule {name!r} needs a later timm: {error}") from None


def _of_timm(
    parameters: list[nn.Parameter], recipe: Recipe, lr: float, betas: tuple[float, float]
) -> torch.optim.Optimizer:
    from aezoo._torchvision import import_timm

    optim, name = import_timm("timm.optim"), recipe.optimizer
    if name not in (known := optim.list_optimizers()):
        raise OptionError(f"no optimizer {name!r}: did you mean {nearest(name, [*_FUSED, *known])}?")
    info = optim.get_optimizer_info(name)
    if info.second_order:
        raise OptionError(f"optimizer {name!r} needs second derivatives, which no step computes: try 'adamw'")
    given = {"betas": betas} if info.has_betas and info.num_betas == len(betas) else {}  # Adan has three of its own
    try:
        return optim.create_optimizer_v2(parameters, name, lr=lr, weight_decay=recipe.weight_decay, **given)
    except (AssertionError, ImportError) as error:  # of another package, or on CUDA alone
        raise OptionError(f"optimizer {name!r} does not work here: {error}") from None
