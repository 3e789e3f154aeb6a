"""Perceptual losses and metrics for aezoo: ``lpips``, ``vgg``, ``fid``, ``kid``. Declared here, without torch."""

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

_WEIGHTS = aezoo.Option(
    name="weights", type="str", default="", external=True, help="file of the network's weights; '': torch's cache"
)

FID = aezoo.MetricSpec(
    name="fid",
    summary="Frechet Inception distance (Heusel et al. 2017) of reconstructions, from the mean; of 10,000 images on",
    implementation="aezoo_perceptual.inception:Fid",
    options=(_WEIGHTS,),
    takes=("images", "reconstruction"),
    better="lower",
    when="asked",
)

KID = aezoo.MetricSpec(
    name="kid",
    summary="Kernel Inception distance (Binkowski et al. 2018) of reconstructions, from the mean; unbiased",
    implementation="aezoo_perceptual.inception:Kid",
    options=(
        aezoo.Option(
            name="subsets", type="int", default=0, low=0, help="mean over so many, of 1,000 images each; 0: all pairs"
        ),
        aezoo.Option(name="seed", type="int", default=0, low=0, help="of the subsets"),
        _WEIGHTS,
    ),
    takes=("images", "reconstruction"),
    better="lower",
    when="asked",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.LossSpec | aezoo.MetricSpec]:
    """Everything that this package registers."""
    yield LPIPS
    yield VGG
    yield METRIC
    yield FID
    yield KID
