"""A part of one's own under a name, in this program."""

import json
import os
import sys

import pytest
import torch
from torch import nn

import aezoo
from aezoo.errors import OptionError, PluginError, UnknownNameError, WeightsError
from aezoo.metrics.evaluation import evaluate
from aezoo.plugins import Host, registry
from aezoo.testing import Conformance, isolated_registry
from aezoo.testing.cases import Case


@pytest.fixture(autouse=True)
def _registry():
    with isolated_registry("aezoo"):
        yield


class Pool(nn.Sequential):
    """Average pooling and one linear layer.

    And more.
    """

    def __init__(self, image, *, width=64, rate: float = 0, names=("a",), sizes=(1, 2), slopes=(1, 0.5), on=True):
        super().__init__(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * image.channels, width))


def test_its_parameters_are_its_options():
    assert aezoo.register("encoder", "pool")(Pool) is Pool
    model = aezoo.create("cis680-vae16", encoder="pool(width=8)")
    assert isinstance(model.encoder, Pool)
    assert model.encoder[-1].out_features == 8
    spec = registry().find("encoder", "pool").spec
    assert spec.summary == "Average pooling and one linear layer."
    assert {option.name: (option.type, option.default) for option in spec.options} == {
        "width": ("int", 64),
        "rate": ("float", 0.0),
        "names": ("strs", ("a",)),
        "sizes": ("ints", (1, 2)),
        "slopes": ("floats", (1, 0.5)),
        "on": ("bool", True),
    }
    assert aezoo.list_names("encoder", "pool") == ["pool"]
    with pytest.raises(OptionError, match="width='x' is not a whole number"):
        aezoo.create("cis680-vae16", encoder="pool(width='x')")


def test_it_meets_the_suite_as_a_package_does():
    aezoo.register("encoder", "pool")(Pool)
    case, suite = Case("encoder", "pool"), Conformance()
    suite.test_forward(case)
    suite.test_declared_in_words(case)
    suite.test_options_are_those_of_the_implementation(case)


def test_options_that_are_declared_take_the_place_of_those_found():
    options = (aezoo.Option(name="width", type="int", default=64, low=2), aezoo.Option(name="new", type="int"))
    aezoo.register("encoder", "pool", options=options, summary="Pooling")(Pool)
    spec = registry().find("encoder", "pool").spec
    assert spec.summary == "Pooling"
    assert [option.name for option in spec.options] == ["width", "rate", "names", "sizes", "slopes", "on", "new"]
    with pytest.raises(OptionError, match="width=1 is not a whole number >= 2"):
        aezoo.create("cis680-vae16", encoder="pool(width=1)")


def test_a_parameter_without_a_type_is_none_where_options_are_declared():
    aezoo.register("encoder", "pool", options=(aezoo.Option(name="width", type="int", default=64),))(Unsure)
    assert [option.name for option in registry().find("encoder", "pool").spec.options] == ["width"]
    with pytest.raises(OptionError, match="span=None does not say of which type it is"):
        aezoo.register("encoder", "other")(Unsure)


class Unsure(torch.nn.Module):
    """A module of a library, whose signature says little."""

    def __init__(self, image, *, width=64, span=None):
        super().__init__()


def test_a_term_trains_and_a_metric_measures(tiny):
    @aezoo.register("loss", "rough", unit="squared error")
    def rough(output, images, context, *, power: float = 2):
        return (output.reconstruction - images).abs().pow(power).flatten(1).sum(1)

    @aezoo.register("metric", "brightness")
    def brightness(reconstruction):
        return reconstruction.flatten(1).mean(1)

    @aezoo.register("metric", "darkness")
    def darkness(measured):
        return 1 - measured.reconstruction.flatten(1).mean(1)

    model = aezoo.create(tiny)
    images = torch.rand(2, *model.image.shape)
    with torch.no_grad():
        _, terms = aezoo.Objective(model, "rough(power=1) + l1")(images)
    assert terms["rough"] == pytest.approx(terms["l1"].item())
    found = evaluate(model, aezoo.dataset("toyfaces(count=2)", model=model), metrics=["brightness", "darkness"])
    assert found["brightness"] + found["darkness"] == pytest.approx(1)
    assert registry().find("metric", "brightness").spec.takes == ("reconstruction",)
    assert registry().find("metric", "darkness").spec.takes == ()


def test_the_last_one_registered_counts():
    aezoo.register("encoder", "pool")(Pool)

    @aezoo.register("encoder", "pool")
    class Again(Pool):
        pass

    assert isinstance(aezoo.create("cis680-vae16", encoder="pool").encoder, Again)
    assert registry().find("encoder", "pool").spec.summary == "Again"
    assert len(registry().named("encoder", "pool")) == 1


def test_a_folder_is_read_where_a_program_has_registered_it(tmp_path):
    aezoo.register("encoder", "pool")(Pool)
    model = aezoo.create("cis680-vae16", encoder="pool")
    model.save_pretrained(tmp_path)
    assert "encoder `local/pool`" in (tmp_path / "README.md").read_text()
    again = aezoo.create(tmp_path, pretrained=True)
    assert again.spec.encoder.name == "local/pool"
    with isolated_registry("aezoo"), pytest.raises(WeightsError, match=r"registered it.*aezoo --import FILE"):
        aezoo.create(tmp_path, pretrained=True)


def test_a_plugin_of_the_same_name_is_told_from_it():
    theirs = aezoo.EncoderSpec(name="pool", summary="Theirs", implementation="aezoo.encoders.mlp:MLPEncoder")
    with isolated_registry("aezoo", theirs):
        aezoo.register("encoder", "pool")(Pool)
        with pytest.raises(UnknownNameError, match="say under-test/pool or local/pool"):
            aezoo.create("cis680-vae16", encoder="pool")
        assert isinstance(aezoo.create("cis680-vae16", encoder="local/pool").encoder, Pool)


@pytest.mark.parametrize(
    ("kind", "name", "fields", "message"),
    [
        ("model", "pool", {}, "'model' is not registered by itself, only encoder, bottleneck"),
        ("encoder", "conv", {}, "encoder 'conv' is a built-in: take another name"),
        ("encoder", "Pool", {}, "'Pool' is no name"),
        ("encoder", "pool", {"width": 3}, "encoder 'pool': .*unexpected keyword argument 'width'"),
        ("encoder", "pool", {"options": 3}, "encoder 'pool': 'int' object is not iterable"),
        ("encoder", "pool", {"options": ("width",)}, "encoder 'pool': 'str' object has no attribute 'name'"),
    ],
)
def test_what_cannot_be_registered(kind, name, fields, message):
    with pytest.raises(OptionError, match=message):
        aezoo.register(kind, name, **fields)(Pool)
    assert registry().entries(distribution="local") == []


@pytest.mark.parametrize("default", [None, (), {}, (True, False), (1, "a")], ids=str)
def test_a_default_that_says_no_type(default):
    with pytest.raises(OptionError, match=r"x=.* does not say of which type it is: options=\(aezoo\.Option\(name='x'"):
        aezoo.register("loss", "mine")(_term(default))
    declared = aezoo.Option(name="x", type="int", default=None)
    aezoo.register("loss", "mine", options=(declared,))(_term(default))
    assert registry().find("loss", "mine").spec.options == (declared,)


def _term(default):
    def term(output, images, context, *, x=default):
        return images

    return term


@pytest.mark.parametrize("made", [3, lambda images: images])
def test_only_a_class_or_function_with_a_name(made):
    with pytest.raises(OptionError, match="is no class or function with a name"):
        aezoo.register("encoder", "pool")(made)


PARTS = """
import aezoo
from beside import WIDTH
from torch import nn

@aezoo.register("encoder", "pool")
class Pool(nn.Sequential):
    '''Pooling from a file.'''
    def __init__(self, image, *, width=WIDTH):
        super().__init__(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * image.channels, width))
"""


def test_a_file_of_dataclasses_with_annotations_as_text_is_imported(tmp_path, python):
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    head += "@dataclass\nclass Size:\n    width: int = 24\n"
    (tmp_path / "parts.py").write_text(head + PARTS.replace("from beside import WIDTH", "WIDTH = Size().width"))
    done = python("-m", "aezoo", "--import", "parts.py", "info", "pool", "--json", cwd=tmp_path)
    assert [option["default"] for option in json.loads(done.stdout)[0]["options"]] == [24]


def test_a_path_that_holds_the_separator_of_paths_is_refused(tmp_path, python):
    done = python("-m", "aezoo", "--import", f"a{os.pathsep}b.py", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert "which separates names: move it to another path" in " ".join(done.stderr.split())


def test_the_command_line_imports_a_file_that_registers(tmp_path, python):
    (tmp_path / "parts.py").write_text(PARTS)
    (tmp_path / "beside.py").write_text("WIDTH = 24\n")
    done = python("-m", "aezoo", "--import", "parts.py", "info", "pool", "--json", cwd=tmp_path)
    (said,) = json.loads(done.stdout)
    assert (said["qualified_name"], said["summary"]) == ("local/pool", "Pooling from a file.")
    assert [option["default"] for option in said["options"]] == [24]
    assert python("-m", "aezoo", "info", "pool", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py", r"nowhere\.py cannot be imported: FileNotFoundError"),
        ("no_such_module", "no_such_module cannot be imported: ModuleNotFoundError"),
        ("broken.py", r"broken\.py cannot be imported: it calls sys\.exit\(3\)"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_line(tmp_path, monkeypatch, name, message):
    (tmp_path / "broken.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZOO_IMPORT", name)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(PluginError, match=message):
        Host().registry.find("encoder", "pool")
