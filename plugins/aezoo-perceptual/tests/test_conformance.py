"""What every term and metric of aezoo passes."""

import aezoo
from aezoo.testing import HOST, Conformance


class TestGrey(Conformance):
    losses = ("lpips(net='alex')", "vgg")
    metrics = ("lpips",)


class TestColour(Conformance):
    host = aezoo.describe(HOST, channels=3)
    losses = ("lpips", "lpips(net='squeeze')", "vgg(layers=('relu1_2', 'relu3_3'))")
    metrics = ("lpips(net='vgg')",)
