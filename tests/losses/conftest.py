import pytest
from torch import nn

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.losses.context import Context
from aezoo.specs import ImageSpec, ModelSpec


@pytest.fixture
def context():
    spec = ModelSpec(name="nothing", summary="its images are its logits", image=ImageSpec((2, 2)))
    model = Autoencoder(spec, nn.Identity(), IdentityBottleneck((1, 2, 2)), nn.Identity())
    return Context(model=model, step=0, steps=1, dataset_size=1, training=True)
