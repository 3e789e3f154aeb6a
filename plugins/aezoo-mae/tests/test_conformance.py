"""What every part, term and model of aezoo passes."""

import aezoo
from aezoo.testing import HOST, Conformance

SMALL = "vit(patch=8, dim=8, depth=1, heads=2)"
MASKING = aezoo.describe(
    HOST, encoder=SMALL, bottleneck="masked", decoder="vit(dim=8, depth=1, heads=2)", likelihood="none"
)


class TestModel(Conformance):
    models = ("mae-tiny",)
    sizes = ()


class TestMasking(Conformance):
    host = MASKING
    encoders = (SMALL, "vit(patch=16, dim=8, depth=2, heads=1, mask=0.5)")
    bottlenecks = ("masked",)
    decoders = ("vit(dim=12, depth=2, heads=3)",)
    losses = ("masked-l2", "masked-l2(normalised=True)")


class TestAnyEncoder(Conformance):
    host = aezoo.describe(HOST, decoder="vit(dim=8, depth=1, heads=2)", bottleneck="normalised")
    bottlenecks = ("normalised", "normalised(noise=0.8)")
