"""aezoo: a plugin-based model zoo of image autoencoders for PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # each as itself: exported
    from aezoo.autoencoder import Autoencoder as Autoencoder
    from aezoo.composition import describe as describe
    from aezoo.datasets.pipeline import dataset as dataset
    from aezoo.embedded import list_models as list_models
    from aezoo.embedded import read_weights as read_weights
    from aezoo.errors import AezooError as AezooError
    from aezoo.errors import AezooWarning as AezooWarning
    from aezoo.factory import create as create
    from aezoo.latent import (
        Batch as Batch,
    )
    from aezoo.latent import (
        Latent as Latent,
    )
    from aezoo.latent import (
        Output as Output,
    )
    from aezoo.local import register as register
    from aezoo.metrics.evaluation import evaluate as evaluate
    from aezoo.plain import (
        Component as Component,
    )
    from aezoo.plain import (
        ImageSpec as ImageSpec,
    )
    from aezoo.plain import (
        Option as Option,
    )
    from aezoo.plugins import hookimpl as hookimpl
    from aezoo.plugins import list_names as list_names
    from aezoo.recipe import Recipe as Recipe
    from aezoo.recipe import Tag as Tag
    from aezoo.specs import (
        BottleneckSpec as BottleneckSpec,
    )
    from aezoo.specs import (
        CommandSpec as CommandSpec,
    )
    from aezoo.specs import (
        DatasetSpec as DatasetSpec,
    )
    from aezoo.specs import (
        DecoderSpec as DecoderSpec,
    )
    from aezoo.specs import (
        EncoderSpec as EncoderSpec,
    )
    from aezoo.specs import (
        LikelihoodSpec as LikelihoodSpec,
    )
    from aezoo.specs import (
        LossSpec as LossSpec,
    )
    from aezoo.specs import (
        MetricSpec as MetricSpec,
    )
    from aezoo.specs import (
        ModelSpec as ModelSpec,
    )
    from aezoo.specs import (
        PriorSpec as PriorSpec,
    )
    from aezoo.specs import (
        StudySpec as StudySpec,
    )
    from aezoo.specs import (
        WeightsSpec as WeightsSpec,
    )
    from aezoo.training.call import resume as resume
    from aezoo.training.call import train as train
    from aezoo.training.objective import Objective as Objective

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
__all__ = [*_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


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
