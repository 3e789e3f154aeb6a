"""Known answers: Jacobians of linear and curved decoders, decoders that commute with turning, and one that does not."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from aezoo.errors import CompositionError
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.context import Context
from aezoo.losses.latents import equivariance, gradient_penalty, latent_l2


class Model:
    """A decoder, as the terms see it."""

    stride = 2
    sizes = "any multiples of 2"
    spec = SimpleNamespace(name="tiny")

    def __init__(self, decoder):
        self.decoder = decoder

    def labels_of(self, batch):
        return None

    def decode(self, z, labels=None):
        return self.decoder(z)


def asked(decoder, z, images, draw=(0,)):
    latent = Latent(z)
    context = Context(model=Model(decoder), batch=Batch(images), training=True, draw=draw)
    return Output(images, None, latent), images, context


def test_half_the_squared_norm_of_the_latent(context):
    z = torch.tensor([[[1.0, 2.0]], [[3.0, 0.0]]])
    output = Output(torch.zeros(2, 1, 2, 2), None, Latent(z))
    assert latent_l2(output, output.reconstruction, context).tolist() == [2.5, 4.5]


class Linear(torch.nn.Module):
    def __init__(self, d, side):
        super().__init__()
        torch.manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(side * side, d))
        self.side = side

    def forward(self, z):
        return (z @ self.weight.T).view(-1, 1, self.side, self.side)


def test_the_penalty_of_a_linear_decoder_is_the_norm_of_its_weights():
    """On average over the signs: each draw is unbiased."""
    decoder, z, images = Linear(3, 4), torch.randn(2, 3), torch.zeros(2, 1, 4, 4)
    draws = torch.stack([gradient_penalty(*asked(decoder, z, images, draw=(seed,))).detach() for seed in range(2000)])
    expected = decoder.weight.square().sum().item()
    assert draws.mean().item() == pytest.approx(expected, abs=4 * draws.std().item() / 4000**0.5)


def test_the_penalty_of_one_value_is_exact_and_trains_decoder_and_latent():
    """Of one value the sign is squared away: (3 z^2)^2 of a cube, whose gradient in z is 36 z^3."""

    class Cube(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, z):
            return (self.scale * z**3).view(-1, 1, 1, 1)

    decoder, z = Cube(), torch.tensor([[2.0], [-1.0]], requires_grad=True)
    value = gradient_penalty(*asked(decoder, z, torch.zeros(2, 1, 1, 1)))
    assert value.tolist() == pytest.approx([144, 9])
    value.sum().backward()
    assert z.grad.flatten().tolist() == pytest.approx([288, -36])
    assert decoder.scale.grad.item() == pytest.approx(2 * 153)
    with torch.no_grad():
        assert gradient_penalty(*asked(decoder, z, torch.zeros(2, 1, 1, 1))).tolist() == pytest.approx([144, 9])


def test_the_penalty_uses_stored_statistics():
    decoder = torch.nn.Sequential(Linear(2, 3), torch.nn.BatchNorm2d(1)).train()
    z, images = torch.randn(4, 2), torch.zeros(4, 1, 3, 3)
    draws = torch.stack([gradient_penalty(*asked(decoder, z, images, (seed,))).detach() for seed in range(500)])
    assert decoder[1].training
    assert decoder[1].num_batches_tracked == 0
    expected = decoder[0].weight.square().sum().item() / (1 + decoder[1].eps)
    assert draws.mean().item() == pytest.approx(expected, abs=4 * draws.std().item() / 2000**0.5)


def test_the_penalty_goes_through_attention():
    class Attention(torch.nn.Module):
        def forward(self, z):
            return torch.nn.functional.scaled_dot_product_attention(z, z, z)

    z = torch.randn(2, 1, 4, 8, requires_grad=True)
    gradient_penalty(*asked(Attention(), z, torch.zeros(2, 1, 4, 8))).sum().backward()
    assert z.grad.any()


def turned(x):
    """A decoder that doubles the side and commutes with turning: each value four times."""
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_constant_commutes_with_everything(seed):
    z = torch.full((2, 1, 4, 4), 0.3)
    output, images, context = asked(Module(turned), z, turned(z), (seed,))
    assert equivariance(output, images, context).abs().max() < 1e-5


def test_what_depends_on_the_place_does_not():
    """A ramp drawn into whatever latent: turned, it should have turned."""
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)

    def drawn(z):
        side = 2 * z.shape[-1]
        return torch.linspace(0, 1, side).expand(len(z), 1, side, side)

    found = [
        equivariance(*asked(Module(drawn), torch.zeros(1, 1, 4, 4), ramp, (seed,)))[0].item() for seed in range(40)
    ]
    assert min(found) < 8  # not turned
    assert max(found) > 64 / 3  # by 90 degrees, the mean of |u - v| of two even numbers in [0, 1]; more by 180


def test_the_latent_is_turned_as_the_image_is():
    """Of a decoder that keeps its place, turning alone costs nothing."""
    z = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    output, images, context = asked(Module(turned), z, turned(z))
    for seed in range(200):
        context = dataclasses.replace(context, draw=(seed,))
        share, turns = torch.rand((2,), generator=dataclasses.replace(context).generator).tolist()
        if round((0.25 + 0.75 * share) * 4) == 4 and int(4 * turns) in (1, 2, 3):
            assert equivariance(output, images, context).item() < 1e-4
            return
    raise AssertionError("no draw turns without shrinking")


@pytest.mark.parametrize("seed", range(12))
def test_of_a_decoder_that_changes_nothing_shrinking_costs_nothing(seed):
    z = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    output, images, context = asked(Module(lambda z: z), z, z, (seed,))
    context.model.stride = 1
    assert equivariance(output, images, context).abs().max() < 1e-4


def test_where_nothing_is_trained_it_is_of_the_same_turns_and_sizes():
    z = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    sides = []

    def look(z):
        sides.append(z.shape[-1])
        return turned(z)

    def measured(seed):
        output, images, context = asked(Module(look), z, turned(z), (seed,))
        return equivariance(output, images, dataclasses.replace(context, training=False))

    assert torch.equal(measured(0), measured(1))
    assert sides == [2, 4, 6, 8] * 2


def test_a_model_of_one_size_is_refused():
    output, images, context = asked(Module(turned), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 8, 8))
    context.model.stride = 0
    with pytest.raises(CompositionError, match="equivariance shrinks the latent, and tiny decodes"):
        equivariance(output, images, context)


@pytest.mark.parametrize("seed", range(9))
def test_a_smaller_image_counts_as_the_whole_one(seed):
    black = Module(lambda z: z.new_zeros(1, 1, 2 * z.shape[2], 2 * z.shape[3]))
    given = asked(black, torch.zeros(1, 1, 4, 4), torch.full((1, 1, 8, 8), 0.5), (seed,))
    assert equivariance(*given).item() == pytest.approx(64 * 0.5)


def test_smaller_latents_leave_the_statistics_of_the_decoder_alone():
    decoder = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Upsample(scale_factor=2)).train()
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    z = torch.randn(4, 1, 4, 4, requires_grad=True)
    equivariance(*asked(decoder, z, turned(z.detach()))).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in decoder.state_dict().items())
    assert decoder[0].training
    assert z.grad.any()


def test_latents_shrink_to_a_quarter_and_not_below():
    sides, z = set(), torch.rand(1, 1, 8, 8)

    def look(z):
        sides.add(z.shape[-1])
        return turned(z)

    for seed in range(60):
        equivariance(*asked(Module(look), z, turned(z), (seed,)))
    assert (min(sides), max(sides)) == (2, 8)
