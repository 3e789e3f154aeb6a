"""aezoo: a plugin-based model zoo of image autoencoders for PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder
    from aezoo.composition import describe
    from aezoo.datasets.pipeline import dataset
    from aezoo.embedded import list_models, read_weights
    from aezoo.errors import AezooError, AezooWarning
    from aezoo.factory import create
    from aezoo.latent import Batch, Latent, Output
    from aezoo.local import register
    from aezoo.metrics.evaluation import evaluate
    from aezoo.plain import Component, ImageSpec, Option
    from aezoo.plugins import hookimpl, list_names
    from aezoo.recipe import Recipe, Tag
    from aezoo.specs import (
        BottleneckSpec,
        CommandSpec,
        DatasetSpec,
        DecoderSpec,
        EncoderSpec,
        LikelihoodSpec,
        LossSpec,
        MetricSpec,
        ModelSpec,
        PriorSpec,
        StudySpec,
        WeightsSpec,
    )
    from aezoo.training.call import resume, train
    from aezoo.training.objective import Objective

# Every public name and the room it lives in; a room is imported when one of its names is first used (PEP 562).
_ROOMS = {
    "aezoo.autoencoder": ("Autoencoder",),
    "aezoo.datasets.pipeline": ("dataset",),
    "aezoo.embedded": ("list_models", "read_weights"),
    "aezoo.errors": ("AezooError", "AezooWarning"),
    "aezoo.composition": ("describe",),
    "aezoo.factory": ("create",),
    "aezoo.latent": ("Batch", "Latent", "Output"),
    "aezoo.local": ("register",),
    "aezoo.plugins": ("hookimpl", "list_names"),
    "aezoo.plain": ("Component", "ImageSpec", "Option"),
    "aezoo.recipe": ("Recipe", "Tag"),
    "aezoo.specs": (
        "BottleneckSpec",
        "CommandSpec",
        "DatasetSpec",
        "DecoderSpec",
        "EncoderSpec",
        "LikelihoodSpec",
        "LossSpec",
        "MetricSpec",
        "ModelSpec",
        "PriorSpec",
        "StudySpec",
        "WeightsSpec",
    ),
    "aezoo.metrics.evaluation": ("evaluate",),
    "aezoo.training.call": ("train", "resume"),
    "aezoo.training.objective": ("Objective",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


__version__: str  # read from the installed distribution on first use
__all__ = [  # noqa: RUF022 - in the order of _ROOMS
    "Autoencoder",
    "dataset",
    "list_models",
    "read_weights",
    "AezooError",
    "AezooWarning",
    "describe",
    "create",
    "Batch",
    "Latent",
    "Output",
    "register",
    "hookimpl",
    "list_names",
    "Component",
    "ImageSpec",
    "Option",
    "Recipe",
    "Tag",
    "BottleneckSpec",
    "CommandSpec",
    "DatasetSpec",
    "DecoderSpec",
    "EncoderSpec",
    "LikelihoodSpec",
    "LossSpec",
    "MetricSpec",
    "ModelSpec",
    "PriorSpec",
    "StudySpec",
    "WeightsSpec",
    "evaluate",
    "train",
    "resume",
    "Objective",
]


if not TYPE_CHECKING:  # a type checker would take it for an answer to any name

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            value = version("aezoo")
        elif name in _HOME:
            value = getattr(importlib.import_module(_HOME[name]), name)
        elif name.startswith("__"):
            raise AttributeError(f"module 'aezoo' has no attribute {name!r}")
        else:
            from aezoo.errors import UnknownAttributeError, nearest

            raise UnknownAttributeError(
                f"module 'aezoo' has no attribute {name!r}: did you mean {nearest(name, __all__)}?"
            )
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
