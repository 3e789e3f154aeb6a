"""Discrete latents for aezoo: bottlenecks of codes, their terms and metrics, small models with weights of drawn faces.

Nothing imports torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import aezoo
from aezoo.catalog.everyday import CELEBA, F4_TINY_DECODER, F4_TINY_ENCODER, IMAGE, TOYFACES
from aezoo.specs import Spec

_DIM = aezoo.Option(name="dim", type="int", default=8, low=1, help="channels of z")
_DECAY = aezoo.Option(name="decay", type="float", default=0.99, low=0, high=0.9999, help="of the averages, a step")
_INIT = aezoo.Option(
    name="init",
    type="str",
    default="kmeans",
    choices=("kmeans", "random"),
    help="clusters of the first batch's features, or points near zero",
)
_RESTART = aezoo.Option(
    name="restart",
    type="float",
    default=0.1,
    low=0,
    high=1,
    help="a code used less than this share of an even one starts again from a feature; 0: none does",
)
_BITS = aezoo.Option(name="dim", type="int", default=10, low=1, high=62, help="channels of z, each a bit of the code")


def _size(default: int) -> aezoo.Option:
    return aezoo.Option(name="codebook_size", type="int", default=default, low=2, help="codes of a codebook")


def _tau(default: float) -> aezoo.Option:
    text = "how hard the softened choice of the term entropy is"
    return aezoo.Option(name="tau", type="float", default=default, low=1e-3, help=text)


BOTTLENECKS = (
    aezoo.BottleneckSpec(
        name="vq",
        summary="Nearest of the points of a codebook, moved by averages (van den Oord et al. 2017)",
        implementation="aezoo_vq.codebooks:VectorQuantizer",
        options=(
            _size(512),
            _DIM,
            _DECAY,
            _INIT,
            _RESTART,
            aezoo.Option(name="cosine", type="bool", default=False, help="features and codes on the unit sphere"),
        ),
        provides=("codes", "commitment"),
    ),
    aezoo.BottleneckSpec(
        name="residual-vq",
        summary="Sum of points of several codebooks, each of what the last has left (Lee et al. 2022)",
        implementation="aezoo_vq.codebooks:ResidualVectorQuantizer",
        options=(
            _size(256),
            aezoo.Option(name="num_quantizers", type="int", default=4, low=2, high=64, help="codebooks"),
            _DIM,
            _DECAY,
            _INIT,
            _RESTART,
        ),
        provides=("codes", "commitment"),
    ),
    aezoo.BottleneckSpec(
        name="fsq",
        summary="Each number rounded to a few levels (Mentzer et al. 2024)",
        implementation="aezoo_vq.scalars:FiniteScalarQuantizer",
        options=(
            aezoo.Option(
                name="levels",
                type="ints",
                default=(8, 5, 5, 5),
                low=3,
                high=1000,
                help="of each channel of z",
            ),
        ),
        provides=("codes",),
    ),
    aezoo.BottleneckSpec(
        name="lfq",
        summary="Each number its sign: a code is of bits (Yu et al. 2024)",
        implementation="aezoo_vq.scalars:LookupFreeQuantizer",
        options=(_BITS, _tau(1.0)),
        provides=("bit_logits", "codes", "commitment"),
    ),
    aezoo.BottleneckSpec(
        name="bsq",
        summary="The same on the unit sphere (Zhao et al. 2025)",
        implementation="aezoo_vq.scalars:BinarySphericalQuantizer",
        options=(_BITS, _tau(10.0)),
        provides=("bit_logits", "codes", "commitment"),
    ),
    aezoo.BottleneckSpec(
        name="simvq",
        summary="Nearest of fixed points behind a linear layer that learns (Zhu et al. 2024)",
        implementation="aezoo_vq.codebooks:SimVectorQuantizer",
        options=(_size(512), _DIM),
        provides=("codebook", "codes", "commitment"),
    ),
)

LOSSES = (
    aezoo.LossSpec(
        name="commitment",
        summary="Sum of squared errors of features as their codes (van den Oord et al. 2017)",
        implementation="aezoo_vq.terms:commitment",
        needs=("commitment",),
        unit="squared error",
    ),
    aezoo.LossSpec(
        name="codebook",
        summary="The same, moving the codes",
        implementation="aezoo_vq.terms:codebook",
        needs=("codebook",),
        unit="squared error",
    ),
    aezoo.LossSpec(
        name="entropy",
        summary="Entropy of each softened bit, less that of the batch's (Yu et al. 2024)",
        implementation="aezoo_vq.terms:entropy",
        options=(aezoo.Option(name="gamma", type="float", default=1.0, low=0, help="the weight of the batch's"),),
        needs=("bit_logits",),
        coupled=True,
    ),
)

METRICS = tuple(
    aezoo.MetricSpec(
        name=name,
        summary=summary,
        implementation=f"aezoo_vq.metrics:{implementation}",
        needs=("codes",),
        unit=unit,
        better="higher",
        takes=("codes", "model"),
    )
    for name, summary, implementation, unit in (
        ("codebook_usage", "Share of the codes that the images use, averaged over codebooks", "Usage", ""),
        (
            "perplexity",
            "How many codes would be as even, averaged over codebooks",
            "Perplexity",
            "codes",
        ),
    )
)


_SECONDS = 0.2  # of one thread, that a step of 16 images takes


def _model(bottleneck: aezoo.Component, loss: str, says: str, citation: str) -> aezoo.ModelSpec:
    """The body of ``kl-f4-tiny`` around codes, and its recipes."""
    tags = [("celeba", CELEBA, 15_000), ("toyfaces", TOYFACES, 8000)]
    metrics = tuple(metric.name for metric in METRICS)
    costs = {steps: f"{steps * _SECONDS / 60:.0f} minutes with one thread" for _, _, steps in tags}
    recipes = {
        name: dataclasses.replace(recipe, steps=steps, metrics=metrics, cost=costs[steps])
        for name, recipe, steps in tags
    }
    return aezoo.ModelSpec(
        name=f"{bottleneck.name.rpartition('/')[2]}-f4-tiny",
        summary=f"Tiny autoencoder of colour images of any size: {says}, 4 times smaller",
        image=IMAGE,
        encoder=aezoo.Component.of("conv", layers=F4_TINY_ENCODER),
        bottleneck=bottleneck,
        decoder=aezoo.Component.of("deconv", layers=F4_TINY_DECODER),
        loss=loss,
        citation=citation,
        tags=tuple(aezoo.Tag(name=name, recipe=recipe) for name, recipe in recipes.items()),
        default_tag="toyfaces",
    )


MODELS = (
    _model(
        aezoo.Component.of("aezoo-vq/vq", codebook_size=512, dim=8),
        "l2 + 1.5*commitment",
        "one of 512 codes a position",
        "A. van den Oord, O. Vinyals and K. Kavukcuoglu. Neural Discrete Representation Learning. NeurIPS 2017.",
    ),
    _model(
        aezoo.Component.of("aezoo-vq/fsq", levels=(8, 5, 5, 5)),
        "l2",
        "one of 1000 codes a position",
        "F. Mentzer et al. Finite Scalar Quantization: VQ-VAE Made Simple. ICLR 2024.",
    ),
    _model(
        aezoo.Component.of("aezoo-vq/residual-vq", codebook_size=256, num_quantizers=4, dim=8),
        "l2 + 0.375*commitment",
        "four of 256 codes a position",
        "D. Lee et al. Autoregressive Image Generation using Residual Quantization. CVPR 2022.",
    ),
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[Spec]:
    """Everything that this package registers."""
    yield from (*BOTTLENECKS, *LOSSES, *METRICS, *MODELS, *aezoo.read_weights("aezoo_vq"))
