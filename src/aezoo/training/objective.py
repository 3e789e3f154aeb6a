"""The objective: a model and its loss as one module, which is what is wrapped for several processes and compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError
from aezoo.grammar import Term, parse_loss
from aezoo.losses.context import Context
from aezoo.plugins import registry
from aezoo.registry import Entry


def read_loss(expression: str, provides: frozenset[str], model: str) -> list[tuple[Term, Entry]]:
    """The terms of a loss, each with its entry; options are checked, and that the model provides what each needs.

    Raises:
        OptionError: the expression does not parse, or an option is not allowed.
        UnknownNameError: a term that nothing registers.
        CompositionError: a term needs what the model does not provide.
    """
    terms = []
    for term in parse_loss(expression):
        entry = registry().find("loss", term.component.name)
        entry.spec.check(dict(term.component.options))
        if missing := sorted(set(entry.spec.needs) - provides):
            able = " and ".join(sorted(provides)) or "nothing"
            raise CompositionError(
                f"loss {expression!r}: {entry.name} needs {' and '.join(missing)}, but {model} provides {able}"
            )
        terms.append((term, entry))
    return terms


class Objective(nn.Module):
    """``(images, context)`` to the loss and its terms, each a mean over the batch.

    Args:
        model: what is trained.
        expression: its loss, ``"bce + 0.5*kl"``.
        kl_warmup: steps over which the weight of divergences (terms that need ``kl``) rises from zero.
    """

    def __init__(self, model: Autoencoder, expression: str, kl_warmup: int = 0) -> None:
        super().__init__()
        self.model = model
        self.expression = expression
        self.kl_warmup = kl_warmup
        self.weights: dict[str, float] = {}
        self.warmed: set[str] = set()
        self.terms: dict[str, Callable[..., Tensor]] = {}
        self.modules_of_terms = nn.ModuleDict()  # keys may not hold a dot, and names do not
        for term, entry in read_loss(expression, model.provides, model.spec.name):
            options = entry.spec.check(dict(term.component.options))
            implementation = entry.load()
            is_class = inspect.isclass(implementation)
            function: Any = implementation(**options) if is_class else partial(implementation, **options)
            self.weights[entry.name] = term.weight
            self.terms[entry.name] = function
            if "kl" in entry.spec.needs:
                self.warmed.add(entry.name)
            if isinstance(function, nn.Module):
                self.modules_of_terms[entry.name] = function

    @property
    def opponents(self) -> dict[str, Any]:
        """The terms that are trained against the model, by an optimiser of their own."""
        return {name: term for name, term in self.terms.items() if hasattr(term, "opponent_loss")}

    def forward(self, images: Tensor, context: Context, opponents: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its unweighted terms; of the opponents where ``opponents`` is set."""
        if opponents:
            with torch.no_grad():
                output = self.model(images)
            losses = {name: t.opponent_loss(output, images, context).mean() for name, t in self.opponents.items()}
            return torch.stack(list(losses.values())).sum(), losses
        output = self.model(images)
        values = {name: term(output, images, context).mean() for name, term in self.terms.items()}
        rise = min(1.0, (context.step + 1) / self.kl_warmup) if self.kl_warmup else 1.0
        weights = {name: self.weights[name] * (rise if name in self.warmed else 1.0) for name in values}
        # A factor of 1, or a sum that begins at 0, would be one more operation in every step of a small model.
        weighted = [value if weights[name] == 1 else weights[name] * value for name, value in values.items()]
        return reduce(add, weighted), {name: value.detach() for name, value in values.items()}
