"""Residual networks for aezoo: an encoder, a decoder and ``cis680-resvae512``. Declared here; nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo

_DEPTH = aezoo.Option(
    name="depth",
    type="int",
    default=2,
    low=1,
    high=128,
    help="3x3 convolutions between two strided layers, in blocks of two",
)
_SHORTCUT = aezoo.Option(
    name="shortcut", type="bool", default=True, help="False: the plain network of the very same layers"
)
_NORM = aezoo.Option(
    name="norm", type="str", default="batch", choices=("batch", "none"), help="after every layer but the decoder's last"
)

ENCODER = aezoo.EncoderSpec(
    name="residual",
    summary="Residual blocks between strided convolutions (He et al. 2015), or their plain twin",
    implementation="aezoo_residual.encoder:ResidualEncoder",
    options=(
        aezoo.Option(
            name="widths",
            type="ints",
            default=(32, 64, 128, 256, 512),
            low=1,
            help="channels of each strided convolution, each halving the image",
        ),
        _DEPTH,
        _SHORTCUT,
        _NORM,
    ),
)

DECODER = aezoo.DecoderSpec(
    name="residual",
    summary="Residual blocks between transposed convolutions (He et al. 2015), or their plain twin",
    implementation="aezoo_residual.decoder:ResidualDecoder",
    options=(
        aezoo.Option(
            name="widths",
            type="ints",
            default=(256, 128, 64, 32, 16),
            low=1,
            help="channels of each doubling but the last, which makes the image",
        ),
        _DEPTH,
        _SHORTCUT,
        _NORM,
    ),
)

# The report: more depth hurts, "the residual version should come next". Its Table 3 has one convolution between two
# strided layers; with two, each pair is a basic block.
CELEBA = aezoo.Recipe(
    dataset="celeba",
    mirror=True,
    validation=0.05,
    steps=25_000,
    schedule="cosine",
    warmup=200,
    ema=0.999,
    evaluate_every=1000,
    keep="best",
    cost="two hours with one thread",
    reaches="test mse 0.0093",
)

RESVAE512 = aezoo.ModelSpec(
    name="cis680-resvae512",
    summary="Residual version of the CIS 680 report's 512-dimensional VAE (CelebA, 64x64)",
    image=aezoo.ImageSpec(size=(64, 64), channels=1),
    encoder=aezoo.Component.of("aezoo-residual/residual", depth=2),
    bottleneck=aezoo.Component.of("gaussian", dim=512),
    decoder=aezoo.Component.of("aezoo-residual/residual", depth=2),
    loss="bce + kl",
    tags=(aezoo.Tag(name="celeba", recipe=CELEBA),),
    default_tag="celeba",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.EncoderSpec | aezoo.DecoderSpec | aezoo.ModelSpec]:
    """Everything that this package registers."""
    yield ENCODER
    yield DECODER
    yield RESVAE512
