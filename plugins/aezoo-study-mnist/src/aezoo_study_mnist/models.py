"""Models of the literature on MNIST and dSprites, with the settings that were published. Nothing imports torch."""

from __future__ import annotations

import dataclasses

import aezoo

MNIST, DSPRITES = "torchvision:MNIST", "dsprites"
MNIST_IMAGE = aezoo.ImageSpec(size=(28, 28), channels=1)
DSPRITES_IMAGE = aezoo.ImageSpec(size=(64, 64), channels=1)
BETAS = (0.9, 0.999)

# Larochelle's split: 50,000 images to train on, 10,000 held out, the test images unseen. Which 10,000 is another draw,
# and so is the one binarisation: the distributions are the same.
STATIC = aezoo.Recipe(dataset=MNIST, binarize="static", validation=1 / 6, betas=BETAS, precision="float32")
VAE_RECIPE = dataclasses.replace(
    STATIC,
    steps=250_000,  # 500 epochs
    batch_size=100,
    lr=1e-4,
    schedule="multistep",
    decay_milestones=(0.4, 0.7),  # epochs 200 and 350
    decay_rate=10 ** (-1 / 5),
    keep="best",
    metrics=("nll_is(samples=200)",),
    cost="an hour with one thread",
)
# Published are 3,280 epochs, 8.2 million steps of 20, at a rate that falls from 0.001 to 0.0001.
IWAE_RECIPE = dataclasses.replace(
    STATIC, steps=20_000, batch_size=20, schedule="cosine", cost="14 minutes with one thread"
)
# Published are 500 epochs of all 60,000 images, 470,000 steps of 64, at a constant 0.001.
SVAE_RECIPE = aezoo.Recipe(
    dataset=MNIST,
    binarize="dynamic",
    steps=40_000,
    schedule="cosine",
    betas=BETAS,
    precision="float32",
    cost="11 minutes with one thread",
)
DSPRITES_RECIPE = aezoo.Recipe(
    dataset=DSPRITES, steps=15_000, betas=BETAS, precision="float32", cost="18 minutes with one thread"
)


def _model(
    name: str,
    says: str,
    recipe: aezoo.Recipe,
    citation: str,
    *,
    encoder: aezoo.Component,
    bottleneck: aezoo.Component,
    decoder: aezoo.Component,
    loss: str = "bce + kl",
) -> aezoo.ModelSpec:
    """A model with the one tag that its images name."""
    *_, images = name.split("-")
    return aezoo.ModelSpec(
        name=name,
        summary=says,
        image=MNIST_IMAGE if images == "mnist" else DSPRITES_IMAGE,
        encoder=encoder,
        bottleneck=bottleneck,
        decoder=decoder,
        loss=loss,
        citation=citation,
        tags=(aezoo.Tag(name=images, recipe=recipe),),
        default_tag=images,
    )


def _mlp(*hidden: int, activation: str = "relu") -> aezoo.Component:
    return aezoo.Component.of("mlp", hidden=hidden, activation=activation)


def _dsprites(name: str, says: str, loss: str, citation: str) -> aezoo.ModelSpec:
    """The fully connected network of Higgins et al. 2017."""
    return _model(
        name,
        says,
        DSPRITES_RECIPE,
        citation,
        encoder=_mlp(1200, 1200),
        bottleneck=aezoo.Component.of("gaussian", dim=10),
        decoder=_mlp(1200, 1200, 1200, activation="tanh"),
        loss=loss,
    )


VAE = _model(
    "vae-mnist",
    "Fully connected VAE of binarised MNIST, 784-400-400-40-400-400-784 (Rezende & Mohamed 2015)",
    VAE_RECIPE,
    "D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows. ICML 2015.",
    encoder=_mlp(400, 400),
    bottleneck=aezoo.Component.of("gaussian", dim=40),
    decoder=_mlp(400, 400),
)
IWAE = _model(
    "iwae-mnist",
    "Importance weighted autoencoder of binarised MNIST, 50 samples (Burda et al. 2016)",
    IWAE_RECIPE,
    "Y. Burda, R. Grosse and R. Salakhutdinov. Importance Weighted Autoencoders. ICLR 2016.",
    encoder=_mlp(200, 200, activation="tanh"),
    bottleneck=aezoo.Component.of("gaussian", dim=50),
    decoder=_mlp(200, 200, activation="tanh"),
    loss="iwae(samples=50)",
)
SVAE = _model(
    "svae-mnist",
    "Hyperspherical VAE of dynamically binarised MNIST, on a sphere of 10 dimensions (Davidson et al. 2018)",
    SVAE_RECIPE,
    "T. R. Davidson et al. Hyperspherical Variational Auto-Encoders. UAI 2018.",
    encoder=_mlp(256, 128),
    bottleneck=aezoo.Component.of("hyperspherical", dim=11),
    decoder=_mlp(128, 256),
)
BETA_VAE = _dsprites(
    "beta-vae-dsprites",
    "beta-VAE of dSprites, beta = 4 (Higgins et al. 2017)",
    "bce + 4*kl",
    "I. Higgins et al. beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework. ICLR 2017.",
)
TCVAE = _dsprites(
    "tcvae-dsprites",
    "beta-TCVAE of dSprites, beta = 6 (Chen et al. 2018)",
    "bce + kl + 5*tc",
    "R. T. Q. Chen et al. Isolating Sources of Disentanglement in Variational Autoencoders. NeurIPS 2018.",
)
MODELS = (VAE, IWAE, SVAE, BETA_VAE, TCVAE)
