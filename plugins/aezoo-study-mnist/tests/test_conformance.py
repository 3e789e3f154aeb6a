"""What every model and study of aezoo passes."""

from aezoo.testing import Conformance


class TestMnist(Conformance):
    models = ("vae-mnist", "iwae-mnist", "svae-mnist", "tcvae-dsprites")
    studies = ("mnist",)
    sizes = ((9, 7),)
