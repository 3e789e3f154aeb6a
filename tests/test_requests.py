"""From a request to a thing, whatever its kind."""

import pytest

from aezoo.errors import OptionError
from aezoo.requests import ask, refuse_external

OUT = 'aezoo.Option(name="path", type="str", default="", external=True)'
SPECS = (
    f'LossSpec(name="looks", summary="", implementation="asked_parts:looks", options=({OUT}, aezoo.specs.START))',
    'DatasetSpec(name="far", summary="", implementation="asked_parts:far", external=True)',
)
PARTS = """
def looks(output, images, context, *, path, start=None):
    return path, start
"""


@pytest.fixture(autouse=True)
def installed(site):
    site.install("asked", *SPECS)
    (site.path / "asked_parts.py").write_text(PARTS)


def test_a_file_gets_the_default_of_what_reaches_outside():
    request = "looks(path='/etc/passwd', start=3)"
    assert ask("loss", request).options == {"path": "/etc/passwd", "start": 3}
    assert ask("loss", request, "file").options == {"path": "", "start": 3}


def test_a_file_does_not_ask_for_what_is_outside_as_a_whole():
    assert ask("dataset", "far").options == {}
    with pytest.raises(OptionError, match="a file asks for dataset far, which reaches outside"):
        ask("dataset", "far", "file")


def test_what_would_be_set_back_is_refused_with_the_flag_that_confirms_it():
    refuse_external("loss", ["looks", "looks(start=3)"], "--loss")
    with pytest.raises(OptionError, match=r"looks\(path='x'\), which reaches outside: say --loss to confirm it"):
        refuse_external("loss", ["looks", "looks(path='x')"], "--loss")


def test_a_function_gets_its_options_but_those_of_the_caller():
    assert ask("loss", "looks(path='x', start=3)").bind()(0, 0, 0) == ("x", 3)
    assert ask("loss", "looks(path='x', start=3)").bind(without=["start"])(0, 0, 0) == ("x", None)
