"""What a check runs on: a request for something registered, and the small model in which it is tried."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.composition import describe, resolve
from aezoo.factory import build
from aezoo.grammar import parse_component, parse_loss
from aezoo.latent import Batch
from aezoo.plain import PARTS, Component, ImageSpec
from aezoo.plugins import list_names, registry
from aezoo.registry import BUILTIN, LOCAL, Entry
from aezoo.specs import LossSpec, ModelSpec

HOST = ModelSpec(
    name="conformance",
    summary="The small model in which a part is tested",
    image=ImageSpec(size=(32, 32), channels=1),
    encoder=Component.of("conv", layers=("3x3x4 s2", "3x3x8 s2")),
    bottleneck=Component.of("gaussian", dim=4),
    decoder=Component.of("deconv", layers=("4x4x8 s2", "4x4xc s2")),
)
"""Two strides on either side, so that a bottleneck may keep the map or flatten it."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something registered: its ``kind`` and the ``request`` for it.

    Attributes:
        kind: of spec.
        request: by name, with options.
        host: the model in which it is tried: a part in its place; a loss or a metric on what it answers.
        root: where files of datasets lie; None: where ``AEZOO_DATA`` says.
        images: the dataset on whose images a metric is tried; empty: noise.
    """

    kind: str
    request: str
    host: ModelSpec = HOST
    root: str | PathLike[str] | None = None
    images: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.request}"

    @property
    def entry(self) -> Entry:
        """What the request means."""
        if self.kind == "model":
            entry = resolve(self.request).entry
            assert entry, f"{self.request} is not registered"
            return entry
        component = parse_loss(self.request)[0].component if self.kind == "loss" else parse_component(self.request)
        return registry().find(self.kind, component.name)

    def spec(self, **changes: Any) -> ModelSpec:
        """The described model; ``changes`` are those of `aezoo.describe`."""
        if self.kind == "model":
            return describe(self.request, **changes)
        if self.kind in PARTS:
            spec = describe(self.host, **{self.kind: self.request, **changes})
            return dataclasses.replace(spec, loss=_own_loss(spec, self.entry.distribution))
        spec = describe(self.host, **changes)
        return dataclasses.replace(spec, loss=self.request) if self.kind == "loss" else spec

    def make(self, **changes: Any) -> tuple[Autoencoder, Batch]:
        """The model in ``eval()`` and four images for it, of two classes in turn: the same ones each time."""
        spec = self.spec(**changes)
        torch.manual_seed(0)
        model = build(spec).eval()
        labels = model.example(4).labels
        if labels is not None:
            labels[1::2] = 1
        return model, Batch(torch.rand(4, *spec.image.shape), labels)


def tensors_of(batch: Batch) -> tuple[Tensor, ...]:
    """What a model is given of a batch, without the batch: images, and labels where there are any."""
    return (batch.images,) if batch.labels is None else (batch.images, batch.labels)


def generator(seed: int = 0) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def _own_loss(spec: ModelSpec, distribution: str) -> str:
    """The loss that moves every part: a likelihood where there is one, all terms that are named like what a part
    provides (kl, commitment), and those of a package's own that need what is provided.
    """
    provided, terms = {*spec.provides}, [fact for fact in spec.provides if fact in list_names("loss")]
    for entry in registry().entries("loss", distribution=distribution) if distribution not in (BUILTIN, LOCAL) else ():
        term = entry.spec
        assert isinstance(term, LossSpec)
        stands_alone = not (term.external or term.adversary or term.excludes)
        if stands_alone and term.needs and {*term.needs} <= provided and entry.name not in terms:
            terms.append(entry.name)
    if "nll" not in terms:
        terms.append("bce" if "logits" in spec.provides else "l2")
    return " + ".join(terms)
