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
from aezoo.composition import Source, recipe_of, resolve, stored
from aezoo.datasets.folder import ALL
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.pipeline import confirms, is_path, load_images
from aezoo.errors import AezooError, DataError, OptionError, WeightsError, shown, warn
from aezoo.factory import create
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.conventions import Convention, find_convention
from aezoo.metrics.evaluation import Measurement
from aezoo.metrics.pca import Pca
from aezoo.mismatch import alarm
from aezoo.recipe import Recipe
from aezoo.requests import Origin, refuse_external
from aezoo.training.data import load_splits
from aezoo.training.devices import launched, named
from aezoo.training.results import Report, as_metrics, measure_each, protocol
from aezoo.weights.folder import GOLDEN, METRICS, read_golden, read_metrics
from aezoo.weights.golden import golden

TOLERANCE = 1e-4
"""By how much of itself a number may differ from its card's: machines round differently, weights do not."""
_LEAST = 0.01  # a number below is held to this much's share: a divergence near 0 is rounding
MOST = 2**27
"""Values of the training images that components are found of: half a gigabyte, 10,000 images of 64x64 in colour."""
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


@dataclass(frozen=True, slots=True)
class Drift:
    """A number of a card, and what it is now; of a tensor the norms, and ``apart``, that of the difference."""

    split: str
    metric: str
    card: float
    now: float
    apart: float | None = None

    @property
    def share(self) -> float:
        """The difference, over the number (over 0.01 where that is more)."""
        if self.apart is None and (self.card == self.now or (math.isnan(self.card) and math.isnan(self.now))):
            return 0.0
        apart = abs(self.now - self.card) if self.apart is None else self.apart
        return apart / max(abs(self.card), _LEAST)

    @property
    def passes(self) -> bool:
        """Whether it is within `TOLERANCE`."""
        return self.share <= TOLERANCE  # which a NaN is not


def evaluate_models(
    names: Sequence[str],
    *,
    data: str | None = None,
    binarize: str | None = None,
    split: str | None = None,
    metrics: tuple[str, ...] = (),
    convention: str = "",
    pca: bool = False,
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
        found = measure_each(model, images, recipe.metrics, report, convention=asked, rank=rank, world=world)
        about = protocol(model, images, recipe)
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
        found = {"mean-image": self._on(images, train, "mean-image", lambda: MeanImage.fit(train))}
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
            self._components[train.fingerprint] = Pca.fit(_for_components(train), self.most)
        return self._components[train.fingerprint]


def _for_components(train: ImageArray) -> ImageArray:
    return train.some(max(1, MOST // train.batch(range(1)).images.numel()))


def drifts(evaluation: Evaluation) -> list[Drift]:
    """Every number of the card of a model that was measured again, and its golden tensors, now and then.

    Raises:
        WeightsError: it has no card with numbers, a number of it was not measured, the images are not the card's, or
            the golden tensors another model's.
    """
    folder = _card(evaluation)
    if not (card := read_metrics(folder)):
        raise WeightsError(f"{evaluation.name} has no numbers to check: {folder} has no {METRICS}")
    recorded, now = (metrics["protocol"].get("sha256", {}) for metrics in (card, evaluation.metrics))
    found = []
    then_ids, ids = (metrics["protocol"].get("metrics", {}) for metrics in (card, evaluation.metrics))
    if revised := [name for name in then_ids if name in ids and ids[name] != then_ids[name]]:
        was, now_is = then_ids[revised[0]], ids[revised[0]]
        raise WeightsError(f"{evaluation.name}: its card has {was}, and measured here is {now_is}")
    for split in evaluation.images:
        if split not in card or recorded.get(split) != now[split]:
            raise WeightsError(f"{evaluation.name}: its card's numbers are not of these images ({split})")
        measured = evaluation.metrics[split]
        if missing := sorted(set(card[split]) - set(measured)):
            raise WeightsError(f"{evaluation.name}: its card has {', '.join(missing)} of {split}, not measured here")
        found += [
            Drift(split, metric, _number(then), _number(measured[metric])) for metric, then in card[split].items()
        ]
    asked, known = read_golden(folder)
    device = evaluation.model.device
    try:
        again = golden(evaluation.model.cpu(), asked)
    except DataError:  # no images of this model's
        again = {}
    finally:
        evaluation.model.to(device)
    if {key: known[key].shape for key in known} != {key: again[key].shape for key in again}:
        raise WeightsError(f"{folder / GOLDEN} holds the answers of another model than {evaluation.name}")
    for key in sorted(known):
        wanted, given = known[key].double(), again[key].double()
        norms = (tensor.norm().item() for tensor in (wanted, given, given - wanted))
        found.append(Drift("golden", key, *norms))
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _card(evaluation: Evaluation) -> Path:
    try:
        return stored(evaluation.source, METRICS, GOLDEN)[0]
    except WeightsError as error:
        raise WeightsError(f"{evaluation.name} has no numbers to check: {error}") from None


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
        reading = (lambda name, done, total: report(f"reading {name}", done, total)) if report else None
        splits = load_splits(recipe, model.image, root=root, origin=origin, progress=reading)
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
