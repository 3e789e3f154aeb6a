"""Points of the curves: the loss and every metric that applies, on images of each split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.errors import OptionError, TrainingError
from aezoo.latent import Batch, Output, cat
from aezoo.losses.context import Context
from aezoo.metrics.evaluation import Metric, choose, measure
from aezoo.modes import settled
from aezoo.recipe import Recipe
from aezoo.specs import MetricSpec
from aezoo.training.data import Splits
from aezoo.training.log import Entry
from aezoo.training.objective import Objective
from aezoo.training.order import TERM

CURVE_IMAGES = 512
"""The most images of a split that a point of the curves is measured on; the final numbers are of all."""
_TERM = "loss/"  # a term's row is told from a metric of the same name
_NUMBER = MetricSpec(name="term", summary="A term of the loss", takes=("sampled", "batch"))


class Curves:
    """What is measured at every point.

    Args:
        model: what is trained.
        objective: its loss.
        splits: the images.
        recipe: names the metrics beside the built-in ones.

    Raises:
        AezooError: a metric that the recipe names does not exist, does not load, or needs what is not there.
    """

    def __init__(self, model: Autoencoder, objective: Objective, splits: Splits, recipe: Recipe) -> None:
        self.objective, self.steps, self.dataset_size = objective, recipe.steps, len(splits.train)
        self.images = {split: images.some(CURVE_IMAGES) for split, images in splits.named().items()}
        self.metrics = {
            split: choose(model, images, more=recipe.metrics, moment="curve") for split, images in self.images.items()
        }

    def sign(self, name: str) -> int:
        """1 where the lower value of a number on the validation images is the better one, -1 where the higher is.

        Raises:
            OptionError: it is not measured at the points, or has no better end.
        """
        ends = {metric.name: metric.spec.better for metric in self.metrics.get("validation", ())}
        ends = {"loss": "lower"} | dict.fromkeys(self.objective.terms, "lower") | ends
        if not ends.get(name):
            known = ", ".join(each for each, better in ends.items() if better)
            raise OptionError(f"best_by={name!r} is no number of a run under way with a better end: these are {known}")
        return 1 if ends[name] == "lower" else -1

    def point(self, model: Autoencoder, step: int, rank: int = 0, world: int = 1) -> list[Entry]:
        """One entry a split: ``step``, ``split``, ``loss``, its terms and the metrics.

        Every value is of one seeded posterior sample an image, in float32 and ``eval()``. Weights are those after any
        warm-up, a capacity that which it rises to; what `Objective.is_judged` leaves out is measured but not part of
        ``loss``. A term that couples images is computed over all of them.
        """
        context = Context(
            model=model,
            batch=model.example(),
            step=max(step, self.objective.settled_step),
            steps=self.steps,
            dataset_size=self.dataset_size,
        )
        entries = []
        # A discriminator's batch statistics are not moved by being measured.
        with settled(self.objective.modules_of_terms):
            for split, images in self.images.items():
                terms = [
                    Metric(
                        _TERM + name,
                        (_OfSet if each.is_coupled else _OfImages)(self.objective.terms[name], context),
                        _NUMBER,
                        each.asked.entry.distribution,
                    )
                    for name, each in self.objective.addends.items()
                ]
                found = measure(model, images, [*terms, *self.metrics[split]], rank=rank, world=world).numbers()
                of_terms = {name: found.pop(_TERM + name) for name in self.objective.terms if _TERM + name in found}
                weights = {
                    name: each.weight for name, each in self.objective.addends.items() if self.objective.is_judged(name)
                }
                if missing := sorted(set(weights) - set(of_terms)):
                    raise TrainingError(f"the loss term {missing[0]!r} cannot be measured on the {split} images")
                loss = sum((weights[name] * of_terms[name] for name in weights), 0.0)
                # Where a metric has a term's name it is the raw quantity: that is what is reported.
                entries.append({"step": step, "split": split, "loss": loss, **of_terms, **found})
        return entries


def _asked(context: Context, batch: Batch) -> Context:
    """The context of a batch that is measured."""
    first = int(batch.index[0]) if batch.index is not None else 0
    return replace(context, batch=batch, draw=(0, TERM, first))


@dataclass(slots=True)
class _OfImages:
    """A term as a metric of each image."""

    term: Any
    context: Context

    def __call__(self, output: Output, batch: Batch) -> Tensor:
        return self.term(output, batch.images, _asked(self.context, batch))


@dataclass(slots=True)
class _OfSet:
    """A term as a metric of the set."""

    term: Any
    context: Context
    seen: list[tuple[Batch, Output]] = field(default_factory=list)

    def update(self, output: Output, batch: Batch) -> None:
        self.seen.append((batch, output))

    def compute(self) -> Tensor:
        batch, output = (cat(parts) for parts in zip(*self.seen, strict=True))
        return self.term(output, batch.images, _asked(self.context, batch)).cpu().double().mean()

    def reset(self) -> None:
        self.seen.clear()
