import dataclasses
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.errors import CompositionError, OptionError
from aezoo.latent import Latent, Output
from aezoo.losses.divergence import kl
from aezoo.priors.standard import StandardPrior

IMAGES = torch.zeros(3, 1, 2, 2)


def answer(divergence):
    latent = Latent(z=torch.zeros_like(divergence), terms={"kl": divergence})
    return Output(torch.zeros(len(divergence), 1, 2, 2), None, latent)


def posterior(mean, logvar):
    """What the Gaussian bottleneck makes of features that are the mean and the log-variance."""
    d = mean.shape[1]
    bottleneck = GaussianBottleneck((2 * d,), dim=d)
    for head, half in ((bottleneck.mean, slice(0, d)), (bottleneck.logvar, slice(d, 2 * d))):
        head.weight.data.copy_(torch.eye(2 * d)[half])
        head.bias.data.zero_()
    latent = bottleneck(torch.cat([mean, logvar], 1))
    latent.terms["kl"] = StandardPrior((d,)).kl(latent, SimpleNamespace(provides={"gaussian"}))
    return Output(torch.zeros(len(mean), 1, 2, 2), None, latent)


def test_is_the_divergence_of_two_gaussians(context):
    mean, logvar = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl(posterior(mean, logvar), IMAGES, context), expected)


def test_sums_dimensions_of_any_shape(context):
    assert kl(answer(torch.full((3, 2, 4, 4), 0.5)), IMAGES, context).tolist() == [16, 16, 16]


def test_a_nearly_collapsed_posterior_keeps_its_divergence(context):
    generator = torch.Generator().manual_seed(0)
    mean, logvar = 0.02 * torch.randn(2, 1, 512, generator=generator)
    exact = kl_divergence(Normal(mean.double(), (0.5 * logvar.double()).exp()), Normal(0.0, 1.0)).sum()
    value = kl(posterior(mean, logvar), IMAGES[:1], context)
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)
    mean, logvar = mean.bfloat16(), logvar.bfloat16()
    half = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()  # what float32 is for
    assert abs(half.item() - exact.item()) > 0.5 * exact.item()


def test_is_float32_under_autocast(context):
    divergence = torch.rand(3, 512, generator=torch.Generator().manual_seed(0)) / 1000
    expected = kl(answer(divergence), IMAGES, context)
    with torch.autocast("cpu", torch.bfloat16):
        value = kl(answer(divergence), IMAGES, context)
        free = kl(answer(divergence), IMAGES, context, free_bits=0.1)
    assert value.dtype == free.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0, atol=0)
    assert free.tolist() == pytest.approx([51.2] * 3)


def test_free_bits_by_hand(context):
    divergence = torch.tensor([[0.0, 1.0, 4.0], [0.2, 3.0, 0.0], [0.1, 2.0, 2.0]], requires_grad=True)
    value = kl(answer(divergence), IMAGES, context, free_bits=0.5)  # batch means 0.1, 2, 2
    assert value.tolist() == pytest.approx([4.5, 4.5, 4.5])
    value.mean().backward()
    torch.testing.assert_close(divergence.grad, torch.tensor([0.0, 1 / 3, 1 / 3]).expand(3, 3))


def test_few_free_bits_are_the_mean_divergence(context):
    divergence = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)) + 0.01
    plain, free = (kl(answer(divergence), IMAGES, context, free_bits=bits) for bits in (0.0, 1e-3))
    torch.testing.assert_close(free, plain.mean().expand(3))


def test_free_bits_average_over_all_processes(context):
    first, second = torch.tensor([[0.0, 2.0]] * 3), torch.tensor([[1.0, 0.0]] * 3)
    context = dataclasses.replace(context, gather=lambda mine: torch.cat([mine, second]))
    value = kl(answer(first), IMAGES, context, free_bits=0.8)  # global means 0.5, 1; this process alone: 0, 2
    assert value.tolist() == pytest.approx([1.8] * 3)


def test_free_bits_of_a_whole_latent_are_refused(context):
    output = answer(torch.ones(3, 1))
    output.latent.z = torch.zeros(3, 2)
    assert kl(output, IMAGES, context, capacity=3.0).tolist() == [2, 2, 2]
    with pytest.raises(CompositionError, match=r"free_bits=0\.5\) is of each dimension, .* of the whole latent"):
        kl(output, IMAGES, context, free_bits=0.5)


def test_a_capacity_is_held_and_rises(context):
    divergence = torch.tensor([[1.0, 2.0], [3.0, 2.0]])  # 4 nats an image on average
    assert kl(answer(divergence), IMAGES[:2], context, capacity=10.0).tolist() == pytest.approx([6, 6])
    assert kl(answer(divergence), IMAGES[:2], context, capacity=1.0).tolist() == pytest.approx([3, 3])
    for step, expected in ((0, 3.0), (1, 2.0), (9, 6.0), (99, 6.0)):
        at = dataclasses.replace(context, step=step)
        assert kl(answer(divergence), IMAGES[:2], at, capacity=10.0, rise=10).tolist() == pytest.approx([expected] * 2)


def test_below_its_capacity_the_divergence_is_raised(context):
    divergence = torch.tensor([[1.0, 2.0]], requires_grad=True)
    kl(answer(divergence), IMAGES[:1], context, capacity=10.0).sum().backward()
    assert divergence.grad.tolist() == [[-1, -1]]


def test_a_rise_without_a_capacity_is_refused(context):
    with pytest.raises(OptionError, match=r"did you mean kl\(warmup=9\)\?"):
        kl(answer(torch.ones(2, 3)), IMAGES[:2], context, rise=9)
