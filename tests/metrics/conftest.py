import pytest
import torch
from torch import nn

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.latent import Batch
from aezoo.likelihoods.bernoulli import Bernoulli
from aezoo.plain import ImageSpec
from aezoo.priors.standard import StandardPrior
from aezoo.specs import ModelSpec

SIZE = 8


class Pictures:
    """Images in memory, as `aezoo.metrics.evaluation.Images` wants them."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def batch(self, indices):
        return Batch(self.images[list(indices)])


@pytest.fixture
def pictures():
    return Pictures


@pytest.fixture
def grey():
    return Pictures(torch.rand(11, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1)))


@pytest.fixture
def binary(grey):
    return Pictures(grey.images.round())


@pytest.fixture
def vae():
    torch.manual_seed(0)
    image = ImageSpec((SIZE, SIZE))
    return Autoencoder(
        ModelSpec(
            name="tiny-vae", summary="", image=image, provides=("logits", "nll", "kl", "posterior", "gaussian", "prior")
        ),
        nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)),
        GaussianBottleneck((4, SIZE // 2, SIZE // 2), dim=3),
        nn.Sequential(nn.Linear(3, SIZE * SIZE), nn.Unflatten(1, image.shape)),
        prior=StandardPrior((3,)),
        likelihood=Bernoulli(image),
    )


@pytest.fixture
def identity():
    """A model that reconstructs exactly."""
    image = ImageSpec((SIZE, SIZE))
    return Autoencoder(
        ModelSpec(name="identity", summary="", image=image, provides=("logits", "nll")),
        nn.Identity(),
        IdentityBottleneck(image.shape),
        _Logit(),
        likelihood=Bernoulli(image),
    )


class _Logit(nn.Module):
    def forward(self, z):
        return torch.logit(z)
