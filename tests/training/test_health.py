"""What looks wrong of a run, and what does not."""

import pytest
import torch

from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.training.health import diagnose, turned

from .conftest import small


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(small()).eval()


@pytest.fixture
def batch():
    return Batch(torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0)))


def test_a_decoder_that_gives_one_picture_is_dead(model, batch):
    for weights in model.decoder.parameters():
        weights.data.mul_(3)
    assert "dead" not in diagnose(model, batch, 5.0)
    for weights in model.decoder.parameters():
        weights.data.zero_()
    assert "dead" in diagnose(model, batch, 5.0)


def test_a_divergence_may_be_too_small_or_too_large(model, batch):
    kinds = [{*diagnose(model, batch, kl)} & {"collapsed", "exploding"} for kl in (0.01, 5.0, 801.0)]
    assert kinds == [{"collapsed"}, set(), {"exploding"}]  # of eight dimensions


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ((3, 1, 1.5, 2), {"turned"}),
        ((3, 2, 1), set()),
        ((3, 1, 1.001, 1.002), set()),
        ((3, 2, 1, 1.5), set()),
        ((1, 2), set()),
    ],
)
def test_a_validation_loss_that_has_turned(losses, found):
    history = [{"split": "validation", "step": step, "loss": loss} for step, loss in enumerate(losses)]
    assert {*turned(history)} == found
