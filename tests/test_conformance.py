"""The suite of `aezoo.testing` over everything that is registered, and of each check a thing that it finds broken."""

import contextlib
import dataclasses
import inspect
import textwrap
import unittest

import numpy as np
import pytest

from aezoo.errors import DataError, OptionError
from aezoo.plain import Component
from aezoo.plugins import registry
from aezoo.requests import members
from aezoo.specs import SPECS
from aezoo.testing import HOST, Case, Conformance, isolated_registry
from aezoo.testing.conformance import ARGUMENTS
from aezoo.testing.datasets import DatasetChecks

from .specimens import DECLARED, FAULTS, HEAD, HEADS, KINDS, RIGHT

# A warning of ours is a fault here: nothing that is registered may need one.
pytestmark = pytest.mark.filterwarnings("error::aezoo.AezooWarning")

# A small member stands for a family; of one that is not listed here, the first. Small options stand for large defaults.
_MEMBERS = {
    ("encoder", "timm:*"): "timm:test_resnet",
    ("encoder", "torchvision:*"): "torchvision:squeezenet1_1",
    ("dataset", "torchvision:*"): "torchvision:MNIST",
}
_OPTIONS = {"toyfaces": "(count=6, size=28)"}
# What asks for more than a name (a network's weights, codes, certain sizes) passes in its own package's tests.
_ELSEWHERE = ("aezoo-diffusers", "aezoo-factors", "aezoo-hf-datasets", "aezoo-mae", "aezoo-perceptual", "aezoo-vq")


def _registered(kind):
    for entry in registry().entries(kind) if kind in SPECS else ():
        if entry.distribution in _ELSEWHERE:
            continue
        name = entry.qualified_name
        if entry.spec.members:
            known = _MEMBERS.get((kind, entry.spec.name))
            name = f"{entry.distribution}/{known or entry.spec.name.replace('*', next(iter(members(entry))))}"
        yield name + _OPTIONS.get(entry.spec.name, "")


OF_MAPS = ("aezoo/equivariance", "aezoo/alignment")
OF_SPHERES = ("aezoo/uniform-sphere",)
OF_CODES = ("aezoo/bits",)  # of which the core has none: with aezoo-vq


class TestRegistered(Conformance):
    models = tuple(_registered("model"))
    encoders = tuple(_registered("encoder"))
    bottlenecks = (
        *_registered("bottleneck"),
        "gaussian(dim=3, spatial=True)",
        "nested(dim=3, spatial=True, along='positions')",
    )
    priors = tuple(name for name in _registered("prior") if name not in OF_SPHERES)
    decoders = tuple(_registered("decoder"))
    likelihoods = tuple(_registered("likelihood"))
    losses = tuple(name for name in _registered("loss") if name not in OF_MAPS)
    metrics = tuple(name for name in _registered("metric") if name not in OF_CODES)
    datasets = tuple(_registered("dataset"))
    studies = tuple(_registered("study"))
    weights = tuple(_registered("weights"))
    commands = tuple(_registered("command"))


SPATIAL = dataclasses.replace(HOST, bottleneck=Component.of("gaussian", dim=2, spatial=True))


class TestOfMaps(Conformance):
    host = SPATIAL
    losses = ("equivariance", """alignment(network="conv(layers=('3x3x4 s2', '3x3x8 s4'))")""")
    metrics = ("kl_dims", "active_units", "mutual_information")


class TestOfSpheres(Conformance):
    host = dataclasses.replace(HOST, bottleneck=Component.of("hyperspherical", dim=4), prior=None)
    priors = OF_SPHERES
    metrics = ("mutual_information",)


CHECKS = [name for name in dir(Conformance) if name.startswith("test_")]


@pytest.fixture
def broken(site, monkeypatch):
    """Install what is right but for some lines: methods of the class, or functions in the place of its own."""

    def install(what, fault="", declared="", summary="Broken", host=HOST):
        kind = KINDS.get(what, what)
        words = ", ".join(filter(None, [f'name="broken", summary={summary!r}', declared or DECLARED.get(what, "")]))
        site.install("broken", f'{kind.title()}Spec({words}, implementation="broken_parts:Broken")')
        code = textwrap.dedent(RIGHT[what])
        indent = "    " if code.startswith("\nclass") else ""
        lines = textwrap.indent(textwrap.dedent(fault), indent)
        (site.path / "broken_parts.py").write_text(f"{HEADS.get(what, HEAD)}{code}\n{lines}\n")
        monkeypatch.setenv("PYTHONPATH", str(site.path))
        return Case(kind, "broken", host)

    return install


def run(check, case, tmp_path):
    test = getattr(Conformance(), check)
    test(case, *([tmp_path] if "tmp_path" in inspect.signature(test).parameters else []))


def exists(what):
    return KINDS.get(what, what) in SPECS


@pytest.mark.parametrize("what", [what for what in RIGHT if exists(what)])
def test_what_is_right_passes(broken, tmp_path, what):
    case = broken(what)
    for check in CHECKS:
        argument = next(iter(inspect.signature(getattr(Conformance(), check)).parameters), "")
        slow = ("compiles" in check or "exports" in check) and what in ("encoder", "prior", "likelihood")
        if case.kind in ARGUMENTS.get(argument, ()) and not slow:
            run(check, case, tmp_path)


def test_a_kind_in_the_place_of_its_list_is_refused():
    with pytest.raises(OptionError, match=r"Mine\.encoder: what is tried is a tuple of names, encoders = "):
        type("Mine", (Conformance,), {"encoder": ("conv",)})


def test_a_folder_passes(tmp_path):
    np.save(tmp_path / "images.npy", (np.arange(200 * 8 * 8) % 256).astype(np.uint8).reshape(200, 8, 8))
    for check in (name for name in dir(DatasetChecks) if name.startswith("test_")):
        run(check, Case("dataset", "folder", root=tmp_path / "images.npy"), tmp_path)


def test_a_metric_is_tried_on_the_images_that_it_is_of(broken, tmp_path):
    fault = """
        def right(x, measured):
            if measured.factors.shape[1] != 20:
                raise DataError("these are no faces")
            return x
        """
    case = broken("metric", fault, DECLARED["metric"] + ', needs=("factors",)')
    with pytest.raises(DataError, match="no faces"):
        run("test_metric_runs_on_what_it_needs", case, tmp_path)
    case = dataclasses.replace(case, images="toyfaces(test_count=12, style='shaded')")
    run("test_metric_runs_on_what_it_needs", case, tmp_path)


@pytest.mark.parametrize(
    ("item", "error", "found"),
    [("self.first(index)", unittest.SkipTest, "nothing there"), ("torch.ones(2)", AssertionError, "not uint8")],
)
def test_a_split_that_is_not_there_is_skipped_and_the_others_checked(broken, tmp_path, item, error, found):
    lacking = f"""
        def check(self, split):
            if split == "test": raise DataError("nothing there")
        first = __getitem__
        def __getitem__(self, index): return {item}
        """
    case = broken("dataset", lacking)
    with pytest.raises(error, match=found):
        run("test_splits_open", case, tmp_path)


@pytest.mark.parametrize(("check", "what", "fault", "found"), [fault for fault in FAULTS if exists(fault[1])])
def test_the_suite_finds_what_is_broken(broken, tmp_path, check, what, fault, found):
    case = broken(what, fault)
    with pytest.raises(Exception, match=found):
        run(check, case, tmp_path)


CHOICE = 'options=(aezoo.Option(name="width", type="str", default="4", choices=("4", "many")),)'


@pytest.mark.parametrize(
    ("check", "what", "how", "found"),
    [
        (
            "test_labels_count",
            "conditional encoder",
            {"fault": "def forward(self, images, labels): return self.conv(images)"},
            "labels do not matter",
        ),
        (
            "test_sizes_after_it_is_built",
            "encoder",
            {
                "fault": "stride = 4\ndef forward(self, x): return F.adaptive_avg_pool2d(self.conv(x), 8)",
                "host": SPATIAL,
            },
            r"not \(2, 1, 36, 40\)",
        ),
        (
            "test_tiles",
            "encoder",
            {"fault": "from aezoo.layers import Field\nstride, field = 4, Field(0, 0, down=4)", "host": SPATIAL},
            "not close",
        ),
        ("test_declared_in_words", "encoder", {"summary": ""}, "has no summary"),
        ("test_declared_in_words", "dataset", {"declared": 'splits=("train",)'}, "has no licence"),
        ("test_declared_in_words", "dataset", {"declared": 'licence="MIT", redistributable=True'}, "SPDX"),
        (
            "test_options_are_those_of_the_implementation",
            "encoder",
            {"declared": 'options=(aezoo.Option(name="width", type="int", default=8),)'},
            "'width': 8",
        ),
        (
            "test_options_are_those_of_the_implementation",
            "metric",
            {"declared": 'options=(aezoo.Option(name="sharpness", type="int", default=8),)'},
            "unexpected keyword argument 'sharpness'",
        ),
        ("test_every_choice_builds", "encoder", {"declared": CHOICE}, "cannot be built"),
        ("test_spec_through_json", "encoder", {"host": dataclasses.replace(HOST, settings=[])}, "settings"),
    ],
)
def test_the_suite_finds_what_is_declared_wrongly(broken, tmp_path, check, what, how, found):
    case = broken(what, **how)
    with pytest.raises(Exception, match=found):
        run(check, case, tmp_path)


ESTIMATED = "is_exact, kl = Prior.is_exact, Prior.kl"


def test_the_suite_finds_terms_that_are_overwritten(site):
    estimated = RIGHT["prior"].replace("pass", ESTIMATED)
    shared = "    def at(self, latent, z): return dataclasses.replace(latent, z=z)\n"
    site.install(
        "broken",
        'PriorSpec(name="broken", summary="Estimated", implementation="broken_parts:Prior_")',
        'BottleneckSpec(name="broken", summary="Shared", implementation="broken_parts:Broken", prior="broken", '
        'provides=("posterior",))',
    )
    code = textwrap.dedent(estimated).replace("Broken", "Prior_") + textwrap.dedent(RIGHT["bottleneck"]) + shared
    (site.path / "broken_parts.py").write_text(HEAD + code)
    Conformance().test_divergence_is_the_difference_of_densities(Case("prior", "broken"))
    with pytest.raises(AssertionError, match="kl"):
        Conformance().test_latent_at_another_z(Case("bottleneck", "broken"))


def test_the_suite_finds_a_plugin_that_imports_torch(site, monkeypatch):
    spec = 'aezoo.EncoderSpec(name="heavy", summary="Heavy", implementation="heavy:E")'
    site.install("heavy", code=f"import aezoo, torch\n@aezoo.hookimpl\ndef aezoo_specs():\n    yield {spec}\n")
    monkeypatch.setenv("PYTHONPATH", str(site.path))

    class Heavy(Conformance):
        encoders = ("heavy",)

    with pytest.raises(AssertionError, match="imports torch"):
        Heavy().test_declared_without_torch()


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"sha256": "0" * 64}, "its sha256 is not the one in the record"),
        ({"size": 7}, "its record says 7"),
        ({"parameters": 8}, "its record says 8"),
        ({"metrics": (("mse", 0.25),)}, "its record says {'mse': 0.25}"),
        ({"path": "aezoo.nowhere:weights"}, "names no installed package"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_suite_finds_weights_that_are_not_their_record_s(wrong, found):
    with _toyfaces(**wrong) as case, pytest.raises(Exception, match=found):
        Conformance().test_weights_are_those_of_their_record(case)


def test_the_suite_finds_weights_that_answer_otherwise(monkeypatch):
    from aezoo.testing import weights

    with _toyfaces() as case:
        Conformance().test_weights_are_those_of_their_record(case)
        monkeypatch.setattr(weights, "golden_again", lambda model, stored: {name: x + 1 for name, x in stored.items()})
        with pytest.raises(AssertionError):
            Conformance().test_weights_are_those_of_their_record(case)


@contextlib.contextmanager
def _toyfaces(**wrong):
    """Weights that are built in, with another record."""
    own = registry().find("weights", "cis680-vae16.toyfaces").spec
    replaced = {own.name, wrong.get("name", own.name)}
    rest = [entry.spec for entry in registry().entries(distribution="aezoo") if entry.spec.name not in replaced]
    with isolated_registry(*rest, dataclasses.replace(own, **wrong), distribution="aezoo"):
        yield Case("weights", wrong.get("name", own.name))


def test_what_is_not_named_is_not_checked():
    class Mine(Conformance):
        losses = ("l2",)

        def test_forward(self): ...

    class More(Mine):
        encoders = ("conv",)

    assert Mine.test_splits_open is Mine.test_every_parameter_learns is More.test_posterior is None
    assert Mine.test_adversary is Conformance.test_adversary
    assert More.test_every_parameter_learns is Conformance.test_every_parameter_learns
    assert More.test_forward is Mine.test_forward is not None


def test_every_check_is_proven():
    proven = {check for check, *_ in FAULTS}
    proven |= {check for mark in test_the_suite_finds_what_is_declared_wrongly.pytestmark for check, *_ in mark.args[1]}
    assert set(CHECKS) - proven == {"test_declared_without_torch", "test_weights_are_those_of_their_record"}
