"""Optimisers and the schedule of their rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from aezoo.specs import Recipe
from aezoo.training.objective import Objective

MAIN = "model"
"""The optimiser of the model and of the terms that help it; opponents have one each, by the name of their term."""


def make_optimizers(objective: Objective, recipe: Recipe, device: torch.device) -> dict[str, torch.optim.Optimizer]:
    """One optimiser for the model and the terms' own parameters, and one for each opponent."""
    opposed = {id(p) for term in objective.opponents.values() for p in term.parameters()}
    groups = {MAIN: [p for p in objective.parameters() if id(p) not in opposed and p.requires_grad]}
    groups |= {name: list(term.parameters()) for name, term in objective.opponents.items()}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    fused = device.type in ("cpu", "cuda", "mps")
    return {
        name: kind(map(_in_order, parameters), recipe.lr, recipe.betas, weight_decay=recipe.weight_decay, fused=fused)
        for name, parameters in groups.items()
    }


class _View(nn.Parameter):
    """A channels-last kernel in the order in which it lies in memory, sharing it."""

    origin: nn.Parameter


def _in_order(parameter: nn.Parameter) -> nn.Parameter:
    """What the optimiser is given for a parameter: on the CPU its fused step copies whatever is not contiguous.

    (4 to 7 % of a step of `cis680-vae512`.)
    """
    if parameter.device.type != "cpu" or parameter.ndim != 4 or parameter.is_contiguous():
        return parameter
    view = _View(parameter.detach().permute(0, 2, 3, 1))
    view.origin = parameter
    return view


def rate(recipe: Recipe, step: int) -> float:
    """The learning rate of a step, counted from 0: a linear rise over the warm-up, then the schedule's fall to zero."""
    if step < recipe.warmup:
        return recipe.lr * (step + 1) / recipe.warmup
    share = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    fall = {"constant": 1.0, "linear": 1 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}
    return recipe.lr * fall[recipe.schedule]


def step(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Step at this learning rate, and forget the gradients."""
    views = [p for group in optimizer.param_groups for p in group["params"] if isinstance(p, _View)]
    for view in views:
        view.grad = None if view.origin.grad is None else view.origin.grad.permute(0, 2, 3, 1)
    for group in optimizer.param_groups:
        group["lr"] = value
    optimizer.step()
    forget(optimizer)


def forget(optimizer: torch.optim.Optimizer) -> None:
    """Drop the gradients of an optimiser's parameters."""
    optimizer.zero_grad(set_to_none=True)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if isinstance(parameter, _View):
                parameter.origin.grad = None


def clip(module: nn.Module, limit: float) -> None:
    """Scale all gradients down together so that their norm is at most ``limit``."""
    torch.nn.utils.clip_grad_norm_(module.parameters(), limit)
