import dataclasses

import torch


def test_a_context_draws_on_and_another_draws_other_numbers(context):
    draws = [torch.rand(2, generator=context.generator) for _ in range(2)]
    assert not torch.equal(*draws)
    again, other = (dataclasses.replace(context, draw=draw) for draw in (context.draw, (0, 1)))
    assert torch.equal(torch.rand(2, generator=again.generator), draws[0])
    assert not torch.equal(torch.rand(2, generator=other.generator), draws[0])
