"""The suite as one class: what it runs on, and all checks."""

from __future__ import annotations

import inspect
from os import PathLike
from typing import Any

from aezoo.errors import OptionError
from aezoo.plain import PARTS
from aezoo.specs import PLURALS, SPECS, ModelSpec
from aezoo.testing.bottlenecks import BottleneckChecks
from aezoo.testing.cases import HOST, Case
from aezoo.testing.commands import CommandChecks
from aezoo.testing.datasets import DatasetChecks
from aezoo.testing.declared import DeclaredChecks
from aezoo.testing.kept import KeptChecks
from aezoo.testing.likelihoods import LikelihoodChecks
from aezoo.testing.losses import LossChecks
from aezoo.testing.metrics import MetricChecks
from aezoo.testing.models import ModelChecks
from aezoo.testing.priors import PriorChecks
from aezoo.testing.studies import StudyChecks
from aezoo.testing.weights import WeightsChecks

ARGUMENTS = {
    "declared": tuple(SPECS),
    "case": ("model", *PARTS),
    "part": PARTS,
    "bottleneck": ("model", "bottleneck"),
    "prior": ("model", "bottleneck", "prior"),
    "likelihood": ("model", "likelihood"),
    "loss": ("loss",),
    "metric": ("metric",),
    "dataset": ("dataset",),
    "study": ("study",),
    "weights": ("weights",),
    "command": ("command",),
}
"""On which kinds a check runs, by the name of its argument."""


class Conformance(
    ModelChecks,
    BottleneckChecks,
    PriorChecks,
    LikelihoodChecks,
    LossChecks,
    MetricChecks,
    DatasetChecks,
    StudyChecks,
    WeightsChecks,
    CommandChecks,
    KeptChecks,
    DeclaredChecks,
):
    """The suite. A subclass names what it runs on, in ``models``, ``encoders``, ``bottlenecks``, ``priors``,
    ``decoders``, ``likelihoods``, ``losses``, ``metrics``, ``datasets``, ``studies``, ``weights`` and ``commands``.

    A name may carry options, as in ``aezoo.create``; small ones keep the suite fast. A part is tried inside a small
    model, in which it takes the place of its kind; losses and metrics on what that model answers.

    Attributes:
        host: the small model. It must provide what the losses and metrics need.
        sizes: at which models and parts are tried beside their own, with three channels; ``()`` where only one works.
        root: where the files of datasets lie; None: where ``AEZOO_DATA`` says. Without them a check is skipped.
        images: the dataset on whose test images metrics are tried, ``"toyfaces(style='shaded')"``; empty: noise of two
            classes and two factors.
    """

    models: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    bottlenecks: tuple[str, ...] = ()
    priors: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    likelihoods: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    host: ModelSpec = HOST
    sizes: tuple[tuple[int, int], ...] = ((28, 28), (33, 96))
    root: str | PathLike[str] | None = None
    images: str = ""

    def __init_subclass__(cls, **more: Any) -> None:
        """Leave out the checks of what the class names nothing of: else pytest would show each as skipped."""
        super().__init_subclass__(**more)
        for kind, known in PLURALS.items():
            if kind != known and kind in vars(cls):  # which nothing would be tried of
                raise OptionError(f"{cls.__name__}.{kind}: what is tried is a tuple of names, {known} = (...)")
        kinds = {case.kind for case in cls().cases()}
        for name in dir(Conformance):
            check = getattr(Conformance, name)
            if name.startswith("test_") and (asked := set(inspect.signature(check).parameters) & set(ARGUMENTS)):
                wanted = any(kinds & set(ARGUMENTS[argument]) for argument in asked)
                if getattr(cls, name) in (check, None):  # not one of its own
                    setattr(cls, name, check if wanted else None)

    def cases(self) -> list[Case]:
        """Everything that the class runs on."""
        names = {kind: getattr(self, plural) for kind, plural in PLURALS.items()}
        return [Case(kind, request, self.host, self.root, self.images) for kind in SPECS for request in names[kind]]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """What pytest asks a class: a check runs on every case of the kinds that its argument stands for."""
        for argument, kinds in ARGUMENTS.items():
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, [case for case in self.cases() if case.kind in kinds], ids=str)
