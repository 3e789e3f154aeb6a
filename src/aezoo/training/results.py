"""What a run leaves: a model folder whose numbers are measured on the weights as they were stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.image_array import ImageArray, data_hash
from aezoo.datasets.pipeline import dataset_spec
from aezoo.door import by
from aezoo.errors import DataError, warn
from aezoo.factory import load
from aezoo.files import write_json, write_whole
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.conventions import Convention
from aezoo.metrics.evaluation import Images, Measurement, check_images, choose, fitting, measure
from aezoo.mismatch import ImageStatistics
from aezoo.modes import settled
from aezoo.recipe import Recipe
from aezoo.training import cpu
from aezoo.training.data import Report, Splits
from aezoo.weights.card import card
from aezoo.weights.folder import (
    BEGAN,
    CARD,
    GOLDEN,
    METRICS,
    STATE,
    facts,
    save_model,
    standing,
    write_config,
    write_state,
)
from aezoo.weights.golden import golden, golden_images

EVALUATION_SEED = 0
ENOUGH, MOST_DRAWS = 1000, 32
"""Posterior samples over all images of a split: fewer images have more draws each, of which each is a pass."""
LATENTS = 256
"""Images that the latents' statistics of an unfinished run are taken from: all would cost as much as the steps."""


def measure_all(model: Autoencoder, splits: Splits, recipe: Recipe, report: Report | None = None) -> dict[str, Any]:
    """The metrics of a model on every image of each split, of the mean-image baseline, and the protocol."""
    chosen = splits.named()
    found = measure_each(model, chosen, recipe.metrics, report)
    baseline = measure_each(MeanImage.fit(splits.train), chosen)
    return as_metrics(found, {"mean-image": baseline}, protocol(model, chosen, recipe))


def measure_each(
    model: Autoencoder,
    chosen: dict[str, ImageArray],
    more: Sequence[str] = (),
    report: Report | None = None,
    *,
    convention: Convention | None = None,
    seed: int = EVALUATION_SEED,
    rank: int = 0,
    world: int = 1,
) -> dict[str, Measurement]:
    """What the built-in metrics and more of them, or those of a convention, say of sets of images by name."""
    found = {}
    for name, images in chosen.items():
        progress = (lambda done, n, name=name: report(f"measuring {name}", done, n)) if report else None
        metrics = convention.metrics() if convention else choose(model, images, more=more)
        draws = 1 if convention else draws_of(model, images)
        found[name] = measure(model, images, metrics, seed=seed, draws=draws, rank=rank, world=world, progress=progress)
        if odd := [row for row, number in found[name].numbers().items() if not math.isfinite(number)]:
            warn(f"{model.spec.name}: {', '.join(odd)} of the {name} images is not finite, and left out")
    return found


def as_metrics(
    found: dict[str, Measurement], baselines: dict[str, dict[str, Measurement]], protocol: dict[str, Any]
) -> dict[str, Any]:
    """As ``metrics.json`` has them: numbers of each set, those of baselines by name, and how they were measured."""

    def numbers(of: dict[str, Measurement]) -> dict[str, dict[str, float | None]]:
        return {
            split: {name: x if math.isfinite(x) else None for name, x in each.numbers().items()}
            for split, each in of.items()
        }

    beside = {name: numbers(of) for name, of in baselines.items()}
    errors = {name: each.errors for name, each in found.items()}
    ids: dict[str, str] = {}
    for of in (*baselines.values(), found):
        for each in of.values():
            ids |= each.ids
    return {**numbers(found), **beside, "protocol": protocol | {"errors": errors, "metrics": ids}}


def draws_of(model: Autoencoder, images: ImageArray) -> int:
    """Posterior samples of each image: so many that they are `ENOUGH` over all images; one where nothing is drawn."""
    return min(MOST_DRAWS, math.ceil(ENOUGH / len(images))) if "posterior" in model.provides else 1


def protocol(model: Autoencoder, measured: dict[str, ImageArray], recipe: Recipe) -> dict[str, Any]:
    """What was measured on what, so that it can be measured again."""
    return {
        "dataset": recipe.dataset,
        "binarize": recipe.binarize,
        "image": {"size": list(model.image.size), "channels": model.image.channels},
        "images": {name: len(images) for name, images in measured.items()},
        "sha256": {name: data_hash(images) for name, images in measured.items()},
        "seed": EVALUATION_SEED,
        "draws": {name: draws_of(model, images) for name, images in measured.items()},
        "precision": "float32",
        "z": "bce, bce_excess, nll, elbo: seeded posterior samples, mean of all; mse, psnr, bce_mean: its mean",
        "unit": "nats an image where it is in nats, mean over images",
    }


def record_statistics(model: Autoencoder, images: Images) -> None:
    """Store in the model what only its training images tell: the mean and standard deviation of ``z``, and what the
    images are like. A run of `aezoo.train` does it; after a loop of one's own it is done by hand.

    Args:
        model: trained; it is in ``eval()`` meanwhile.
        images: that it was trained on, of any size that it takes.

    Raises:
        DataError: these are no images of a dataset.
    """
    check_images(images)
    record_latents(model, images)
    record_images(model, images)


@torch.no_grad()
def record_latents(model: Autoencoder, images: Images) -> None:
    """Store the mean and standard deviation of ``z`` over the training images in the model.

    Of each dimension, or of each channel of a map: what the bottleneck's ``statistics_shape`` says. Those of a model
    that makes the latents that it began with stay, so that what was trained on these goes on to fit.
    """
    if {"encoder", "bottleneck"} <= model.frozen and model.latent_std.any():
        return
    shape = model.latent_mean.shape
    total = torch.zeros(shape, dtype=torch.float64)
    squares = torch.zeros_like(total)
    n, batch_size = 0, fitting(images)
    with settled(model):
        for at in range(0, len(images), batch_size):
            batch = images.batch(range(at, min(at + batch_size, len(images)))).to(model.device, dtype=model.dtype)
            z = model.encode(batch).z.cpu().double()  # in this order: not every device has float64
            if any(own not in (1, side) for own, side in zip(reversed(shape), reversed(z.shape[1:]), strict=False)):
                raise DataError(f"the latents of {model.spec.name} are measured at {by(model.image.size)} alone")
            total += z.sum(0).sum_to_size(shape)
            squares += z.square().sum(0).sum_to_size(shape)
            n += z.numel() // total.numel()
    mean = total / n
    model.latent_mean.copy_(mean)
    model.latent_std.copy_((squares / n - mean.square()).clamp(min=0).sqrt())


def record_images(model: Autoencoder, images: Images) -> None:
    """Store what the training images are like in the model, which then warns of others."""
    batch_size = fitting(images)
    parts = [range(at, min(at + batch_size, len(images))) for at in range(0, len(images), batch_size)]
    model.statistics_of_images = ImageStatistics.of(images.batch(part).images for part in parts)


def write_unfinished(
    folder: Path, model: Autoencoder, splits: Splits, recipe: Recipe, training: dict[str, Any]
) -> None:
    """Make the folder of a run that goes on a model folder, as `write_results` does, with nothing measured.

    Its config has no hash of the weights: they are written anew at every checkpoint, and a run that is killed between
    two files leaves a model all the same.
    """
    few = splits.train.some(LATENTS)
    record_statistics(model, few)  # where it is trained: other processes wait
    cpu.lay_out(model.to("cpu"), torch.contiguous_format)
    (folder / METRICS).unlink(missing_ok=True)
    write_config(folder, model.spec, **facts(model), training=training)
    write_state(folder / STATE, model.state_dict(), model=model.spec.name)
    write_state(folder / GOLDEN, golden(model, golden_images(model)), model=model.spec.name)
    _write_card(folder, model, recipe, None, training)


def write_results(
    folder: Path,
    model: Autoencoder,
    splits: Splits,
    recipe: Recipe,
    training: dict[str, Any],
    report: Report | None = None,
) -> dict[str, Any]:
    """Write the model folder of a trained model in ``eval()`` and return its metrics.

    Args:
        folder: of the run.
        model: trained, on the CPU.
        splits: its images.
        recipe: how it was trained.
        training: what else the config records of the training: versions, device, threads.
        report: called as images are measured.
    """
    record_statistics(model, splits.train)
    # Until it is measured nothing is said of it: an end in between leaves no numbers of earlier weights.
    (folder / METRICS).unlink(missing_ok=True)
    save_model(folder, model, golden_images(model), training=training)
    _write_card(folder, model, recipe, None, training)
    stored = load(folder)
    model.source = stored.source
    metrics = measure_all(stored, splits, recipe, report)
    write_json(folder / METRICS, metrics)
    _write_card(folder, model, recipe, metrics, training)
    return metrics


def _write_card(
    folder: Path, model: Autoencoder, recipe: Recipe, metrics: dict[str, Any] | None, training: dict[str, Any]
) -> None:
    dataset, name = dataset_spec(recipe.dataset), folder.name
    state = standing(training)
    known = {"step": training.get("step"), "began": training.get(BEGAN, "")}
    text = card(model, recipe, metrics, dataset, name=name, source=f"path/to/{name}", state=state, **known)
    with write_whole(folder / CARD) as draft:
        draft.write_text(text, encoding="utf-8")
