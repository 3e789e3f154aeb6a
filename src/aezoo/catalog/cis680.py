"""The three autoencoders of the CIS 680 report, row by row as in its tables.

A row is kernel x kernel x output channels, and its stride; ``c`` is the image's channels. Batch normalisation and ReLU
follow every row but the last of a decoder. The comment is the side of the feature map that the row leaves.

The report does not say how weights begin. Its other guidelines are DCGAN's, and so is the beginning of the small VAE.
It was first chosen by test cross-entropy; five-fold cross-validation within the training sketches sees no difference
(1,589 ± 44 nats an image, and 1,565 ± 80 with PyTorch's, each at its best rate; the plugin ``aezoo-study-cis680`` does
that again).
"""

import dataclasses

from aezoo.plain import Component, ImageSpec
from aezoo.recipe import Recipe, Tag
from aezoo.specs import ModelSpec

# Table 1: the autoencoder on CUFS. No fully connected layer.
TABLE_1_ENCODER = (
    "3x3x4 s2",  # 32
    "3x3x8 s2",  # 16
    "3x3x16 s2",  # 8
    "3x3x32 s2",  # 4
    "3x3x64 s2",  # 2
)
TABLE_1_DECODER = (
    "4x4x32 s2",  # 4
    "4x4x16 s2",  # 8
    "4x4x8 s2",  # 16
    "4x4x4 s2",  # 32
    "4x4xc s2",  # 64
)

# Table 2: the VAE on CUFS. The encoder of Table 1, then 16 f.c. mean, 16 f.c. log-variance, sampling.
TABLE_2_DECODER = (
    "4x4x16 s2",  # 2, from 1
    "4x4x8 s2",  # 4
    "4x4x4 s2",  # 8
    "4x4x2 s2",  # 16
    "4x4x1 s2",  # 32
    "4x4xc s2",  # 64
)

# Table 3: the VAE on CelebA. Then 512 f.c. mean, 512 f.c. log-variance, sampling.
TABLE_3_ENCODER = (
    "3x3x32 s2",  # 32
    "3x3x32",
    "3x3x64 s2",  # 16
    "3x3x64",
    "3x3x128 s2",  # 8
    "3x3x128",
    "3x3x256 s2",  # 4
    "3x3x256",
    "3x3x512 s2",  # 2
)
TABLE_3_DECODER = (
    "4x4x256 s2",  # 2, from 1
    "3x3x256",
    "4x4x128 s2",  # 4
    "3x3x128",
    "4x4x64 s2",  # 8
    "3x3x64",
    "4x4x32 s2",  # 16
    "3x3x32",
    "4x4x16 s2",  # 32
    "3x3x16",
    "4x4xc s2",  # 64
)

REPORT = "CIS 680 course report."
VAE_REPORT = f"{REPORT} What it calls the standard deviation's head gives the log-variance here, as in the literature."
IMAGE = ImageSpec(size=(64, 64), channels=1)

# Adam(1e-3, betas 0.5 and 0.999), batch 64: the recipe's defaults.
CUFS = Recipe(dataset="cufs", steps=1299, cost="30 s on two cores", reaches="the report's turning point")
# With the rate that cross-validation within the training sketches chooses: 465 ± 19 squared error, 559 ± 17 with 0.001.
CUFS_RATE = dataclasses.replace(CUFS, lr=3e-2)
CELEBA = Recipe(
    dataset="celeba",
    mirror=True,
    validation=0.05,
    steps=35_000,
    schedule="cosine",
    warmup=200,
    ema=0.999,
    evaluate_every=1000,
    keep="best",
    cost="an hour on two cores",
    reaches="test mse 0.0111",
)
# The same on faces that are drawn on the spot: nothing to download, and the weights are as free as the code.
TOY_SKETCHES = Recipe(dataset="toyfaces", steps=2000, cost="a minute on one core")
TOY_SHADED = Recipe(
    dataset="toyfaces(style='shaded')",
    mirror=True,
    steps=1500,
    schedule="cosine",
    warmup=100,
    cost="7 minutes on one core",
)


SPECS = (
    ModelSpec(
        name="cis680-ae",
        summary="Convolutional autoencoder of the CIS 680 report, Table 1 (CUFS, 64x64)",
        image=IMAGE,
        encoder=Component.of("conv", layers=TABLE_1_ENCODER),
        bottleneck=Component.of("identity"),
        decoder=Component.of("deconv", layers=TABLE_1_DECODER),
        loss="l2",
        citation=REPORT,
        tags=(
            Tag(name="cufs", recipe=CUFS),
            Tag(name="cufs-v2", recipe=CUFS_RATE),
            Tag(name="toyfaces", recipe=TOY_SKETCHES),
        ),
        default_tag="cufs",
    ),
    ModelSpec(
        name="cis680-vae16",
        summary="16-dimensional VAE of the CIS 680 report, Table 2 (CUFS, 64x64)",
        image=IMAGE,
        encoder=Component.of("conv", layers=TABLE_1_ENCODER, init="dcgan"),
        bottleneck=Component.of("gaussian", dim=16),
        decoder=Component.of("deconv", layers=TABLE_2_DECODER, init="dcgan"),
        loss="bce + kl",
        citation=VAE_REPORT,
        tags=(Tag(name="cufs", recipe=CUFS), Tag(name="toyfaces", recipe=TOY_SKETCHES)),
        default_tag="cufs",
    ),
    ModelSpec(
        name="cis680-vae512",
        summary="512-dimensional VAE of the CIS 680 report, Table 3 (CelebA, 64x64)",
        image=IMAGE,
        encoder=Component.of("conv", layers=TABLE_3_ENCODER),
        bottleneck=Component.of("gaussian", dim=512),
        decoder=Component.of("deconv", layers=TABLE_3_DECODER),
        loss="bce + kl",
        citation=VAE_REPORT,
        tags=(Tag(name="celeba", recipe=CELEBA), Tag(name="toyfaces", recipe=TOY_SHADED)),
        default_tag="celeba",
    ),
)
