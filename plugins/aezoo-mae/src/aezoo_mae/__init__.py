"""Masked and representation autoencoders and 1-D tokenizers for aezoo. Declared here; nothing imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import aezoo
from aezoo.catalog.everyday import TOYFACES
from aezoo.specs import Spec


def _transformer(dim: int, depth: int, heads: int) -> tuple[aezoo.Option, ...]:
    return (
        aezoo.Option(name="dim", type="int", default=dim, low=4, help="of a token, a multiple of 4 and of the heads"),
        aezoo.Option(name="depth", type="int", default=depth, low=1, high=128, help="blocks"),
        aezoo.Option(name="heads", type="int", default=heads, low=1, help="of attention"),
    )


_PATCH = aezoo.Option(name="patch", type="int", default=8, low=1, help="the side of a patch in pixels")

ENCODER = aezoo.EncoderSpec(
    name="vit",
    summary="Vision transformer; in training it may see a share of the patches alone (MAE, He et al. 2022)",
    implementation="aezoo_mae.vit:ViTEncoder",
    options=(
        _PATCH,
        *_transformer(dim=192, depth=6, heads=3),
        aezoo.Option(
            name="mask",
            type="float",
            default=0.0,
            low=0.0,
            high=0.99,
            help="share of patches left out in training",
            grants=("masking",),
        ),
    ),
    provides=("masking",),
)

DECODER = aezoo.DecoderSpec(
    name="vit",
    summary="Vision transformer on a map of tokens, each of which becomes a patch",
    implementation="aezoo_mae.vit:ViTDecoder",
    options=_transformer(dim=96, depth=2, heads=3),
)

TOKENS_ENCODER = aezoo.EncoderSpec(
    name="titok",
    summary="Vision transformer that gives learned tokens, not patches: an image as a row (TiTok, Yu et al. 2024)",
    implementation="aezoo_mae.titok:TiTokEncoder",
    options=(
        aezoo.Option(name="tokens", type="int", default=32, low=1, help="of an image"),
        _PATCH,
        *_transformer(dim=96, depth=4, heads=3),
    ),
)

TOKENS_DECODER = aezoo.DecoderSpec(
    name="titok",
    summary="Vision transformer that draws each patch from all tokens, wherever those lie (TiTok, Yu et al. 2024)",
    implementation="aezoo_mae.titok:TiTokDecoder",
    options=(_PATCH, *_transformer(dim=96, depth=4, heads=3)),
)

MASKED = aezoo.BottleneckSpec(
    name="masked",
    summary="The features are the latent, a learned token where the encoder left them out (MAE, He et al. 2022)",
    implementation="aezoo_mae.bottlenecks:MaskedBottleneck",
    needs=("masking",),
    provides=("mask",),
)

NORMALISED = aezoo.BottleneckSpec(
    name="normalised",
    summary="The features are the latent, at mean 0 and deviation 1 (RAE, Zheng et al. 2025)",
    implementation="aezoo_mae.bottlenecks:NormalisedBottleneck",
    options=(
        aezoo.Option(
            name="noise", type="float", default=0.0, low=0.0, help="in training, the spread of the noise's deviation"
        ),
    ),
)

LOSS = aezoo.LossSpec(
    name="masked-l2",
    summary="Squared error of the patches that the encoder did not see (MAE, He et al. 2022)",
    implementation="aezoo_mae.terms:masked_l2",
    options=(
        aezoo.Option(
            name="normalised",
            type="bool",
            default=False,
            help="the decoder is to give each patch at mean 0 and deviation 1: no picture",
        ),
    ),
    needs=("mask",),
    unit="squared error",
)

MAE_TINY = aezoo.ModelSpec(
    name="mae-tiny",
    summary="Tiny masked autoencoder of colour images: 64 tokens, of which training shows 16 (64x64)",
    image=aezoo.ImageSpec(size=(64, 64), channels=3),
    encoder=aezoo.Component.of("aezoo-mae/vit", mask=0.75),
    bottleneck=aezoo.Component.of("aezoo-mae/masked"),
    decoder=aezoo.Component.of("aezoo-mae/vit"),
    likelihood=aezoo.Component.of("none"),
    loss="masked-l2",
    citation="K. He et al. Masked Autoencoders Are Scalable Vision Learners. CVPR 2022.",
)

TITOK_TINY = aezoo.ModelSpec(
    name="titok-tiny",
    summary="Tiny 1-D tokenizer of colour images: 32 tokens of 8 numbers, of which any first few decode (64x64)",
    image=aezoo.ImageSpec(size=(64, 64), channels=3),
    encoder=aezoo.Component.of("aezoo-mae/titok"),
    bottleneck=aezoo.Component.of("nested", dim=8, spatial=True, along="positions"),
    decoder=aezoo.Component.of("aezoo-mae/titok"),
    likelihood=aezoo.Component.of("none"),
    loss="l2",
    tags=(
        aezoo.Tag(
            name="toyfaces", recipe=dataclasses.replace(TOYFACES, steps=20000, cost="70 minutes with one thread")
        ),
    ),
    default_tag="toyfaces",
    citation="Q. Yu et al. An Image is Worth 32 Tokens for Reconstruction and Generation. NeurIPS 2024.",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[Spec]:
    """Everything that this package registers."""
    yield from (ENCODER, DECODER, MASKED, NORMALISED, LOSS, MAE_TINY, TOKENS_ENCODER, TOKENS_DECODER, TITOK_TINY)
