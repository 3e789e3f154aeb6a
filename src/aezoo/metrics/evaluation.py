"""Evaluation: metrics on every image, in float32, the same whatever the batch size and the number of processes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map_only

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError, DataError, PluginError, typed_line, warn
from aezoo.grammar import parse_component
from aezoo.latent import Batch, cat
from aezoo.metrics.measured import Measured, generators
from aezoo.modes import settled
from aezoo.plain import Component
from aezoo.plugins import registry
from aezoo.registry import BUILTIN
from aezoo.requests import Request, ask
from aezoo.specs import MetricSpec, Spec

_VALUES = 256 * 128 * 128  # of the images of a batch; a network's maps have tens of times as many
_OWN = 2**32 - 1  # in the place of a draw: what a metric draws by itself

Moment = Literal["curve", "end"]
"""When something is measured: at a point of the curves, or of the finished model."""


@runtime_checkable
class Images(Protocol):
    """Images to measure on, by index."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int], /) -> Batch:
        """The images at these indices, float32 in [0, 1]."""
        ...


@runtime_checkable
class SetMetric(Protocol):
    """A number of a set of images that is no average over them; torchmetrics' convention.

    ``update(...)`` takes a batch in, what the metric's spec ``takes``; ``compute()`` gives the number of everything
    that was taken in, or a mapping of several; ``reset()`` forgets it. A tensor ``(n,)`` is the numbers of the n images
    that were taken in, in their order, of which the average then is the set's.
    """

    update: Callable[..., Any]
    compute: Callable[[], Any]
    reset: Callable[[], Any]


@dataclass(frozen=True)
class Metric:
    """A metric at work.

    Attributes:
        name: of its row, as it was asked for.
        measures: ``measured -> (b,)``, or a mapping of such; or a `SetMetric`.
        spec: what is declared of it.
        package: who brings it.
        id: what a number of it says of itself, ``"distribution/name(every option)@revision"``, and what else it depends
            on: the items of the object's attribute ``protocol``, where it has one. An external option, a path, is left
            out: what lies there says ``protocol``.
    """

    name: str
    measures: Callable[..., Tensor | Mapping[str, Tensor]] | SetMetric
    spec: MetricSpec
    package: str = BUILTIN
    id: str = ""

    @cached_property
    def is_drawn(self) -> bool:
        """Whether it may depend on the posterior's sample, and is a number of each image."""
        return not isinstance(self.measures, SetMetric) and (not self.spec.takes or "sampled" in self.spec.takes)

    def given(self, measured: Measured) -> tuple[Any, ...]:
        """What it is given of a batch."""
        return tuple(getattr(measured, name) for name in self.spec.takes) or (measured,)


@dataclass(slots=True)
class Measurement:
    """What was measured, by the name of its row: a metric's, or ``name[key]`` of one that gives several numbers.

    Attributes:
        values: of each image, float64 ``(n,)`` on the CPU: means over the draws.
        of_set: numbers of all.
        errors: the standard error of a number that the draws move, over them; of a single draw none is known.
        ids: what each metric is (``Metric.id``), by its name.
    """

    values: dict[str, Float[Tensor, " n"]] = field(default_factory=dict)
    of_set: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """Every number: the average of each metric over the images, and those of the set."""
        return {name: value.mean().item() for name, value in self.values.items()} | self.of_set


def evaluate(
    model: Autoencoder,
    images: Images,
    *,
    seed: int = 0,
    batch_size: int = 0,
    metrics: Sequence[Request] | None = None,
    more: Sequence[Request] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """The numbers of a finished model.

    Args:
        model: measured in ``eval()``, without autocast; its mode is restored.
        images: n of them. Whether all are binary decides of which likelihoods they are images.
        seed: of the posterior samples. Each image has a generator of its own, seeded by this and its index.
        batch_size: images at a time; the values do not depend on it. 0: 256, of large images as many as fit.
        metrics: requests for them (`aezoo.requests.Request`); None for every built-in one that the model and the
            images allow and that is not measured only where it is asked for.
        more: more of them, beside those.
        progress: called with the number of images done and their total.

    Raises:
        DataError: there are no images.
        UnknownNameError: no package registers a metric of this name.
        CompositionError: a metric that was asked for needs what the model or the images do not give.
        PluginError: a metric that was asked for does not load.
    """
    chosen = choose(model, images, metrics=metrics, more=more)
    return measure(model, images, chosen, seed=seed, batch_size=batch_size, progress=progress).numbers()


def choose(
    model: Autoencoder,
    images: Images,
    *,
    metrics: Sequence[Request] | None = None,
    more: Sequence[Request] = (),
    moment: Moment = "end",
) -> list[Metric]:
    """The metrics to measure at a moment; arguments and errors are those of `evaluate`."""
    given = facts(model, images)
    entries = registry().entries("metric", distribution=BUILTIN) if metrics is None else []
    own = [entry.name for entry in entries if _is_of_curves(entry.spec) and set(entry.spec.needs) <= given]
    chosen = [_load(name, model, given) for name in own]
    for name in (*(metrics or ()), *more):
        metric = _load(name, model, given)
        if (moment == "end" or _is_of_curves(metric.spec)) and metric.name not in [other.name for other in chosen]:
            chosen.append(metric)
    return chosen


def check_images(images: Any) -> None:
    """Raise a `DataError` for what is no set of images, or an empty one."""
    if not isinstance(images, Images):
        given = type(images).__name__
        raise DataError(f"images to measure on are a {given}: give aezoo.dataset(NAME_OR_FOLDER, model=model)")
    if not len(images):
        raise DataError("there are no images to measure on")


def facts(model: Autoencoder, images: Images) -> frozenset[str]:
    """What metrics and losses may need: what the model provides on these images, and what the images have."""
    check_images(images)
    indices, size = range(len(images)), fitting(images)
    batches = [indices[at : at + size] for at in range(0, len(images), size)]
    binary = all(bool(((x == 0) | (x == 1)).all()) for x in (images.batch(batch).images for batch in batches))
    few = images.batch(range(1))
    extra = {name for name in ("labels", "factors") if getattr(few, name) is not None}
    no_likelihood = {"nll"} if model.likelihood.support == "binary" and not binary else set()
    return (model.provides | {"binary" if binary else "grey"} | extra) - no_likelihood


def fitting(images: Images) -> int:
    """How many images are measured at a time: 256, or of large ones as many as have so many values together."""
    return max(1, min(256, _VALUES // math.prod(images.batch(range(1)).images.shape)))


def measure(
    model: Autoencoder,
    images: Images,
    metrics: Sequence[Metric],
    *,
    seed: int = 0,
    draws: int = 1,
    batch_size: int = 0,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Measurement:
    """What the metrics say of the images. One that fails costs its own row, and a warning that names its package.

    Args:
        model, images, seed, batch_size, progress: as in `evaluate`.
        metrics: what `choose` gives, and others.
        draws: posterior samples an image. Numbers of a set are of the first.
        rank, world: this process and how many there are: each computes its share of every batch, and all get the same.
    """
    working = {metric.name: metric for metric in metrics}
    values: dict[str, dict[str, list[list[Tensor]]]] = {}
    models: dict[str, Autoencoder] = {}
    sets: dict[str, SetMetric] = {}
    alone: dict[str, Callable[..., Tensor | Mapping[str, Tensor]]] = {}
    for metric in metrics:
        with _surviving(metric, working):
            if metric.package != BUILTIN and (not metric.spec.takes or "model" in metric.spec.takes):
                models[metric.name] = copy.deepcopy(model).eval()
            if isinstance(metric.measures, SetMetric):  # asked once: of a protocol that takes a while
                sets[metric.name] = metric.measures
                metric.measures.reset()
            else:
                alone[metric.name] = metric.measures
    batch_size = batch_size or fitting(images)
    with _measuring(model):
        for at in range(0, len(images), batch_size):
            batch = range(at, min(at + batch_size, len(images)))
            for draw, measured in enumerate(_answers(model, images, batch, seed, draws, rank, world)):
                for name, metric in [each for each in working.items() if not draw or each[1].is_drawn]:
                    with _surviving(metric, working):
                        own = measured if metric.package == BUILTIN else _copy(measured, models.get(name, model))
                        if name in sets:
                            sets[name].update(*metric.given(own))
                        else:
                            for row, value in rows(name, alone[name](*metric.given(own))).items():
                                empty = [[] for _ in range(draws if metric.is_drawn else 1)]
                                parts = values.setdefault(name, {}).setdefault(row, empty)
                                parts[draw].append(_of_images(value, measured))
            if progress:
                progress(batch.stop, len(images))
        drawn: dict[str, Tensor] = {}
        of_set: dict[str, float] = {}
        for name, metric in list(working.items()):
            with _surviving(metric, working):
                found = rows(name, sets[name].compute()) if name in sets else {}
                each = {row: [torch.cat(part) for part in parts] for row, parts in values.get(name, {}).items()}
                own = [row for row, value in found.items() if is_of_images(value, len(images))]
                each |= {row: [found[row].cpu().double()] for row in own}
                of_set |= {row: float(value) for row, value in found.items() if row not in own}
                if any(len(part) != len(images) for parts in each.values() for part in parts):
                    raise PluginError("it gives other numbers of other images")
                drawn |= {row: torch.stack(parts) for row, parts in each.items()}
    moved = {name: each for name, each in drawn.items() if (each != each[0]).any() and each.isfinite().all()}
    errors = {name: each.mean(1).std().item() / len(each) ** 0.5 for name, each in moved.items()}
    ids = {name: metric.id for name, metric in working.items()}
    return Measurement({name: each.mean(0) for name, each in drawn.items()}, of_set, errors, ids)


def rows(name: str, value: Any) -> dict[str, Any]:
    """What a metric gives, by the name of its row: of a mapping ``name[key]``, of its key ``""`` the name alone."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {name if key == "" else f"{name}[{key}]": each for key, each in value.items()}


def is_of_images(value: Any, n: int) -> bool:
    """Whether it is a number for each of n images, and not one for all of them."""
    return isinstance(value, Tensor) and value.shape == (n,)


def _is_of_curves(spec: Spec) -> bool:
    return isinstance(spec, MetricSpec) and spec.when == "curve"


def _load(request: Request, model: Autoencoder, given: frozenset[str]) -> Metric:
    asked = ask("metric", request)
    spec = asked.entry.spec
    assert isinstance(spec, MetricSpec)
    if missing := sorted(set(spec.needs) - given):
        has = ", ".join(sorted(given))
        raise CompositionError(f"metric {request!r} needs {', '.join(missing)}: this model on these images has {has}")
    measures = asked.bind(image=model.image, latent_shape=model.latent_shape)
    if isinstance(measures, torch.nn.Module):
        measures.to(model.device)
        for each in measures.modules():  # torchmetrics', also within others: every process has seen every image
            if hasattr(each, "distributed_available_fn"):  # of `sync_on_compute` it keeps a copy
                each.distributed_available_fn = _is_alone  # pyright: ignore[reportArgumentType]
    name = request if isinstance(request, str) else str(parse_component(request))
    said = getattr(measures, "protocol", None)  # of a stranger's it may be anything
    depends = "".join(f" {key}={value}" for key, value in said.items()) if isinstance(said, Mapping) else ""
    outside = {option.name for option in spec.options if option.external}
    kept = {option: value for option, value in asked.options.items() if option not in outside}
    what = Component.of(asked.entry.qualified_name, **kept)
    return Metric(name, measures, spec, asked.entry.distribution, f"{what}@{spec.revision}{depends}")


def _is_alone() -> bool:
    """What torchmetrics asks before it gathers: whether there are other processes."""
    return False


@contextmanager
def _surviving(metric: Metric, working: dict[str, Metric]) -> Iterator[None]:
    """Leave a metric out that fails within the block; it may be a stranger's, and raise anything."""
    try:
        yield
    except (Exception, SystemExit) as error:
        del working[metric.name]
        cause = typed_line(error).removeprefix("PluginError: ")
        warn(f"metric {metric.name!r} of {metric.package} is left out: {cause}")


def _copy(measured: Measured, model: Autoencoder) -> Measured:
    """What a stranger's metric is given: whatever it does to it, nothing else is measured on that."""
    batch, mean, sampled = tree_map_only(Tensor, Tensor.clone, (measured.batch, measured.mean, measured.sampled))
    return Measured(batch=batch, mean=mean, sampled=sampled, model=model, seeds=measured.seeds)


def _of_images(value: Tensor, measured: Measured) -> Tensor:
    if value.shape != (len(measured.batch),):
        raise PluginError(f"it gives {tuple(value.shape)} for {len(measured.batch)} images, not (b,)")
    return value.cpu().double()  # in this order: not every device has float64


@contextmanager
def _measuring(model: Autoencoder) -> Iterator[None]:
    """Everything in ``eval()``, float32 and without gradients; each module gets its own mode back.

    Not in inference mode: what a term makes once and keeps, it may go on with in training.
    """
    device = model.device.type
    with settled(model), torch.no_grad(), torch.autocast(device, enabled=False):
        yield


def _answers(
    model: Autoencoder, images: Images, indices: range, seed: int, draws: int, rank: int, world: int
) -> Iterator[Measured]:
    """The model's answers to some images, draw by draw; each of several processes computes its share, and gets all."""
    here = model.device
    share = indices[len(indices) * rank // world : len(indices) * (rank + 1) // world]
    batch = images.batch(share).to(here) if len(share) else None
    mean = model(batch.to(here, dtype=model.dtype)) if batch is not None else None
    seeds = [_seed(seed, index, _OWN) for index in indices]
    for draw in range(draws):
        parts: list[Any] = []
        if mean is not None and "posterior" not in model.provides:
            parts = [(batch, mean, mean)]
        elif batch is not None and mean is not None:
            noise = generators([_seed(seed, index, draw) for index in share])
            z = model.bottleneck.sample(mean.latent, 1, noise)[0]
            sampled = model.output(model.latent_at(mean.latent, z), model.labels_of(batch))
            parts = [(batch, mean, sampled)]
        if world > 1:
            from accelerate.utils import gather_object

            own = tree_map_only(Tensor, lambda tensor: tensor.cpu(), parts)
            parts = [tree_map_only(Tensor, lambda tensor: tensor.to(here), part) for part in gather_object(own)]
        whole = parts[0] if len(parts) == 1 else map(cat, zip(*parts, strict=True))
        whole = dict(zip(("batch", "mean", "sampled"), whole, strict=True))
        yield Measured(**whole, model=model, seeds=seeds)


def _seed(seed: int, index: int, draw: int) -> int:
    """Of one draw of one image; published numbers were drawn by it, so it stays as it is beside `aezoo.seeds`."""
    return int(np.random.SeedSequence((seed, index, draw)).generate_state(1, np.uint64)[0])
