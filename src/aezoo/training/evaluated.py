"""The numbers of a trained model, on the images of its card or on others, and whether they still are its card's."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.state import PartialState

from aezoo.autoencoder import Autoencoder
from aezoo.composition import Source, recipe_of, resolve
from aezoo.datasets.folder import ALL
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import confirms, is_path, load_images
from aezoo.errors import AezooError, OptionError, shown, warn
from aezoo.factory import create
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.conventions import Convention, find_convention
from aezoo.metrics.evaluation import Measurement
from aezoo.metrics.pca import Pca
from aezoo.mismatch import alarm
from aezoo.recipe import Recipe
from aezoo.requests import Origin, refuse_external
from aezoo.training.data import Report, load_splits
from aezoo.training.devices import launched, named
from aezoo.training.results import EVALUATION_SEED, as_metrics, measure_each, protocol
from aezoo.weights.folder import BASELINE

MOST = 2**29
"""Values of the training images that components are found of: two gigabytes, 10,000 images of 128x128 in colour."""
_ALARMED = 64  # images that are looked at for a mismatch


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured of a model.

    Attributes:
        name: what it was asked for by.
        model: in ``eval()``.
        source: where it is from.
        images: that it was measured on, by split.
        found: in each split, every image's values among them.
        metrics: the numbers as ``metrics.json`` has them, with those of the baseline and the protocol.
    """

    name: str
    model: Autoencoder
    source: Source
    images: dict[str, ImageArray]
    found: dict[str, Measurement]
    metrics: dict[str, Any]


def evaluate_models(
    names: Sequence[str],
    *,
    data: str | None = None,
    binarize: str | None = None,
    split: str | None = None,
    metrics: tuple[str, ...] = (),
    convention: str = "",
    pca: bool = False,
    seed: int = EVALUATION_SEED,
    root: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> list[Evaluation]:
    """Measure models by the protocol of their cards, or on other images.

    Of several processes, as ``accelerate launch`` starts them, each computes its share, and all get the same.

    Args:
        names: of models with weights, or their folders.
        data: other images; None: those that each was trained and tested on.
        binarize: how they are made binary, where not as the recipe says.
        split: this one alone, or ``"all"`` of a folder or array; None: all that there are.
        metrics: more of them. A file's, where these name none.
        convention: measure as another harness does, by its name (`aezoo.metrics.conventions`), and nothing else.
        pca: measure principal components of the training images, of as many as have `MOST` values, beside each model:
            as many as its latent has numbers; of images that have no training split none are.
        seed: of the posterior samples; those of cards are of 0.
        root: where datasets lie; by default ``AEZOO_DATA``.
        device: where they compute, ``"auto"`` or as torch names it; others round more coarsely than a CPU.
        report: called as images are read and measured.

    Raises:
        UnknownNameError, WeightsError: there is no such model, or none with weights.
        OptionError: one has no such split, or there is no such convention.
        DataError: the images are not there, or a path that a file names was not said again.
    """
    asked = find_convention(convention) if convention else None
    state = PartialState(cpu=named(device).type == "cpu") if launched()[1] > 1 else None
    rank, world = (state.process_index, state.num_processes) if state else (0, 1)
    models = {name: create(name, pretrained=True).to(named(device)) for name in names}
    numbers = {name: math.prod(model.latent_shape) if pca else 0 for name, model in models.items()}
    baselines = _Baselines(max(numbers.values(), default=0), asked)
    evaluations, whole = [], ""
    for name, model in models.items():
        source = resolve(name)
        recipe, part, origin = _measured_on(source, data, binarize, split, metrics, bool(asked))
        images, train = _images(model, recipe, part, root, origin, report)
        if numbers[name] and ALL in images:
            numbers[name], whole = 0, recipe.dataset
        if data:
            last = images[[*images][-1]]
            alarm(model, last.batch(range(min(_ALARMED, len(last)))).images)
        here = {"convention": asked, "seed": seed, "rank": rank, "world": world}
        found = measure_each(model, images, recipe.metrics, report, **here)
        about = protocol(model, images, recipe) | {"seed": seed}
        if asked:
            about |= {"convention": asked.name, "source": asked.source, "z": asked.z, "draws": dict.fromkeys(images, 1)}
        if numbers[name]:
            about |= {"pca": {"images": len(_for_components(train))}}
        beside = baselines.of(images, train, numbers[name])
        evaluations.append(Evaluation(name, model, source, images, found, as_metrics(found, beside, about)))
    if whole:
        warn(f"no principal components beside {whole}, of which no image is for training; --split test holds some out")
    return evaluations


class _Baselines:
    """The baselines beside models: each is fitted and measured once for all that take the same images.

    Args:
        most: components that any model asks for.
        convention: by which they are measured.
    """

    def __init__(self, most: int, convention: Convention | None) -> None:
        self.most, self.convention = most, convention
        self._components: dict[str, Pca] = {}
        self._measured: dict[tuple[str, ...], dict[str, Measurement]] = {}

    def of(
        self, images: dict[str, ImageArray], train: ImageArray, components: int
    ) -> dict[str, dict[str, Measurement]]:
        """The mean of the training images and, unless they are 0, so many of their components, on images by split."""
        found = {BASELINE: self._on(images, train, BASELINE, lambda: MeanImage.fit(train))}
        if components:
            pca = self._pca(train).first(components)
            name = f"pca-{pca.latent_shape[0]}"
            found[name] = self._on(images, train, name, lambda: pca)
        return found

    def _on(
        self, images: dict[str, ImageArray], train: ImageArray, name: str, fit: Callable[[], Autoencoder]
    ) -> dict[str, Measurement]:
        key = (name, *(each.fingerprint for each in (train, *images.values())))
        if key not in self._measured:
            self._measured[key] = measure_each(fit(), images, convention=self.convention)
        return self._measured[key]

    def _pca(self, train: ImageArray) -> Pca:
        if train.fingerprint not in self._components:
            few = _for_components(train)
            if len(few) < min(self.most + 1, len(train)):
                warn(f"PCA is of {len(few):,} of {len(train):,} training images, too few for {self.most:,} components")
            self._components[train.fingerprint] = Pca.fit(few, self.most)
        return self._components[train.fingerprint]


def _for_components(train: ImageArray) -> ImageArray:
    return train.some(max(1, MOST // train.batch(range(1)).images.numel()))


def _measured_on(
    source: Source,
    data: str | None,
    binarize: str | None,
    split: str | None,
    metrics: tuple[str, ...],
    by_other: bool = False,
) -> tuple[Recipe, str | None, Origin]:
    """What a model is measured on and by, which part of it, and who says so; ``by_other``: nothing of the recipe's."""
    recipe = recipe_of(source)
    if data and not confirms(data, recipe.dataset):
        # Other images: none of them was held out of this model's training.
        own = recipe.dataset
        recipe = dataclasses.replace(recipe, dataset=data, validation=0.0, patience=0, keep="last", binarize="")
        if split is None and is_path(data) and _is_path(own) and Path(data).name == Path(own).name:
            warn(
                f"{source.spec.name} was trained on images of {shown(own)}, and {data} is taken "
                "for others: all of it is measured; if it is the same folder, --split test is what was held out"
            )
        split = split or (ALL if is_path(data) else None)
    if binarize:
        recipe = dataclasses.replace(recipe, binarize=binarize)
    if metrics or by_other:
        recipe = dataclasses.replace(recipe, metrics=metrics)
    elif source.folder:
        refuse_external("metric", recipe.metrics, "--metric")
    return recipe, split, "file" if source.folder and not data else "caller"


def _is_path(recorded: str) -> bool:
    """Whether a recorded dataset was named by its path, which need not be there any more."""
    try:
        return is_path(recorded)
    except AezooError:
        return True


def _images(
    model: Autoencoder,
    recipe: Recipe,
    split: str | None,
    root: str | os.PathLike[str] | None,
    origin: Origin,
    report: Report | None,
) -> tuple[dict[str, ImageArray], ImageArray]:
    """The images by split, and those that baselines are fitted to: of what has no splits these very images, which is
    more than a model can know.
    """
    if split != ALL:
        splits = load_splits(recipe, model.image, root=root, origin=origin, report=report)
        there = splits.named()
        if split and split not in there:
            raise OptionError(f"--split {split}: there are {', '.join(there)}; {ALL} of a folder or array")
        return {key: each for key, each in there.items() if split in (None, key)}, splits.train
    images = load_images(
        recipe.dataset,
        ALL,
        model.image,
        binarize=recipe.binarize,  # pyright: ignore[reportArgumentType]
        root=root,
        origin=origin,
        progress=(lambda done, total: report("reading", done, total)) if report else None,
    )
    return {ALL: images}, images
