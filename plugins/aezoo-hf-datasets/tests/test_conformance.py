"""aezoo's own suite over a dataset that was downloaded."""

import pytest

import aezoo.testing
from aezoo.datasets.pipeline import open_dataset


@pytest.fixture(autouse=True)
def downloaded(faces):
    open_dataset("hf:me/faces(download=True)", "train")


class TestDownloaded(aezoo.testing.Conformance):
    datasets = ("hf:me/faces", "hf:me/faces(take=4, label_column='number')")


def test_the_installed_plugin_is_right():
    aezoo.testing.check_plugin("aezoo-hf-datasets")
