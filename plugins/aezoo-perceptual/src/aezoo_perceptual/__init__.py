"""Perceptual losses and metrics for aezoo: ``lpips`` and ``vgg``. Declared here; nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo
from aezoo.specs import START, WARMUP

RELUS = tuple(
    f"relu{block}_{place}" for block, places in enumerate((2, 2, 3, 3, 3), 1) for place in range(1, places + 1)
)
"""The activations of VGG16, in order."""


def _net(default: str) -> aezoo.Option:
    text = "whose features are compared: 'vgg' to train on, 'alex' to measure with (Zhang et al.'s advice)"
    return aezoo.Option(name="net", type="str", default=default, choices=("alex", "squeeze", "vgg"), help=text)


LPIPS = aezoo.LossSpec(
    name="lpips",
    summary="Learned perceptual distance (Zhang et al. 2018), times the number of an image's values",
    implementation="aezoo_perceptual.terms:LpipsTerm",
    options=(_net("vgg"), START, WARMUP),
    unit="LPIPS times c*h*w",
)

VGG = aezoo.LossSpec(
    name="vgg",
    summary="Squared distance of VGG16's features (Johnson et al. 2016), times the number of an image's values",
    implementation="aezoo_perceptual.terms:VggTerm",
    options=(
        aezoo.Option(
            name="layers", type="strs", default=("relu2_2",), choices=RELUS, help="whose mean squared errors are added"
        ),
        START,
        WARMUP,
    ),
    unit="mean squared error of features times c*h*w",
)

METRIC = aezoo.MetricSpec(
    name="lpips",
    summary="Learned perceptual distance (Zhang et al. 2018), from the mean; average over images",
    implementation="aezoo_perceptual.terms:LpipsMetric",
    options=(_net("alex"),),
    takes=("reconstruction", "images"),
    better="lower",
    when="asked",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.LossSpec | aezoo.MetricSpec]:
    """Everything that this package registers."""
    yield LPIPS
    yield VGG
    yield METRIC
