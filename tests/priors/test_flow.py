"""A flow's density integrates to one, its samples are of that density, and it learns a distribution."""

import builtins
from types import SimpleNamespace

import pytest
import torch
import zuko

from aezoo.composition import describe
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.priors.flow import KINDS, FlowPrior


def model_of(dtype):
    return SimpleNamespace(dtype=dtype, latent_mean=torch.zeros(2, dtype=dtype))


MODEL, DOUBLE = model_of(torch.float32), model_of(torch.float64)


def shaken(kind):
    """Far from its start, which is nearly the identity."""
    torch.manual_seed(0)
    prior = FlowPrior((2,), kind=kind, hidden=(16,))
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return prior.double()


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_integrates_to_one_and_has_the_samples_moments(kind):
    prior = shaken(kind)
    line = torch.linspace(-15, 15, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        density = prior.log_prob(grid, DOUBLE).exp() * (line[1] - line[0]) ** 2
        assert density.sum().item() == pytest.approx(1, abs=0.01)
        drawn = prior.sample((20_000, 2), DOUBLE, torch.Generator().manual_seed(0))
    mean = (density[:, None] * grid).sum(0)
    error = drawn.std(0) / 20_000**0.5
    assert ((drawn.mean(0) - mean).abs() < 5 * error + 0.01).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_flow_of_zuko(kind):
    prior = shaken(kind)
    made = getattr(zuko.flows, KINDS[kind])(2, transforms=3, hidden_features=(16,)).double()
    made.transform.transforms.load_state_dict(prior.transforms.state_dict())
    z = torch.randn(4, 5, 2, dtype=torch.float64)
    torch.testing.assert_close(prior.log_prob(z, DOUBLE), made().log_prob(z))


def test_it_learns_two_heaps():
    torch.manual_seed(0)
    prior = FlowPrior((1, 2), kind="nsf", hidden=(32, 32))
    optimizer = torch.optim.Adam(prior.parameters(), 5e-3)

    def draw(n):
        return (torch.randint(0, 2, (n, 1, 1)) * 4.0 - 2) + 0.3 * torch.randn(n, 1, 2)

    for _ in range(200):
        loss = -prior.log_prob(draw(256), MODEL).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # The entropy of the two heaps: ln 2 + 2 (ln 0.3 + 1/2 ln (2 pi e)) = 1.12; of one normal of their variance 3.57.
    assert loss.item() < 1.6


def test_it_trains_with_a_model():
    model = build(describe("cis680-vae16", prior="flow(hidden=(8,))")).train()
    output = model(torch.rand(3, 1, 64, 64))
    output.latent.terms["kl"].sum().backward()
    assert all(parameter.grad is not None for parameter in model.prior.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_of_half_precision(kind):
    torch.manual_seed(0)
    model = build(describe("cis680-vae16", prior=f"flow(kind={kind!r}, hidden=(8,))")).eval()
    z = torch.randn(3, 16)
    expected = model.log_prior(z)
    found = model.to(torch.bfloat16).log_prior(z)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    assert model(model.example()).latent.terms["kl"].dtype == torch.float32


def test_without_zuko_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith("zuko"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(CompositionError, match=r"pip install 'aezoo\[flows\]'"):
        FlowPrior((2,))


def test_a_latent_whose_masks_fill_the_memory_is_refused():
    with pytest.raises(CompositionError, match="a latent of 2,048 is the largest, and not of 200,000"):
        FlowPrior((200_000,))
    assert len(FlowPrior((4096,), kind="realnvp", transforms=1, hidden=(2,)).transforms) > 0


def test_coupling_needs_two_dimensions():
    with pytest.raises(CompositionError, match="none to couple"):
        FlowPrior((1,), kind="realnvp")


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_changes_no_number(kind):
    prior, z = shaken(kind).float(), torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    plain = prior.log_prob(z, MODEL), prior.sample((64, 2), MODEL, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        half = prior.log_prob(z, MODEL), prior.sample((64, 2), MODEL, torch.Generator().manual_seed(0))
    torch.testing.assert_close(half, plain, rtol=0, atol=0)
