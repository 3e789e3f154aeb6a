"""Codes without a codebook: each is a point, each point a code."""

import math

import pytest
import torch

import aezoo
from aezoo.errors import DataError, OptionError
from aezoo_vq.scalars import BinarySphericalQuantizer, FiniteScalarQuantizer, LookupFreeQuantizer

from .conftest import plain


@pytest.mark.parametrize(("levels", "values"), [((4,), [-1, -0.5, 0, 0.5]), ((5,), [-1, -0.5, 0, 0.5, 1])])
def test_levels_lie_evenly(levels, values):
    part = FiniteScalarQuantizer((3,), levels=levels)
    assert part.embed(torch.arange(levels[0]))[:, 0].tolist() == values


def test_codes_and_points_of_fsq_are_one_to_one():
    part = plain(FiniteScalarQuantizer((3, 1, 1), levels=(4, 3, 5)))
    assert part.codebook_sizes == (60,)
    points = part.lookup(torch.arange(60).view(60, 1, 1))
    assert len(points.flatten(1).unique(dim=0)) == 60
    ticks = torch.linspace(-4, 4, 41)
    latent = part(torch.cartesian_prod(ticks, ticks, ticks)[:, :, None, None])
    assert latent.codes.unique().tolist() == list(range(60))
    assert torch.equal(latent.z, points[latent.codes.flatten()])


def test_a_code_of_many_levels_is_that_of_its_point():
    part = plain(FiniteScalarQuantizer((3, 1, 1), levels=(150, 164, 682)))
    digits = torch.cartesian_prod(torch.arange(0, 150, 7), torch.arange(0, 164, 9), torch.arange(682))
    codes = (digits * torch.tensor([1, 150, 150 * 164])).sum(1).view(-1, 1, 1)
    points = part.embed(codes)
    part.fsq.quantize = lambda rows: rows  # features that lie on the points already
    assert torch.equal(part(points).codes, codes)


def test_the_gradient_of_fsq_is_that_of_its_bound(features):
    part = plain(FiniteScalarQuantizer((4, 3, 2), levels=(5, 5, 5, 5)))
    (gradient,) = torch.autograd.grad(part(features).z.sum(), features)
    torch.testing.assert_close(gradient, 1.001 * (1 - features.tanh().square()))


@pytest.mark.parametrize("kind", [LookupFreeQuantizer, BinarySphericalQuantizer])
def test_a_code_is_the_bits_of_its_signs(kind, features):
    part = plain(kind((4, 3, 2), dim=4))
    latent = part(features)
    bits = (features > 0).long()
    assert torch.equal(latent.codes, bits[:, 0] + 2 * bits[:, 1] + 4 * bits[:, 2] + 8 * bits[:, 3])
    assert torch.equal(latent.z.sign(), features.sign())
    assert torch.equal(part.lookup(latent.codes), latent.z)
    assert len(part.embed(torch.arange(16)).unique(dim=0)) == 16


def test_of_lfq_numbers_are_one_and_gradients_straight(features):
    latent = plain(LookupFreeQuantizer((4, 3, 2), dim=4))(features)
    assert (latent.z.abs() == 1).all()
    gradient = torch.randn(latent.z.shape)
    assert torch.equal(torch.autograd.grad(latent.z, features, gradient)[0], gradient)


def test_of_bsq_features_and_codes_are_on_the_sphere_and_near(features):
    latent = plain(BinarySphericalQuantizer((4, 3, 2), dim=4))(features)
    torch.testing.assert_close(latent.z.norm(dim=1), torch.ones(5, 3, 2))
    assert (latent.terms["commitment"].sum(1) <= 2 - 2 / math.sqrt(4) + 1e-6).all()  # the paper's bound


@pytest.mark.parametrize("kind", [LookupFreeQuantizer, BinarySphericalQuantizer])
def test_bit_logits_are_those_of_the_softened_choice(kind, features):
    part = plain(kind((4, 3, 2), dim=4, tau=0.7))
    latent = part(features)
    x = features if kind is LookupFreeQuantizer else torch.nn.functional.normalize(features, dim=1)
    codes = torch.arange(16)
    distance = (x[:, None] - part.embed(codes)[None, :, :, None, None]).square().sum(2)  # (b, codes, h, w)
    choice = (-0.7 * distance).softmax(1)
    ones = torch.stack([choice[:, codes >> bit & 1 == 1].sum(1) for bit in range(4)], 1)
    torch.testing.assert_close(latent.terms["bit_logits"].sigmoid(), ones)


def test_codes_of_many_bits():
    part = LookupFreeQuantizer((3,), dim=62)
    codes = torch.tensor([0, 1, 2**62 - 1])
    z = part.lookup(codes)
    assert torch.equal(plain(LookupFreeQuantizer((62,), dim=62))(z).codes, codes)
    assert part.bits == 62


def test_every_level_that_is_allowed_has_its_code():
    part = plain(FiniteScalarQuantizer((1, 1, 1), levels=(1000,)))
    codes = part(torch.tensor([-100.0, 100.0]).view(2, 1, 1, 1)).codes
    assert codes.flatten().tolist() == [0, 999]
    with pytest.raises(OptionError, match="1000"):
        aezoo.describe("kl-f4-tiny", bottleneck="fsq(levels=(1001,))")


def test_more_codes_than_are_counted_exactly():
    with pytest.raises(OptionError, match="make 100,000,000 codes: from one level on, up to 16,777,216"):
        aezoo.create("kl-f4-tiny", bottleneck="fsq(levels=(10, 10, 10, 10, 10, 10, 10, 10))")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.full((2, 3, 2), -1), "codes are from -1 to -1; those of FiniteScalarQuantizer from 0 to 24"),
        (torch.full((2, 3, 2), 25), "codes are from 25 to 25"),
        (torch.zeros(2, 3, 2), r"codes are torch.float32; .* torch.as_tensor\(codes\).long\(\)"),
        ([[0]], "codes are list"),
        (torch.zeros(2, 6, dtype=torch.int64), r"codes have shape \(2, 6\); .* looks up \(b, 3, 2\)"),
    ],
)
def test_what_is_no_code_is_refused(codes, message):
    with pytest.raises(DataError, match=message):
        FiniteScalarQuantizer((4, 3, 2), levels=(5, 5)).lookup(codes)


def test_a_map_of_codes_may_be_larger_and_a_graph_looks_at_none():
    part = FiniteScalarQuantizer((4, 3, 2), levels=(5, 5))
    codes = torch.randint(25, (2, 4, 6))
    assert part.lookup(codes).shape == (2, 2, 4, 6)
    compiled = torch.compile(part.lookup, backend="eager", fullgraph=True)
    assert torch.equal(compiled(codes), part.lookup(codes))
