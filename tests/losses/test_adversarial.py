"""Known answers: scores that are given, ratios that a network learns, and the balance that VQGAN keeps."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from aezoo.composition import describe
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.adaptive import gradient_ratio
from aezoo.losses.adversarial import FactorAdversary, LatentAdversary, PatchAdversary
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.training.objective import Objective


def answer(z, reconstruction=None):
    return Output(torch.zeros(len(z), 1, 32, 32) if reconstruction is None else reconstruction, None, Latent(z))


class Given(torch.nn.Module):
    """Scores every patch of an image by its mean."""

    def forward(self, images):
        return images.mean((1, 2, 3), keepdim=True).expand(-1, 1, 2, 2)


def test_its_network_begins_as_pix2pix_does():
    layers = PatchAdversary(ImageSpec((32, 32))).score
    kernels = torch.cat([layer.weight.flatten() for layer in layers if isinstance(layer, torch.nn.Conv2d)])
    scales = torch.cat([layer.weight for layer in layers if isinstance(layer, torch.nn.BatchNorm2d)])
    assert (kernels.mean().item(), kernels.std().item()) == pytest.approx((0, 0.02), abs=1e-4)
    assert (scales.mean().item(), scales.std().item()) == pytest.approx((1, 0.02), abs=3e-3)


def test_the_hinges_by_hand(context):
    term = PatchAdversary(ImageSpec((32, 32)))
    term.score = Given()
    made = torch.stack([torch.full((1, 32, 32), value) for value in (0.25, 0.75)])
    images = torch.stack([torch.full((1, 32, 32), value) for value in (1.0, 0.5)])
    output = answer(torch.zeros(2, 1), made)
    assert term(output, images, context).tolist() == pytest.approx([-1024 * 0.25, -1024 * 0.75])
    losses = [0.5 * (0 + 1.25), 0.5 * (0.5 + 1.75)]
    assert term.adversary_loss(output, images, context).tolist() == pytest.approx(losses)


def test_patches_see_what_pix2pix_s_do():
    """Three strided layers: 70 pixels a patch, 30x30 patches of 256 pixels."""
    term = PatchAdversary(ImageSpec((256, 256), 3), width=2, norm="none")
    image = torch.zeros(1, 3, 256, 256, requires_grad=True)
    scores = term.score(image)
    assert scores.shape == (1, 1, 30, 30)
    scores[0, 0, 15, 15].backward()
    seen = image.grad[0].abs().sum(0).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [70, 70]
    assert term.score[-1].in_channels == 8 * 2


def test_images_too_small_are_refused():
    with pytest.raises(CompositionError, match=r"gan\(layers=3\) needs 24 pixels a side"):
        PatchAdversary(ImageSpec((16, 16)))
    PatchAdversary(ImageSpec((24, 24))).score(torch.zeros(2, 1, 24, 24))


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_the_adaptive_weight_balances_the_gradients(weight):
    """At the last layer the adversary's gradient is as large as the rest's, times the weight that was asked for."""
    torch.manual_seed(0)
    model = build(describe("cis680-ae")).train()
    objective = Objective(model, f"l1 + 0.1*l2 + {weight}*gan(width=4)").train()
    batch = Batch(torch.rand(6, 1, 64, 64))
    context = Context(model=model, batch=batch, training=True)
    loss, terms = objective(batch, context)
    last = model.last_layer
    total = torch.autograd.grad(loss, last, retain_graph=True)[0]
    output = context.output
    rest = sum(
        each * objective.terms[name](output, batch.images, context).mean() for name, each in (("l1", 1.0), ("l2", 0.1))
    )
    rest = torch.autograd.grad(rest, last, retain_graph=True)[0]
    assert (total - rest).norm().item() == pytest.approx(weight * rest.norm().item(), rel=1e-2)
    assert set(terms) == {"l1", "l2", "gan"}


@pytest.mark.parametrize(
    ("own", "rest", "weight"), [(1e-4, 1.0, 5000), (1e-4, 3.0, 1e4), (0.0, 0.5, 5000), (0.5, 0.0, 1)]
)
def test_the_weight_is_of_means_over_pixels_and_bounded(own, rest, weight):
    """Of sums over the 1,024 pixels the first would be 9,990: VQGAN's 1e-4 is of means."""
    at = torch.ones(1, requires_grad=True)
    assert gradient_ratio([rest * at.sum()], own * at.sum(), at, 1).item() == pytest.approx(weight)
    images = torch.zeros(2, 1, 32, 32)
    context = Context(model=SimpleNamespace(last_layer=at), batch=Batch(images), training=True)
    term = PatchAdversary(ImageSpec((32, 32)), width=2)
    found = term.adaptive_weight(1024 * own * at.sum(), {"l1": 1024 * rest * at.sum()}, context)
    assert found.item() == pytest.approx(weight)


@pytest.mark.filterwarnings("ignore:the network of .* gets no gradient:aezoo.AezooWarning")
def test_without_it_the_weight_is_what_it_says():
    torch.manual_seed(0)
    model = build(describe("cis680-ae")).train()
    loss, terms = Objective(model, "l1 + 0.5*gan(width=4, adaptive=False)")(Batch(torch.rand(2, 1, 64, 64)))
    assert loss.item() == pytest.approx(terms["l1"].item() + 0.5 * terms["gan"].item())


class Drawn:
    def __init__(self, samples):
        self.samples = samples

    def sample(self, shape, model, generator=None):
        return self.samples


def test_aae_by_hand(context):
    term = LatentAdversary((1,), hidden=())
    with torch.no_grad():
        term.score[0].weight.fill_(1.0)
        term.score[0].bias.zero_()
    z, p = torch.tensor([[1.0], [-2.0]]), torch.tensor([[0.5], [3.0]])
    context.model.__dict__["prior"] = Drawn(p)
    log = [math.log(1 / (1 + math.exp(-value))) for value in (1.0, -2.0)]
    assert term(answer(z), torch.zeros(2, 1, 32, 32), context).tolist() == pytest.approx([-log[0], -log[1]])
    losses = [
        -math.log(1 / (1 + math.exp(-a))) - math.log(1 - 1 / (1 + math.exp(-b))) for a, b in ((0.5, 1.0), (3.0, -2.0))
    ]
    assert term.adversary_loss(answer(z), torch.zeros(2, 1, 32, 32), context).tolist() == pytest.approx(losses)


def test_factor_learns_the_total_correlation(context):
    """Of two normal dimensions with a correlation of 0.8 it is -ln(1 - 0.64) / 2 = 0.51 nats."""
    torch.manual_seed(0)
    term = FactorAdversary((2,), hidden=(64, 64))
    optimizer = torch.optim.Adam(term.parameters(), 3e-3)

    def draw(n):
        noise = torch.randn(n, 2)
        return torch.stack([noise[:, 0], 0.8 * noise[:, 0] + 0.6 * noise[:, 1]], 1)

    for step in range(600):
        batch = draw(512)
        loss = term.adversary_loss(
            answer(batch), torch.zeros(512, 1, 32, 32), dataclasses.replace(context, draw=(step,))
        )
        assert loss.shape == (512,)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    z = draw(5000)
    with torch.no_grad():
        found = term(answer(z), torch.zeros(5000, 1, 32, 32), context).mean().item()
    assert found == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.08)


def test_factor_shuffles_each_dimension_by_itself(context):
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, z):
            seen.append(z)
            return z.sum(1, keepdim=True)

    term = FactorAdversary((3,), hidden=())
    term.score = Spy()
    z = torch.arange(24.0).view(8, 3)
    term.adversary_loss(answer(z), torch.zeros(8, 1, 32, 32), context)
    whole, shuffled = seen
    assert torch.equal(whole, z[:4])
    for column in range(3):
        assert sorted(shuffled[:, column].tolist()) == z[4:, column].tolist()
    assert any(row not in z[4:].tolist() for row in shuffled.tolist())
    with pytest.raises(CompositionError, match="at least four images"):
        term.adversary_loss(answer(z[:3]), torch.zeros(3, 1, 32, 32), context)


def test_factor_of_an_odd_batch_counts_both_halves_alike(context):
    """Of scores c its loss is (softplus(-c) + softplus(c)) / 2 whatever the batch, lowest at c = 0."""
    term = FactorAdversary((3,), hidden=())
    torch.nn.init.zeros_(term.score[0].weight)
    torch.nn.init.constant_(term.score[0].bias, 0.7)
    found = term.adversary_loss(answer(torch.randn(5, 3)), torch.zeros(5, 1, 32, 32), context)
    assert found.shape == (5,)
    assert found.mean().item() == pytest.approx((math.log1p(math.exp(-0.7)) + math.log1p(math.exp(0.7))) / 2)


@pytest.mark.parametrize("kind", [PatchAdversary, LatentAdversary, FactorAdversary])
def test_autocast_changes_no_number(context, kind):
    torch.manual_seed(0)
    term = PatchAdversary(ImageSpec((32, 32)), width=4) if kind is PatchAdversary else kind((3,), hidden=(50,))
    context.model.__dict__["prior"] = Drawn(torch.randn(8, 3))
    output, images = answer(torch.randn(8, 3), torch.rand(8, 1, 32, 32)), torch.rand(8, 1, 32, 32)

    def values():
        drawn = dataclasses.replace(context)
        return term(output, images, drawn), term.adversary_loss(output, images, drawn)

    plain = values()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(values(), plain, rtol=0, atol=0)
