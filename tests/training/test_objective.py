import dataclasses

import pytest
import torch

import aezoo
from aezoo.errors import CompositionError, OptionError, UnknownNameError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.training.objective import Objective, read_loss

from .conftest import small


def context(model, batch, step=0):
    return Context(model=model, batch=batch, step=step, steps=10, dataset_size=4, training=True)


def answer(objective, step=0):
    batch = Batch(torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    return objective(batch, context(objective.model, batch, step))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(small()).eval()


def test_loss_is_the_weighted_sum_of_the_means(model):
    total, terms, _ = answer(Objective(model, "0.5*bce + 3*kl + l1"))
    assert total.item() == pytest.approx((0.5 * terms["bce"] + 3 * terms["kl"] + terms["l1"]).item())


def test_terms_are_sums_over_pixels_and_means_over_images(model):
    objective = Objective(model, "l2")
    images = torch.rand(4, 1, 28, 28)
    _, terms, output = objective(Batch(images), context(model, Batch(images)))
    expected = (output.reconstruction - images).square().sum() / 4
    assert terms["l2"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_term_without_weight_is_logged(model):
    loss, terms, _ = answer(Objective(model, "bce + 0*l1"))
    assert terms["l1"] > 0
    assert loss == terms["bce"]
    assert not any(value.requires_grad for value in terms.values())


def test_kl_warms_up_and_the_rest_does_not(model):
    objective = Objective(model, "bce + 2*kl(warmup=4)")
    for step, share in ((0, 0.25), (2, 0.75), (3, 1.0), (9, 1.0)):
        total, terms, _ = answer(objective, step)
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


def test_a_term_begins_late_and_rises_slowly(site, model):
    options = "options=(aezoo.specs.START, aezoo.specs.WARMUP)"
    site.install("late", f'LossSpec(name="late", summary="Late", implementation="math:exp", {options})')
    (addend,) = read_loss("2*late(start=10, warmup=4)", frozenset(), "m")
    with pytest.raises(CompositionError, match="no term begins at step 0"):
        Objective(model, "late(start=10)")
    assert [addend.weight_at(step) for step in (9, 10, 11, 13, 99)] == [0, 0.5, 1, 2, 2]


class Frozen(torch.nn.Module):
    """A term with a network of which nothing is trained, one that is trained, statistics and a counter."""

    def __init__(self, image):
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)).requires_grad_(False)
        self.head = torch.nn.Linear(image.channels, 2)
        self.norm = torch.nn.BatchNorm1d(image.channels, affine=False)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, output, images, context):
        return self.head(self.norm(images.mean((2, 3)))).sum(1)


def test_frozen_networks_of_terms_are_not_saved(site, model):
    site.install("frozen", 'LossSpec(name="frozen", summary="Frozen", implementation="frozen_parts:Frozen")')
    (site.path / "frozen_parts.py").write_text(f"from {__name__} import Frozen\n")
    objective = Objective(model, "bce + frozen")
    kept = {name for name in objective.state_dict() if not name.startswith("model.")}
    term = "modules_of_terms.frozen"
    statistics = {f"norm.{name}" for name, _ in torch.nn.BatchNorm1d(1).named_buffers()}
    assert kept == {f"{term}.{name}" for name in {"head.weight", "head.bias", "seen", *statistics}}
    Objective(model, "bce + frozen").load_state_dict(objective.state_dict())
    with pytest.raises(RuntimeError, match=r"head\.bias"):
        objective.load_state_dict({k: v for k, v in objective.state_dict().items() if k != f"{term}.head.bias"})


def test_frozen_networks_of_terms_stay_in_eval(site, model):
    site.install("frozen", 'LossSpec(name="frozen", summary="Frozen", implementation="frozen_parts:Frozen")')
    (site.path / "frozen_parts.py").write_text(f"from {__name__} import Frozen\n")
    term = Objective(model, "bce + frozen").train().terms["frozen"]
    assert (term.training, term.head.training, term.norm.training) == (True, True, True)
    assert not any(module.training for module in term.network.modules())


def test_numbers_are_float32_under_autocast(site, model):
    # Two neighbours of bfloat16, which has no number for their mean.
    site.install("half", 'LossSpec(name="half", summary="Half", implementation="half_parts:half")')
    (site.path / "half_parts.py").write_text(
        "import torch\ndef half(output, images, context): return torch.tensor([1.0, 1.0078125]).bfloat16()\n"
    )
    _, terms, _ = answer(Objective(model, "bce + half"))
    assert (terms["half"].dtype, terms["half"].item()) == (torch.float32, 1.00390625)


def test_a_term_may_need_labels_which_images_may_lack(site, train, recipe):
    site.install("labelled", 'LossSpec(name="labelled", summary="", implementation="terms:term", needs=("labels",))')
    (site.path / "terms.py").write_text("def term(output, images, context): return context.batch.labels.float()\n")
    objective = Objective(build(small()), "l2 + labelled")
    batch = Batch(torch.rand(2, 1, 28, 28), labels=torch.tensor([2, 4]))
    objective.check(batch)
    assert objective(batch, context(objective.model, batch))[1]["labelled"].item() == 3
    with pytest.raises(CompositionError, match="labelled needs labels, which these images do not have"):
        train(dataclasses.replace(recipe, loss="l2 + labelled"))
