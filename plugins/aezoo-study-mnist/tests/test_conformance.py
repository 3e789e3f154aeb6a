"""What every model of aezoo passes."""

from aezoo.testing import Conformance


class TestModels(Conformance):
    models = ("vae-mnist",)
