"""What every part, term and model of aezoo passes."""

import aezoo
from aezoo.testing import HOST, Conformance

SMALL = "vit(patch=8, dim=8, depth=1, heads=2, mask=0.75)"
MASKING = aezoo.describe(
    HOST, encoder=SMALL, bottleneck="masked", decoder="vit(dim=8, depth=1, heads=2)", likelihood="none"
)


class TestModel(Conformance):
    models = ("mae-tiny", "titok-tiny")
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


class TestTokens(Conformance):
    host = aezoo.describe(
        HOST,
        encoder="titok(tokens=5, dim=8, depth=1, heads=2)",
        bottleneck="gaussian(dim=4, spatial=True)",
        decoder="titok(dim=8, depth=1, heads=2)",
    )
    encoders = ("titok(tokens=5, dim=8, depth=1, heads=2)", "titok(tokens=3, patch=16, dim=8, depth=2, heads=1)")
    decoders = ("titok(dim=12, depth=2, heads=3)", "titok(patch=16, dim=8, depth=1, heads=2)")
