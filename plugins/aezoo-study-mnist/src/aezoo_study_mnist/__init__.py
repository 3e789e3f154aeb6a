"""Published settings on MNIST and dSprites. Declared here; nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo
from aezoo.specs import Spec

MNIST = "torchvision:MNIST"
IMAGE = aezoo.ImageSpec(size=(28, 28), channels=1)

# Larochelle's split: 50,000 images to train on, 10,000 held out, the test images unseen. Which 10,000 is another draw.
VAE_RECIPE = aezoo.Recipe(
    dataset=MNIST,
    binarize="static",
    validation=1 / 6,
    steps=250_000,  # 500 epochs
    batch_size=100,
    lr=1e-4,
    betas=(0.9, 0.999),
    schedule="multistep",
    decay_milestones=(0.4, 0.7),  # epochs 200 and 350
    decay_rate=10 ** (-1 / 5),
    precision="float32",
)

VAE = aezoo.ModelSpec(
    name="vae-mnist",
    summary="Fully connected VAE of binarised MNIST, 784-400-40-400-784 (Rezende & Mohamed 2015)",
    image=IMAGE,
    encoder=aezoo.Component.of("mlp", hidden=(400,)),
    bottleneck=aezoo.Component.of("gaussian", dim=40),
    decoder=aezoo.Component.of("mlp", hidden=(400,)),
    loss="bce + kl",
    citation="D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows. ICML 2015.",
    tags=(aezoo.Tag(name="mnist", recipe=VAE_RECIPE),),
    default_tag="mnist",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[Spec]:
    """Everything that this package registers."""
    yield VAE
