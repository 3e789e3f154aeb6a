"""Points of the curves: the loss and every metric that applies, on images of each split."""

from __future__ import annotations

from functools import partial

import torch
from accelerate.utils import gather_object

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray
from aezoo.losses.context import Context
from aezoo.metrics.evaluation import measure
from aezoo.metrics.reconstruction import Measured
from aezoo.training.data import Splits
from aezoo.training.log import Entry
from aezoo.training.objective import Objective

CURVE_IMAGES = 512
"""The most images of a split that a point of the curves is measured on; the final numbers are of all."""


def measure_splits(
    model: Autoencoder, objective: Objective, splits: Splits, context: Context, rank: int = 0, world: int = 1
) -> list[Entry]:
    """One entry a split: ``step``, ``split``, ``loss`` (of the objective, without warm-up), its terms and the metrics.

    Every value is of one seeded posterior sample an image, in float32 and ``eval()``. Each of several processes
    measures its share of the images, and all get the same averages.
    """
    terms = {f"loss/{name}": partial(_term, term, context) for name, term in objective.terms.items()}
    entries = []
    for split, images in splits.named().items():
        images = _some(images)
        shares = [measure(model, images, extra=terms, indices=range(rank, len(images), world))]
        if world > 1:
            shares = gather_object(shares)
        values = {name: torch.cat([share[name] for share in shares]).mean().item() for name in shares[0]}
        of_terms = {name: values.pop(f"loss/{name}") for name in objective.terms}
        loss = sum(weight * of_terms[name] for name, weight in objective.weights.items())
        # Where a metric has a term's name it is the raw quantity: that is what is reported.
        entries.append({"step": context.step, "split": split, "loss": loss, **of_terms, **values})
    return entries


def _term(term, context: Context, measured: Measured) -> torch.Tensor:
    return term(measured.sampled, measured.images, context)


def _some(images: ImageArray) -> ImageArray:
    """At most `CURVE_IMAGES`, always the same."""
    if len(images) <= CURVE_IMAGES:
        return images
    return images.subset(torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:CURVE_IMAGES])
