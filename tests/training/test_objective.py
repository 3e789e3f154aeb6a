import pytest
import torch

import aezoo
from aezoo.errors import CompositionError, OptionError, UnknownNameError
from aezoo.factory import build
from aezoo.losses.context import Context
from aezoo.training.objective import Objective, read_loss

from .conftest import small


def context(model, step=0):
    return Context(model=model, step=step, steps=10, dataset_size=4, training=True)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(small()).eval()


def test_loss_is_the_weighted_sum_of_the_means(model):
    total, terms = Objective(model, "0.5*bce + 3*kl + l1")(torch.rand(4, 1, 28, 28), context(model))
    assert total.item() == pytest.approx((0.5 * terms["bce"] + 3 * terms["kl"] + terms["l1"]).item())


def test_terms_are_sums_over_pixels_and_means_over_images(model):
    images = torch.rand(4, 1, 28, 28)
    _, terms = Objective(model, "l2")(images, context(model))
    expected = (model(images).reconstruction - images).square().sum() / 4
    assert terms["l2"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_kl_warms_up_and_the_rest_does_not(model):
    images = torch.rand(4, 1, 28, 28)
    objective = Objective(model, "bce + 2*kl", kl_warmup=4)
    for step, share in ((0, 0.25), (2, 0.75), (3, 1.0), (9, 1.0)):
        total, terms = objective(images, context(model, step))
        assert total.item() == pytest.approx((terms["bce"] + 2 * share * terms["kl"]).item())


@pytest.mark.parametrize(
    ("loss", "error", "says"),
    [
        ("bce + kl", CompositionError, "needs kl"),
        ("bce + kll", UnknownNameError, "kl"),
        ("bce(x=1)", OptionError, "no option"),
        ("bce -", OptionError, "does not parse"),
    ],
)
def test_an_impossible_loss_is_refused_before_anything_is_built(loss, error, says):
    spec = aezoo.describe("cis680-ae")
    with pytest.raises(error, match=says):
        read_loss(loss, frozenset(spec.provides), spec.name)


class Opponent(torch.nn.Module):
    """Learns to tell images from reconstructions, and gives the model their difference as its loss."""

    def __init__(self):
        super().__init__()
        self.score = torch.nn.Linear(28 * 28, 1)

    def forward(self, output, images, context):
        return -self.score(output.reconstruction.flatten(1))[:, 0]

    def opponent_loss(self, output, images, context):
        real, made = self.score(images.flatten(1))[:, 0], self.score(output.reconstruction.flatten(1))[:, 0]
        return torch.nn.functional.softplus(-real) + torch.nn.functional.softplus(made)


def test_an_opponent_has_an_optimiser_of_its_own(site, train, recipe):
    site.install("judge", 'LossSpec(name="judge", summary="An opponent", implementation="judge_parts:Opponent")')
    (site.path / "judge_parts.py").write_text(f"from {__name__} import Opponent\n")
    model = build(small())
    before = Objective(model, "bce + judge")
    assert set(before.opponents) == {"judge"}
    import dataclasses

    losses = dataclasses.replace(recipe, loss="bce + kl + 0.1*judge", steps=6)
    _, progress = train(losses)
    logged = [entry for entry in progress.history if entry["split"] == "batch"]
    assert logged[-1]["judge"] != logged[0]["judge"]
