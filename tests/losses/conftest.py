import pytest
from torch import nn

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.likelihoods.bernoulli import Bernoulli
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.specs import ModelSpec


@pytest.fixture
def context():
    spec = ModelSpec(name="nothing", summary="its images are its logits", image=ImageSpec((2, 2)))
    model = Autoencoder(
        spec, nn.Identity(), IdentityBottleneck((1, 2, 2)), nn.Identity(), likelihood=Bernoulli(spec.image)
    )
    return Context(model=model, batch=model.example(), training=True)
