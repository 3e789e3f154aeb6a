import pytest
import torch

import aezoo
from aezoo.testing import Conformance
from aezoo_residual.blocks import blocks


class TestConformance(Conformance):
    models = ("cis680-resvae512",)
    encoders = (
        "residual(widths=(4, 8, 8), depth=3)",
        "residual(widths=(4, 8, 8), norm='none')",
        "residual(widths=(4, 8, 8), shortcut=False)",
    )
    decoders = (
        "residual(widths=(8, 8, 4), depth=3)",
        "residual(widths=(8, 8, 4), norm='none')",
        "residual(widths=(8, 8, 4), shortcut=False)",
    )


def _model(depth, shortcut):
    part = f"residual(depth={depth}, shortcut={shortcut})"
    torch.manual_seed(0)
    return aezoo.create("cis680-resvae512", encoder=part, decoder=part)


def _layers(model):
    return [(name, repr(layer)) for name, layer in model.named_modules() if not list(layer.children())]


@pytest.mark.parametrize(("depth", "sizes"), [(1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2])])
def test_convolutions_go_two_to_a_block(depth, sizes):
    made = blocks(4, depth, "batch", shortcut=True)
    assert [sum(isinstance(layer, torch.nn.Conv2d) for layer in block.modules()) for block in made] == sizes


@pytest.mark.parametrize(("depth", "layers"), [(1, 21), (2, 30), (4, 48)])
def test_depth_is_that_of_the_longest_path(depth, layers):
    counted = (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)
    model = _model(depth, shortcut=True)
    heads = 2  # mean and log-variance lie side by side
    assert sum(isinstance(layer, counted) for layer in model.modules()) - (heads - 1) == layers


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_plain_and_residual_have_the_same_layers_and_parameters(depth):
    plain, residual = _model(depth, shortcut=False), _model(depth, shortcut=True)
    assert _layers(plain) == _layers(residual)
    plain.load_state_dict(residual.state_dict())  # strict: the same names and shapes


def test_they_start_alike_but_for_the_zeros():
    plain, residual = _model(2, shortcut=False).state_dict(), _model(2, shortcut=True).state_dict()
    differing = [name for name in plain if not torch.equal(plain[name], residual[name])]
    assert differing
    assert all(name.endswith("body.norm2.weight") and not residual[name].any() for name in differing)


def test_the_plain_network_of_depth_1_is_the_report_s():
    ours, report = _model(1, shortcut=False), aezoo.create("cis680-vae512")
    ours.load_state_dict(dict(zip(ours.state_dict(), report.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 64, 64)
    assert torch.equal(ours(images).reconstruction, report(images).reconstruction)
