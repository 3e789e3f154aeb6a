"""Autoencoders for images of one's own: small, in colour, and but for one of any size.

``kl-f4`` and ``kl-f8`` are named as latent diffusion names its first stages (Rombach et al. 2022, arXiv 2112.10752):
the latent is a map of 4 channels, 4 or 8 times smaller than the image, whose posterior is held near a standard normal
by a light Kullback-Leibler term. Convolutions alone, so that images of any multiple of 4 or 8 pixels fit. ``vae128`` is
a variational autoencoder of a vector, to be sampled from.

A row is as in `aezoo.layers`; the comment is the side of the feature map that it leaves of 64 pixels. One wide kernel
takes the image to a quarter of its size and one draws it from there: nearly all arithmetic is in residual blocks of
small maps.
"""

import dataclasses

from aezoo.plain import Component, ImageSpec
from aezoo.recipe import Recipe, Tag
from aezoo.specs import ModelSpec

F4_TINY_ENCODER = (
    "8x8x128 s4",  # 16
    "res 3x3x128",
    "res 3x3x128",
)
F4_TINY_DECODER = (
    "3x3x128",  # 16
    "res 3x3x128",
    "res 3x3x128",
    "8x8xc s4",  # 64
)

F8_TINY_ENCODER = (
    "8x8x64 s4",  # 16
    "res 3x3x64",
    "res 3x3x64",
    "4x4x128 s2",  # 8
    "res 3x3x128",
    "res 3x3x128",
    "res 3x3x128",
)
F8_TINY_DECODER = (
    "3x3x128",  # 8
    "res 3x3x128",
    "res 3x3x128",
    "res 3x3x128",
    "4x4x64 s2",  # 16
    "res 3x3x64",
    "res 3x3x64",
    "8x8xc s4",  # 64
)

F4_SMALL_ENCODER = (
    "8x8x192 s4",  # 16
    "res 3x3x192",
    "res 3x3x192",
    "res 3x3x192",
)
F4_SMALL_DECODER = (
    "3x3x192",  # 16
    "res 3x3x192",
    "res 3x3x192",
    "res 3x3x192",
    "8x8xc s4",  # 64
)

F8_SMALL_ENCODER = (
    "8x8x96 s4",  # 16
    "res 3x3x96",
    "res 3x3x96",
    "4x4x192 s2",  # 8
    "res 3x3x192",
    "res 3x3x192",
    "res 3x3x192",
)
F8_SMALL_DECODER = (
    "3x3x192",  # 8
    "res 3x3x192",
    "res 3x3x192",
    "res 3x3x192",
    "4x4x96 s2",  # 16
    "res 3x3x96",
    "res 3x3x96",
    "8x8xc s4",  # 64
)

# 128 f.c. mean, 128 f.c. log-variance; and from a sample 128 x 4 x 4 f.c.
VAE_ENCODER = (
    "8x8x64 s4",  # 16
    "res 3x3x64",
    "4x4x128 s2",  # 8
    "res 3x3x128",
    "4x4x256 s2",  # 4
)
VAE_DECODER = (
    "4x4x128 s2",  # 8, from 4
    "res 3x3x128",
    "4x4x64 s2",  # 16
    "res 3x3x64",
    "8x8xc s4",  # 64
)

IMAGE = ImageSpec(size=(64, 64), channels=3)
LDM = "R. Rombach et al. High-Resolution Image Synthesis with Latent Diffusion Models. CVPR 2022 (the naming)."

# Small batches: more steps from each minute of a processor. On people held out of CelebA's training images, and
# on drawn faces held out, Muon stands after a third of the steps where Adam ends.
CELEBA = Recipe(
    dataset="celeba",
    mirror=True,
    steps=16_000,
    batch_size=16,
    optimizer="muon",
    lr=2e-3,
    betas=(0.9, 0.99),
    weight_decay=0.1,
    schedule="cosine",
    warmup=200,
    clip_norm=20.0,
    ema=0.999,
    evaluate_every=2000,
)
# Nothing to download, and the weights are as free as the code.
TOYFACES = dataclasses.replace(CELEBA, dataset="toyfaces(style='colour', count=8000)")
LARGE = ImageSpec(size=(128, 128), channels=3)
TOYFACES_128 = dataclasses.replace(CELEBA, dataset="toyfaces(style='colour', count=8000, size=128)")


def _tag(name: str, recipe: Recipe, steps: int, seconds: float, image: ImageSpec | None = None) -> Tag:
    """Of so many steps, of which one takes so many seconds of one thread."""
    cost = f"{steps * seconds / 60:.0f} minutes with one thread"
    return Tag(name=name, recipe=dataclasses.replace(recipe, steps=steps, cost=cost), image=image)


def _tags(celeba: int, toyfaces: int, seconds: float, clip_norm: float = CELEBA.clip_norm) -> tuple[Tag, ...]:
    """The two tags that every model has."""
    own, drawn = (dataclasses.replace(recipe, clip_norm=clip_norm) for recipe in (CELEBA, TOYFACES))
    return (_tag("celeba", own, celeba, seconds), _tag("toyfaces", drawn, toyfaces, seconds))


def _large(steps: int, seconds: float) -> tuple[Tag, ...]:
    """Of drawn faces at twice the size, whose steps take four times as long."""
    return (_tag("toyfaces128", TOYFACES_128, steps, 4 * seconds, LARGE),)


def _kl(name: str, encoder: tuple[str, ...], decoder: tuple[str, ...], tags: tuple[Tag, ...]) -> ModelSpec:
    _, factor, size = name.split("-")
    return ModelSpec(
        name=name,
        summary=f"{size.title()} autoencoder of colour images of any size: 4 channels, {factor[1:]} times smaller",
        image=IMAGE,
        encoder=Component.of("conv", layers=encoder),
        bottleneck=Component.of("gaussian", dim=4, spatial=True),
        decoder=Component.of("deconv", layers=decoder),
        loss="l2 + 0.0001*kl",
        citation=LDM,
        tags=tags,
        default_tag="celeba",
    )


SPECS = (
    _kl("kl-f4-tiny", F4_TINY_ENCODER, F4_TINY_DECODER, _tags(16_000, 8000, 0.233) + _large(5000, 0.233)),
    _kl("kl-f8-tiny", F8_TINY_ENCODER, F8_TINY_DECODER, _tags(16_000, 12_500, 0.206) + _large(8000, 0.206)),
    _kl("kl-f4-small", F4_SMALL_ENCODER, F4_SMALL_DECODER, _tags(8000, 8000, seconds=0.6)),
    _kl("kl-f8-small", F8_SMALL_ENCODER, F8_SMALL_DECODER, _tags(8000, 8000, seconds=0.4)),
    ModelSpec(
        name="vae128-tiny",
        summary="Tiny 128-dimensional VAE of colour images, to be sampled from (64x64)",
        image=IMAGE,
        encoder=Component.of("conv", layers=VAE_ENCODER),
        bottleneck=Component.of("gaussian", dim=128),
        decoder=Component.of("deconv", layers=VAE_DECODER),
        likelihood=Component.of("gaussian", scale="shared", mean="sigmoid"),
        loss="nll + kl",
        citation="O. Rybkin, K. Daniilidis and S. Levine. Simple and Effective VAE Training with Calibrated Decoders. "
        "ICML 2021 (the deviation).",
        # A likelihood's gradients are as large as its deviation is small.
        tags=_tags(8000, 5000, seconds=0.157, clip_norm=0.0),
        default_tag="celeba",
    ),
)
