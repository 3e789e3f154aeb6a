"""What every term and metric of aezoo passes."""

import pytest

import aezoo
from aezoo.testing import HOST, Conformance


class TestGrey(Conformance):
    losses = ("lpips(net='alex')", "vgg")
    metrics = ("lpips",)


class TestColour(Conformance):
    host = aezoo.describe(HOST, channels=3)
    losses = ("lpips", "lpips(net='squeeze')", "vgg(layers=('relu1_2', 'relu3_3'))")
    metrics = ("lpips(net='vgg')",)


@pytest.fixture
def few(monkeypatch):
    """Twelve images are enough."""
    monkeypatch.setattr("aezoo_perceptual.inception.FEWEST", 5)


@pytest.mark.usefixtures("inception", "few")
class TestOfFeatures(Conformance):
    images = "toyfaces(test_count=12)"  # noise must be unlike them
    metrics = ("fid", "kid")


@pytest.mark.usefixtures("inception", "few")
class TestOfFeaturesInColour(Conformance):
    host = aezoo.describe(HOST, channels=3)
    images = "toyfaces(style='colour', test_count=12)"
    metrics = ("fid", "kid")
