"""The objective: a model and its loss as one module, which is what is wrapped for several processes and compiled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError, DataError, OptionError, PluginError, WeightsError, shown, warn
from aezoo.grammar import parse_loss
from aezoo.latent import Batch, Output
from aezoo.losses.context import Context
from aezoo.recipe import Recipe
from aezoo.requests import Asked, ask, providers, refuse_external
from aezoo.specs import BETAS, LR, RISE, START, WARMUP, LossSpec, ModelSpec
from aezoo.summary import unvalidated

OF_IMAGES = frozenset({"labels", "factors"})
"""What a term may need that images have, and no model provides."""
_LARGE = 10**6  # images of a training set of which nothing is known yet


@dataclass(frozen=True, slots=True)
class Addend:
    """One addend of a loss, as it was asked for: ``weight * term``."""

    weight: float
    asked: Asked

    @property
    def name(self) -> str:
        """Of the term, as losses are logged."""
        return self.asked.entry.name

    @property
    def spec(self) -> LossSpec:
        """What is declared of the term."""
        assert isinstance(self.asked.entry.spec, LossSpec)
        return self.asked.entry.spec

    @property
    def is_coupled(self) -> bool:
        """Whether an image's value depends on the rest of the batch."""
        coupled = self.spec.coupled
        return coupled if isinstance(coupled, bool) else any(self.asked.options[name] for name in coupled)

    def bind(self, model: Autoencoder) -> Any:
        """What computes it for a model, its options set: those of the schedule are not the term's to know."""
        own = {START.name, WARMUP.name} | ({LR.name, BETAS.name} if self.spec.adversary else set())
        return self.asked.bind(without=own, image=model.image, latent_shape=model.latent_shape)

    def weight_at(self, step: int) -> float:
        """Its weight at a step: zero before the term's ``start``, then rising over its ``warmup``."""
        options: dict[str, Any] = self.asked.options
        begun, rise = step - options.get(START.name, 0), options.get(WARMUP.name, 0)
        if begun < 0:
            return 0.0
        return self.weight * min(1.0, (begun + 1) / rise) if rise else self.weight


def read_loss(expression: str, provides: frozenset[str], model: str) -> list[Addend]:
    """The addends of a loss; options are checked, and that the model provides what each term needs of it.

    Raises:
        OptionError: the expression does not parse, or an option is not allowed.
        UnknownNameError: a term that nothing registers.
        CompositionError: a term needs what the model does not provide.
    """
    addends = []
    for term in parse_loss(expression):
        addend = Addend(term.weight, ask("loss", term.component))
        if missing := sorted(set(addend.spec.needs) - provides - OF_IMAGES):
            able = " and ".join(sorted(provides)) or "nothing"
            raise CompositionError(
                f"loss {expression!r}: {addend.name} needs {' and '.join(missing)}, but {model} provides {able}"
                f"{providers(missing)}"
            )
        addends.append(addend)
    names = [addend.name for addend in addends]
    if twice := sorted(name for name, n in Counter(names).items() if n > 1):
        raise CompositionError(f"loss {expression!r} has two terms called {twice[0]!r}: a term is logged by that name")
    for addend in addends:
        if twice := " and ".join(name for name in names if name in addend.spec.excludes):
            raise CompositionError(f"loss {expression!r}: {addend.name} holds {twice} already: leave that out")
    return addends


def rehearse(model: Autoencoder, recipe: Recipe) -> None:
    """Compute a run's loss of a batch on the meta device, where nothing is computed, so that what cannot be is known
    before anything is trained. What a term finds in values is not. Of one that may reach outside, and was asked for, it
    is known whether what it brings is there.

    Args:
        model: on the meta device.
        recipe: of the run.

    Raises:
        CompositionError: a term cannot be computed of what the model gives.
        OptionError: its options contradict each other.
        WeightsError: the weights of its network are not there.
    """
    if recipe.freeze:
        model.freeze(*recipe.freeze)
    batch = model.example(max(1, recipe.batch_size // recipe.accumulate))
    batch.index = torch.arange(len(batch), device="meta")
    for each in addends_of(recipe, model.spec):
        if OF_IMAGES & {*each.spec.needs}:
            continue
        try:
            if each.spec.external or any(option.external for option in each.spec.options):
                if recipe.loss:
                    each.bind(model)
                continue
            with torch.no_grad(), unvalidated(), torch.device("meta"):
                term, output = each.bind(model), model(batch)
                known = {"steps": recipe.steps, "dataset_size": _LARGE, "training": True, "output": output}
                context = Context(model=model, batch=batch, **known)
                term(output, batch.images, context)
                if each.spec.adversary:
                    if getattr(term, "adaptive", False):
                        _ = model.last_layer
                    term.adversary_loss(output, batch.images, context)
        except WeightsError:
            raise
        except (CompositionError, OptionError) as error:
            if error.__cause__ is None:  # else it tells of what follows
                raise
        except Exception:  # there are no values to read, and a stranger's may then raise anything
            continue


def refuse_external_terms(expression: str, flag: str) -> None:
    """Raise an `OptionError` for a loss with a term that reaches outside, which is said with ``flag`` to confirm it."""
    refuse_external("loss", [term.component for term in parse_loss(expression)], flag)


def addends_of(recipe: Recipe, spec: ModelSpec) -> list[Addend]:
    """The addends of a run's loss."""
    return read_loss(recipe.loss or spec.loss, frozenset(spec.provides), spec.name)


def names_of_terms(recipe: Recipe, spec: ModelSpec) -> list[str]:
    """The terms of a run's loss, by the names under which they are logged."""
    return [each.name for each in addends_of(recipe, spec)]


class Objective(nn.Module):
    """The loss of a model as a module: images to the loss and its terms.

    >>> objective = aezoo.Objective(model).train()
    >>> for batch in loader:
    ...     loss, terms = objective(batch)
    ...     loss.backward()

    It warns once where it is asked for a gradient and the model is in ``eval()``, or has an adversary, whose own
    parameters no such gradient reaches.

    Args:
        model: what is trained.
        expression: its loss, ``"bce + 0.5*kl"``; empty: the model's own.

    Attributes:
        addends: of the loss, by their names.
        terms: what each computes.

    Raises:
        OptionError: the expression does not parse, or an option is not allowed.
        UnknownNameError: a term that nothing registers.
        CompositionError: a term needs what the model does not provide.
    """

    def __init__(self, model: Autoencoder, expression: str = "") -> None:
        super().__init__()
        if not isinstance(model, Autoencoder):
            raise OptionError(f"an objective is of a model that aezoo.create gives, not of {shown(model)}")
        self.model = model
        self.expression = expression or model.spec.loss
        if not expression:  # nobody said it: a model may be read from a file, which reaches nothing outside
            refuse_external_terms(self.expression, "the loss as the expression")
        self.addends = {each.name: each for each in read_loss(self.expression, model.provides, model.spec.name)}
        if all(each.asked.options.get(START.name, 0) for each in self.addends.values()):
            raise CompositionError(f"loss {self.expression!r}: no term begins at step 0, there is nothing to train on")
        self.terms: dict[str, Any] = {name: each.bind(model) for name, each in self.addends.items()}
        modules = {name: term for name, term in self.terms.items() if isinstance(term, nn.Module)}
        # A key may not hold a dot, which a member's name may.
        self.modules_of_terms = nn.ModuleDict({name.replace(".", "_"): term for name, term in modules.items()})
        self.modules_of_terms.to(model.device)
        self._warned = False
        self.register_state_dict_post_hook(_leave_frozen_out)
        self.register_load_state_dict_post_hook(_miss_no_frozen)

    @property
    def adversaries(self) -> dict[str, Any]:
        """The terms that are trained against the model, by an optimiser of their own."""
        return {name: self.terms[name] for name, each in self.addends.items() if each.spec.adversary}

    def train(self, mode: bool = True) -> Self:
        """As of any module; but networks of terms of which nothing is trained stay in ``eval()``: neither their batch
        statistics nor what they drop is part of a run.
        """
        super().train(mode)
        for name in _frozen(self):
            self.get_submodule(name.removesuffix(".")).eval()
        return self

    def check(self, batch: Batch) -> None:
        """Whether images like these have what the terms need of them.

        Raises:
            CompositionError: they have no labels or factors.
        """
        for name, each in self.addends.items():
            if missing := sorted(fact for fact in OF_IMAGES & {*each.spec.needs} if getattr(batch, fact) is None):
                raise CompositionError(
                    f"loss {self.expression!r}: {name} needs {' and '.join(missing)}, which these images do not have"
                )

    def forward(
        self,
        batch: Batch | Tensor | Sequence[Tensor],
        context: Context | None = None,
        answered: Output | None = None,
        *,
        step: int | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its terms by name: detached, unweighted means over the batch.

        Args:
            batch: images ``(b, c, h, w)`` in [0, 1]; with labels as a `Batch`, or as the pair ``(images, labels)`` that
                a ``DataLoader`` gives.
            context: where training stands, and where the model's answer is left; by default it is made of ``step``.
            answered: the model's answer to this batch, detached. With it, the loss is that of the adversaries.
            step: of the optimiser, for terms that begin late or rise; by default all of them have.

        Raises:
            DataError: these are no images of the model's.
            CompositionError: they lack the labels or factors that a term needs.
            PluginError: a term gives anything but one number an image.
        """
        given, batch = batch, _batch_of(batch)
        if not isinstance(context, Context | None) or not isinstance(answered, Output | None):
            wrong = type(answered if isinstance(context, Context | None) else context).__name__
            raise OptionError(f"a context is a Context, an answer an Output of the model, not a {wrong}")
        if context is None:
            self.check(batch)
            at = self.settled_step if step is None else _whole(step)
            context = Context(
                model=self.model, batch=batch, step=at, steps=at + 1, training=self.model.training, draw=()
            )
        if answered is not None:
            values = {
                f"{name}_adversary": _mean(name, term.adversary_loss(answered, batch.images, context), batch)
                for name, term in self.adversaries.items()
                if self.addends[name].weight_at(context.step)
            }
            return _sum(list(values.values()), batch), _detached(values)
        # Of images that no dataset vouches for, the model looks where they lie.
        output = context.output = self._answer(batch if given is batch else batch.images, context)
        weights = {name: each.weight_at(context.step) for name, each in self.addends.items()}
        begun = {name: term for name, term in self.terms.items() if weights[name] or not self.addends[name].weight}
        values = {
            name: _mean(name, self._held(name, term)(output, batch.images, context), batch)
            for name, term in begun.items()
        }
        if not torch.is_grad_enabled():
            begun = {name: term for name, term in begun.items() if self.is_judged(name)}
        # A factor of 1, or a sum that begins at 0, would be one more operation in every step of a small model.
        weighted = {name: values[name] if weights[name] == 1 else weights[name] * values[name] for name in begun}
        # An adversary's first: what other terms are balanced against then has its weight, in whatever order they stand.
        for name in sorted(weighted, key=lambda name: not self.addends[name].spec.adversary):
            others = {o: value for o, value in weighted.items() if o != name and value.requires_grad}
            if others and self._follows(name):
                weighted[name] = self.terms[name].adaptive_weight(values[name], others, context) * weighted[name]
        loss = _sum(list(weighted.values()), batch)
        if loss.requires_grad and not (self._warned or torch.compiler.is_compiling()):
            self._warn(context)
        return loss, _detached(values)

    def _answer(self, images: Batch | Tensor, context: Context) -> Output:
        """The model's; in ``eval()`` too of a sample: at the mean an estimated divergence is another."""
        model, labels = self.model, self.model.labels_of(context.batch)
        if model.training or "posterior" not in model.provides:
            return model(images, labels)
        latent = model.encode(images, labels)
        return model.output(model.latent_at(latent, model.bottleneck.sample(latent, 1, context.generator)[0]), labels)

    def is_judged(self, name: str) -> bool:
        """Whether a term is part of the loss where nothing is trained: that of an adversary is a moving target, and a
        weight that follows gradients has none to follow.
        """
        return not (self.addends[name].spec.adversary or (len(self.terms) > 1 and self._follows(name)))

    def _follows(self, name: str) -> bool:
        """Whether the weight of a term follows gradients."""
        term = self.terms[name]
        return hasattr(term, "adaptive_weight") and getattr(term, "adaptive", True)

    def _warn(self, context: Context) -> None:
        """Say once what a loop of one's own has forgotten; the engine gives draws of its own."""
        forgotten = ""
        if not self.model.training:
            forgotten = (
                f"the loss of {self.model.spec.name} is asked for a gradient in eval(): "
                "call .train() on the model to train it, or measure under torch.no_grad()"
            )
        elif not context.draw and (names := " and ".join(self.adversaries)):
            forgotten = (
                f"the network of {names} gets no gradient of this loss: that of objective(batch, answered=output."
                "detach()) is for an optimiser of its own, as in aezoo.train"
            )
        if forgotten:
            self._warned = True
            warn(forgotten)

    def _held(self, name: str, term: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The term as the model is judged by it: an adversary's own parameters get no gradient of that."""
        if not (self.addends[name].spec.adversary and isinstance(term, nn.Module)):
            return term
        held = {key: parameter.detach() for key, parameter in term.named_parameters()}
        return lambda *given: functional_call(term, held, given)

    @property
    def settled_step(self) -> int:
        """A step by which every term has begun and risen."""
        options: list[dict[str, Any]] = [each.asked.options for each in self.addends.values()]
        return max(max(each.get(START.name, 0) + each.get(WARMUP.name, 0), each.get(RISE.name, 0)) for each in options)


def _batch_of(given: Any) -> Batch:
    """Images with what is known of them, of any form in which they are given."""
    if isinstance(given, Batch):
        return given
    images, *more = given if isinstance(given, tuple | list) and given else (given,)
    if not isinstance(images, Tensor) or len(more) > 1 or not all(isinstance(each, Tensor) for each in more):
        raise DataError(f"a batch is a tensor of images, (images, labels) or aezoo.Batch, not {_form(given)}")
    if more and (more[0].is_floating_point() or more[0].is_complex()):
        raise DataError(f"labels are whole numbers, not {more[0].dtype}: of (images, targets) give images alone")
    return Batch(images, *more)


def _form(given: Any) -> str:
    several = isinstance(given, tuple | list)
    return f"({', '.join(type(each).__name__ for each in given[:4])})" if several else f"a {type(given).__name__}"


def _whole(step: Any) -> int:
    if type(step) is not int or step < 0:
        raise OptionError(f"step={shown(step)} is not a whole number >= 0")
    return step


def _mean(name: str, of_images: Any, batch: Batch) -> Tensor:
    """In float32: autocast leaves what a network of a term gives in half precision."""
    if not isinstance(of_images, Tensor) or of_images.shape != batch.images.shape[:1]:
        given = tuple(of_images.shape) if isinstance(of_images, Tensor) else type(of_images).__name__
        due = tuple(batch.images.shape[:1])
        raise PluginError(f"loss {name} gives {given}, not {due}: a sum over the pixels of each image, no mean")
    return of_images.mean(dtype=torch.float32)


def _sum(values: list[Tensor], batch: Batch) -> Tensor:
    return reduce(add, values) if values else batch.images.new_zeros(())


def _detached(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


def _frozen(objective: nn.Module) -> Iterator[str]:
    """Where networks of terms lie of which nothing is trained (a VGG, an LPIPS): their weights are not the run's."""
    for name, module in objective.named_modules():
        parameters = list(module.parameters())
        if name.startswith("modules_of_terms.") and parameters and not any(p.requires_grad for p in parameters):
            yield f"{name}."


def _leave_frozen_out(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    frozen = tuple(prefix + each for each in _frozen(module))
    for key in [key for key in state if frozen and key.startswith(frozen)]:
        del state[key]


def _miss_no_frozen(module: nn.Module, incompatible: Any) -> None:
    frozen = tuple(_frozen(module))
    incompatible.missing_keys[:] = [key for key in incompatible.missing_keys if not (frozen and key.startswith(frozen))]
