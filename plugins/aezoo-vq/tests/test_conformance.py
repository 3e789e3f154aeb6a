"""What every part, term, metric and model of aezoo passes."""

import pytest

import aezoo
from aezoo.testing import HOST, Conformance

pytestmark = pytest.mark.filterwarnings("error::aezoo.AezooWarning")


class TestBottlenecks(Conformance):
    bottlenecks = (
        "vq(codebook_size=16, dim=4)",
        "vq(codebook_size=16, dim=4, init='random', restart=0.0, cosine=True)",
        "residual-vq(codebook_size=8, num_quantizers=3, dim=4)",
        "fsq(levels=(4, 3, 3))",
        "lfq(dim=4)",
        "bsq(dim=4)",
        "simvq(codebook_size=16, dim=4)",
    )


class TestOfVectors(Conformance):
    host = aezoo.describe(HOST, encoder="mlp(hidden=(8,))", decoder="mlp(hidden=(8,))")
    bottlenecks = (
        "vq(codebook_size=4, dim=4)",
        "residual-vq(codebook_size=4, num_quantizers=2, dim=4)",
        "fsq",
        "bsq(dim=4)",
        "simvq(codebook_size=4)",
    )


class TestOfCodes(Conformance):
    host = aezoo.describe(HOST, bottleneck="vq(codebook_size=8, dim=4)")
    losses = ("commitment",)
    metrics = ("codebook_usage", "perplexity", "bits")


class TestOfSeveralCodebooks(Conformance):
    host = aezoo.describe(HOST, bottleneck="residual-vq(codebook_size=8, num_quantizers=2, dim=4)")
    losses = ("commitment",)
    metrics = ("codebook_usage", "perplexity", "bits")


class TestOfFixedPoints(Conformance):
    host = aezoo.describe(HOST, bottleneck="simvq(codebook_size=8, dim=4)")
    losses = ("codebook", "commitment")


class TestOfBits(Conformance):
    host = aezoo.describe(HOST, bottleneck="lfq(dim=4)")
    losses = ("entropy", "entropy(gamma=0.5)", "commitment")


class TestModels(Conformance):
    models = ("vq-f4-tiny", "fsq-f4-tiny", "residual-vq-f4-tiny")
    sizes = ((28, 28),)
