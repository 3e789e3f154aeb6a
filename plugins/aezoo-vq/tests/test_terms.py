"""Terms and metrics of codes, against closed forms."""

import math

import pytest
import torch

import aezoo
from aezoo import Batch, Latent, Output
from aezoo.losses.context import Context, alone
from aezoo_vq import metrics, terms


def output(codes=None, **named):
    return Output(torch.zeros(2, 1, 1, 1), None, Latent(torch.zeros(2, 1), codes=codes, terms=named))


def value(term, answer, gather=alone, **options):
    context = Context(model=None, batch=Batch(answer.reconstruction), gather=gather)
    return term(answer, answer.reconstruction, context, **options)


@pytest.mark.parametrize("name", ["commitment", "codebook"])
def test_errors_are_summed_over_positions_and_channels(name):
    errors = torch.rand(2, 3, 4, 5)
    expected = errors.sum((1, 2, 3))
    torch.testing.assert_close(value(getattr(terms, name), output(**{name: errors})), expected)


def test_entropy_is_that_of_the_softened_codes():
    logits = torch.randn(2, 3, 4)
    bits = torch.tensor([[code >> bit & 1 for bit in range(3)] for code in range(8)])
    choice = torch.distributions.Bernoulli(logits=logits.mT[:, :, None]).log_prob(bits.float()).sum(-1).exp()
    sure = torch.distributions.Categorical(choice).entropy().sum(1)
    spread = torch.distributions.Bernoulli(logits.sigmoid().mean((0, 2))).entropy().sum()
    found = value(terms.entropy, output(bit_logits=logits), gamma=0.3)
    torch.testing.assert_close(found, sure - 0.3 * 4 * spread)


def test_entropy_is_of_the_codes_of_all_processes():
    logits = torch.randn(4, 3, 5)
    halves = [part.sigmoid().mean(2) for part in logits.split(2)]
    whole = value(terms.entropy, output(bit_logits=logits))
    found = value(terms.entropy, output(bit_logits=logits[:2]), gather=lambda mine: torch.cat([mine, halves[1]]))
    torch.testing.assert_close(found, whole[:2])


def test_entropy_is_least_where_choices_are_sure_and_even():
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]]).repeat(2, 1, 1).requires_grad_()
    found = value(terms.entropy, output(bit_logits=logits))
    torch.testing.assert_close(found, torch.full((2,), -2 * 2 * math.log(2)))
    found.sum().backward()
    assert logits.grad.isfinite().all()


def test_usage_and_perplexity():
    model = aezoo.create("cis680-vae16", encoder="mlp", decoder="mlp", bottleneck="vq(codebook_size=8)")
    usage, perplexity = metrics.Usage(), metrics.Perplexity()
    for metric in (usage, perplexity):
        for codes in ([0, 0, 5], [1]):
            metric.update(torch.tensor(codes), model)
    assert usage.compute() == 3 / 8
    assert perplexity.compute() == pytest.approx(math.exp(-(0.5 * math.log(0.5) + 0.5 * math.log(0.25))))


def test_several_codebooks_are_averaged():
    model = aezoo.create(
        "cis680-vae16", encoder="mlp", decoder="mlp", bottleneck="residual-vq(codebook_size=4, num_quantizers=2)"
    )
    usage, perplexity = metrics.Usage(), metrics.Perplexity()
    for metric in (usage, perplexity):
        metric.update(torch.tensor([[0, 2], [1, 2], [2, 2], [3, 2]]), model)
    assert usage.compute() == (1 + 0.25) / 2
    assert perplexity.compute() == pytest.approx((4 + 1) / 2)
