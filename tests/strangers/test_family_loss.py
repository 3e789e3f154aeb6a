"""A family of losses: the member reaches the implementation, and so do the options."""

import pytest
import torch

import aezoo
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.training.objective import Objective

from .conftest import small

SPEC = """LossSpec(
    name="power:*", summary="Sum of powers of the error", implementation="stranger_parts:power",
    members="stranger_parts:members", options=(aezoo.Option(name="scale", type="float", default=1.0),))"""
PARTS = """
POWERS = {"cube": 3, "fourth": 4}
def members():
    return list(POWERS)
def power(output, images, context, *, member, scale=1.0):
    return scale * (output.reconstruction - images).abs().pow(POWERS[member]).flatten(1).sum(1)
"""


def test_family_loss(stranger, run):
    stranger(SPEC, parts=PARTS)
    model = build(small())
    batch = Batch(torch.rand(4, 1, 32, 32))
    objective = Objective(model, "2*power:cube(scale=3.0) + kl")
    context = Context(model=model, batch=batch)
    loss, terms = objective(batch, context)
    output = context.output
    expected = 3 * (output.reconstruction - batch.images).abs().pow(3).sum() / 4
    torch.testing.assert_close(terms["power:cube"], expected)
    torch.testing.assert_close(loss, 2 * expected + terms["kl"])
    with pytest.raises(aezoo.AezooError, match="no loss 'power:fith': did you mean power:fourth"):
        Objective(model, "power:fith")
    run(small(), loss="power:fourth + kl")
