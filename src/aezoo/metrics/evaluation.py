"""Evaluation: every metric that applies, on every image, in float32, the same whatever the batch size."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.errors import AezooWarning, CompositionError, DataError, PluginError
from aezoo.metrics.reconstruction import Measured
from aezoo.plugins import list_names, registry

Metric = Callable[[Measured], Tensor]


@runtime_checkable
class Images(Protocol):
    """Images to measure on, by index."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int], /) -> Float[Tensor, "b c h w"]:
        """The images at these indices, float32 in [0, 1]."""
        ...


def evaluate(
    model: Autoencoder,
    images: Images,
    *,
    seed: int = 0,
    batch_size: int = 256,
    metrics: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """The averages over the images of what `measure` gives; arguments and errors are its."""
    values = measure(model, images, seed=seed, batch_size=batch_size, metrics=metrics, progress=progress)
    return {name: value.mean().item() for name, value in values.items()}


def measure(
    model: Autoencoder,
    images: Images,
    *,
    seed: int = 0,
    batch_size: int = 256,
    metrics: Sequence[str] | None = None,
    extra: Mapping[str, Metric] | None = None,
    indices: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Float[Tensor, " n"]]:
    """The metrics of each image, float64 on the CPU.

    Args:
        model: measured in ``eval()``, without autocast; its mode is restored.
        images: n of them. Whether all are binary decides between ``elbo`` and ``bce_excess``.
        seed: of the posterior samples. Each image has a generator of its own, seeded by this and its index.
        batch_size: images at a time; the values do not depend on it.
        metrics: their names; None for every registered one that the model and the images allow.
        extra: more of them, by name: functions of a `Measured` that give one value an image.
        indices: which images, None for all; one of several processes measures its share.
        progress: called with the number of images done and their total.

    Raises:
        DataError: there are no images.
        UnknownNameError: no package registers a metric of this name.
        CompositionError: a metric that was asked for needs what the model or the images do not give.
        PluginError: a metric that was asked for does not load, or does not give one value an image.
    """
    if not len(images):
        raise DataError("there are no images to measure on")
    everything = range(len(images))
    binary = _are_binary(images, [everything[at : at + batch_size] for at in range(0, len(images), batch_size)])
    chosen = _choose(metrics, model.provides | {"binary" if binary else "grey"}) | dict(extra or {})
    asked = everything if indices is None else indices
    batches = [asked[at : at + batch_size] for at in range(0, len(asked), batch_size)]
    done = 0
    values: dict[str, list[Tensor]] = {name: [] for name in chosen}
    with _measuring(model):
        for batch in batches:
            measured = _answer(model, images.batch(batch), [_generator(seed, index) for index in batch])
            for name, metric in chosen.items():
                value = metric(measured)
                if value.shape != (len(batch),):
                    raise PluginError(f"metric {name!r} gives {tuple(value.shape)} for {len(batch)} images, not (b,)")
                values[name].append(value.to("cpu", torch.float64))
            done += len(batch)
            if progress:
                progress(done, len(asked))
    return {name: torch.cat(value) for name, value in values.items()}


def _choose(asked: Sequence[str] | None, given: frozenset[str]) -> dict[str, Metric]:
    """The metrics by name: those asked for, or all whose needs are given."""
    chosen: dict[str, Metric] = {}
    # A family has no members to run through here: one of them is measured where it is named.
    registered = [name for name in list_names("metric") if not name.endswith("*")] if asked is None else asked
    for name in registered:
        entry = registry().find("metric", name)
        if missing := sorted(set(entry.spec.needs) - given):
            if asked is None:
                continue
            has = ", ".join(sorted(given))
            raise CompositionError(f"metric {name!r} needs {', '.join(missing)}: this model on these images has {has}")
        try:
            chosen[name] = entry.load()
        except PluginError as error:
            if asked is not None:
                raise
            warnings.warn(f"left out: {error}", AezooWarning, stacklevel=3)  # a stranger's metric must not cost ours
    return chosen


def _are_binary(images: Images, batches: list[range]) -> bool:
    """Whether every pixel is 0 or 1. Grey images are found out in their first batch."""
    return all(bool(((batch == 0) | (batch == 1)).all()) for batch in map(images.batch, batches))


@contextmanager
def _measuring(model: Autoencoder) -> Iterator[None]:
    """Everything in ``eval()``, float32 and without gradients; each module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode(), torch.autocast(model.latent_mean.device.type, enabled=False):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _answer(model: Autoencoder, images: Tensor, generators: list[torch.Generator]) -> Measured:
    images = images.to(model.latent_mean.device)
    mean = model(images)
    z = model.bottleneck.sample(mean.latent, 1, generators)[0]  # (b, *latent_shape)
    return Measured(images=images, mean=mean, sampled=model.reconstruct(dataclasses.replace(mean.latent, z=z)))


def _generator(seed: int, index: int) -> torch.Generator:
    """The generator of one image: on the CPU, so that its noise is the same on every device."""
    state = np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
