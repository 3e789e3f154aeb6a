"""A registry of exactly what a test names."""

import pytest

import aezoo
from aezoo.errors import OptionError, UnknownNameError
from aezoo.plugins import registry
from aezoo.testing import isolated_registry

DEEP = aezoo.EncoderSpec(name="deep", summary="Deep", implementation="aezoo.encoders.mlp:MLPEncoder")


def test_it_holds_what_is_given_and_nothing_else():
    before = registry()
    with isolated_registry(DEEP) as found:
        assert registry() is found
        assert [entry.qualified_name for entry in found.entries()] == ["under-test/deep"]
        assert aezoo.list_names("encoder") == ["deep"]
        with pytest.raises(UnknownNameError, match="no encoder 'conv'"):
            registry().find("encoder", "conv")
    assert registry() is before


def test_packages_come_with_all_that_they_register(tiny):
    with isolated_registry("aezoo", DEEP, distribution="Mine_And.Yours"):
        assert aezoo.list_names("encoder") == ["conv", "mlp", "timm:*", "torchvision:*", "deep"]
        assert registry().find("encoder", "mine-and-yours/deep").spec is DEEP
        assert aezoo.create(tiny, encoder="deep").spec.encoder.name == "mine-and-yours/deep"


def test_one_in_another_and_an_error_in_both():
    before = registry()
    with pytest.raises(ZeroDivisionError), isolated_registry(DEEP), isolated_registry() as empty:  # noqa: PT012
        assert registry() is empty
        assert empty.entries() == []
        _ = 1 / 0
    assert registry() is before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((DEEP, DEEP), "encoder under-test/deep is given twice"),
        (("nobody",), "'nobody' is no spec, and no package that registers anything"),
        ((3,), "3 is no spec"),
    ],
)
def test_what_cannot_be_given(given, said):
    before = registry()
    with pytest.raises(OptionError, match=said), isolated_registry(*given):
        pass
    assert registry() is before
