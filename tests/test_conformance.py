"""The suite of `aezoo.testing` over everything that is registered, built in or by an installed plugin."""

import pytest

from aezoo.factory import members
from aezoo.plugins import registry
from aezoo.testing import Case, Conformance

# A warning of ours is a fault here: nothing that is registered may need one.
pytestmark = pytest.mark.filterwarnings("error::aezoo.AezooWarning")

# A small member stands for a family; of one that is not listed here, the first.
_MEMBERS = {"timm:*": "timm:resnet18", "torchvision:*": "torchvision:mobilenet_v3_small"}


def _registered(kind):
    for entry in registry().entries(kind):
        name = entry.qualified_name
        if entry.spec.members:
            member = _MEMBERS.get(entry.spec.name) or entry.spec.name.replace("*", next(iter(members(entry))))
            name = f"{entry.distribution}/{member}"
        yield name


class TestRegistered(Conformance):
    models = tuple(_registered("model"))
    encoders = tuple(_registered("encoder"))
    bottlenecks = tuple(_registered("bottleneck"))
    decoders = tuple(_registered("decoder"))


# What each check is there for: an encoder with the fault that it finds.
BROKEN = """
import torch
from torch import nn
class Encoder(nn.Module):
    def __init__(self, image, *, width=4):
        super().__init__()
        self.conv = nn.Conv2d(image.channels, width, 3, 8, 1)
        {init}
    def forward(self, images):
        x = self.conv(images)
        return {features}
"""
SPEC = """EncoderSpec(
    name="broken", summary="Broken", implementation="broken_parts:Encoder",
    options=(aezoo.Option(name="width", type="int", default={default}),))"""


@pytest.mark.parametrize(
    ("check", "init", "features", "default", "found"),
    [
        ("test_forward", "", "x / 0", 4, "is not finite"),
        ("test_other_images", "assert image.channels == 1", "x", 4, "broken cannot be built"),
        ("test_eval_is_deterministic", "", "nn.functional.dropout(x)", 4, "not equal"),
        ("test_an_image_does_not_see_its_batch", "", "x - x.mean(0)", 4, "not close"),
        ("test_every_parameter_learns", "self.idle = nn.Linear(1, 1)", "x", 4, "encoder.idle.weight takes no part"),
        ("test_every_parameter_learns", "", "0 * x", 4, "the gradient of encoder.conv.weight is zero"),
        ("test_saved_and_loaded_to_the_bit", "self.seen = torch.rand(())", "x * self.seen", 4, "meta"),
        ("test_pickled_and_copied", "self.activate = lambda x: x", "x", 4, "pickle"),
        ("test_compiles_whole", "", "torch._dynamo.graph_break() or x", 4, "graph_break"),
        ("test_exports_any_batch", "", "x if len(x) < 5 else -x", 4, "(?i)constraint"),
        ("test_options_are_those_of_the_implementation", "", "x", 8, "'width': 8"),
    ],
)
def test_the_suite_finds_what_is_broken(site, tmp_path, check, init, features, default, found):
    site.install("broken", SPEC.format(default=default))
    (site.path / "broken_parts.py").write_text(BROKEN.format(init=init, features=features))
    arguments = (tmp_path,) if "saved" in check else ()
    with pytest.raises(Exception, match=found):
        getattr(Conformance(), check)(Case("encoder", "broken"), *arguments)


def test_the_suite_finds_a_plugin_that_imports_torch(site, monkeypatch):
    spec = 'aezoo.EncoderSpec(name="heavy", summary="Heavy", implementation="heavy:E")'
    site.install("heavy", code=f"import aezoo, torch\n@aezoo.hookimpl\ndef aezoo_specs():\n    yield {spec}\n")
    monkeypatch.setenv("PYTHONPATH", str(site.path))

    class Heavy(Conformance):
        encoders = ("heavy",)

    with pytest.raises(AssertionError, match="imports torch"):
        Heavy().test_declared_without_torch()
