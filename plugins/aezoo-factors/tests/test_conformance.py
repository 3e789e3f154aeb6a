"""What every metric of aezoo passes, and the package as it is installed."""

import pytest

import aezoo
from aezoo.testing import HOST, Conformance, check_plugin
from aezoo_factors import METRICS

SMALL = {"factorvae_vote": "factorvae_vote(votes=50)", "fd": "fd(model='cis680-vae16.toyfaces')"}


@pytest.mark.filterwarnings("ignore:fd of ")  # of twelve images
class TestOfAnyImages(Conformance):
    metrics = tuple(SMALL.get(spec.name, spec.name) for spec in METRICS if spec.name != "factor_retention")


class TestOfFaces(Conformance):
    host = aezoo.describe(HOST, image_size=64)
    images = "toyfaces(style='shaded', test_count=12)"
    metrics = ("factor_retention", "mig_hist20")


@pytest.mark.filterwarnings("ignore:fd of ")
class TestOfFacesInColour(Conformance):
    host = aezoo.describe(HOST, image_size=64, channels=3)
    images = "toyfaces(style='colour', test_count=12)"
    metrics = ("factor_retention(style='colour')", "fd(model='cis680-vae16.toyfaces')")


@pytest.mark.slow
def test_the_installed_package_is_right():
    check_plugin("aezoo-factors")
