"""Known answers: statistics of all features seen, their way back, and an encoder that nothing moves."""

import pytest
import torch

import aezoo
from aezoo.latent import Batch
from aezoo.losses.context import alone
from aezoo.training.objective import Objective
from aezoo_mae.bottlenecks import NormalisedBottleneck


def trained(parts, shape):
    torch.manual_seed(0)
    bottleneck = NormalisedBottleneck(shape).train()
    for features in parts:
        bottleneck(features)
        bottleneck.step(alone)
    return bottleneck.eval()


@pytest.mark.parametrize("shape", [(3, 2, 5), (6,)])
def test_features_are_at_mean_zero_and_deviation_one_and_go_back(shape):
    torch.manual_seed(0)
    spread = torch.tensor([0.1, 1, 30.0] if len(shape) == 3 else [0.1, 1, 30.0, 2, 3, 4])
    spread = spread.view(-1, *[1] * (len(shape) - 1))
    features = spread * torch.randn(60, *shape) + 5 * spread + 7
    bottleneck = trained(features.split([10, 20, 30]), shape)  # in unequal steps
    z = bottleneck(features).z
    axes = (0, 2, 3) if len(shape) == 3 else 0
    torch.testing.assert_close(z.mean(axes), torch.zeros(len(spread)), rtol=0, atol=1e-4)
    torch.testing.assert_close(z.var(axes, unbiased=False), torch.ones(len(spread)), rtol=1e-3, atol=0)
    torch.testing.assert_close(bottleneck.features(z), features, rtol=1e-5, atol=1e-5)


def test_before_the_first_step_features_are_as_they_are():
    features = torch.randn(4, 3, 2, 2)
    torch.testing.assert_close(NormalisedBottleneck((3, 2, 2)).eval()(features).z, features)


def test_a_step_that_saw_nothing_moves_nothing():
    features = 3 + torch.randn(40, 3, 2, 2)
    fresh, moved = trained([], (3, 2, 2)), trained([features], (3, 2, 2))
    for bottleneck in (fresh, moved):
        before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
        assert set(before) == {"count", "center", "variance"}
        bottleneck.step(alone)
        assert all(value.equal(before[name]) for name, value in bottleneck.state_dict().items())


def test_noise_is_of_each_image_and_of_training_alone():
    """Its mean square is E[s^2] = 0.25; of one image all of it has one deviation."""
    torch.manual_seed(0)
    bottleneck = NormalisedBottleneck((64, 4, 4), noise=0.5)
    latent = bottleneck.eval()(torch.zeros(2000, 64, 4, 4))
    power = bottleneck.draw(latent).z.square().mean((1, 2, 3))
    assert power.mean().item() == pytest.approx(0.25, rel=0.1)
    assert power.std().item() == pytest.approx(0.25 * 2**0.5, rel=0.2)  # of a squared normal number
    assert not latent.z.any()


def test_no_gradient_reaches_the_encoder(tmp_path):
    """A masked autoencoder's encoder with a decoder of its own: the weights begin where that ended."""
    vit = "vit(patch=8, dim=8, depth=1, heads=2)"
    how = {"image_size": 32, "steps": 2, "evaluate_every": 2, "batch_size": 4, "device": "cpu", "precision": "float32"}
    data, small = "toyfaces(style='colour', count=8, test_count=4, size=32)", "vit(dim=8, depth=1, heads=2)"
    first = aezoo.train("mae-tiny", data, encoder=vit, decoder=small, out=tmp_path / "mae", **how)
    second = aezoo.train(
        "mae-tiny", data, encoder=vit, bottleneck="normalised", decoder="vit(dim=12, depth=1, heads=2)", loss="l1",
        freeze=("encoder",), begin_with=f"local-dir:{tmp_path / 'mae'}", out=tmp_path / "rae", **how,
    )  # fmt: skip
    before, after = first.model.encoder.state_dict(), second.model.encoder.state_dict()
    assert all(tensor.equal(after[name]) for name, tensor in before.items())
    assert second.model.bottleneck.count.any()
    objective = Objective(second.model.freeze("encoder"), "l1").train()
    objective(Batch(torch.rand(2, 3, 32, 32)))[0].backward()
    assert all(parameter.grad is None for parameter in second.model.encoder.parameters())
    assert all(parameter.grad.any() for parameter in second.model.decoder.parameters())
