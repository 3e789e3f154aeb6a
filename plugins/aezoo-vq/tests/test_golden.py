"""Answers that are held against stored ones: a code that rounding chose otherwise is no other model."""

import pytest
import torch

import aezoo
from aezoo.weights.golden import golden, golden_again

IMAGES = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("places", "same"), [(0, True), (1, True), (10, True), (11, False)])
@torch.no_grad()
def test_few_other_codes_are_rounding_s_and_many_are_another_model_s(places, same):
    torch.manual_seed(0)
    model = aezoo.create("fsq-f4-tiny").eval()
    stored = golden(model, IMAGES)
    moved = stored["z"].movedim(1, -1).reshape(1024, -1).clone()
    moved[:places, 0] += 0.5  # a level of 5, as another machine might have chosen it
    z = moved.view(4, 16, 16, -1).movedim(-1, 1).contiguous()
    elsewhere = stored | {"z": z, "reconstruction": model.decode(z)}
    again = golden_again(model, elsewhere)
    close = [torch.allclose(again[name], elsewhere[name], rtol=1e-4, atol=1e-4) for name in elsewhere]
    assert all(close) is same
    damaged = elsewhere | {"reconstruction": 0.99 * elsewhere["reconstruction"]}
    assert not torch.allclose(golden_again(model, damaged)["reconstruction"], damaged["reconstruction"], rtol=1e-4)
