"""What is measured at a point of the curves, and what a term is told there."""

import dataclasses

import pytest
import torch

from aezoo.errors import AezooWarning, TrainingError
from aezoo.factory import build
from aezoo.training.curves import Curves
from aezoo.training.data import load_splits
from aezoo.training.objective import Objective

from .conftest import TOY, small

SEEN = []


def spy(output, images, context):
    SEEN.append((context.model, context.training, len(images), context.gather(images) is images))
    return images.flatten(1).mean(1)


def coupled(output, images, context):
    """Of the set, not of a batch: how many images it sees, and how far their samples are from the mean."""
    SEEN.append((output.latent.z - output.latent.mean).abs().mean().item())
    return torch.full((len(images),), float(len(images)))


def wrong(output, images, context):
    return images.mean()


def ruins(output, images, context):
    values = images.flatten(1).mean(1)
    images.zero_()
    output.reconstruction.zero_()
    return values


def told(output, images, context):
    SEEN.append((context.dataset_size, torch.rand((), generator=context.generator).item()))
    return images.flatten(1).mean(1)


def breaks(output, images, context):
    raise ZeroDivisionError("by nought")


def fails(measured):
    raise ZeroDivisionError("by nought")


@pytest.fixture
def curves(site):
    SEEN.clear()
    specs = [
        f'LossSpec(name="{name}", summary="", implementation="terms:{name}", coupled={name == "coupled"})'
        for name in ("breaks", "coupled", "ruins", "spy", "told", "wrong")
    ]
    site.install("terms-of-a-test", *specs, 'MetricSpec(name="fails", summary="", implementation="terms:fails")')
    (site.path / "terms.py").write_text(f"from {__name__} import breaks, coupled, ruins, spy, told, wrong, fails\n")

    def make(loss, **changes):
        recipe = dataclasses.replace(TOY, **changes)
        model = build(small())
        return Curves(model, Objective(model, loss), load_splits(recipe, model.image), recipe), model

    return make


def test_a_term_is_told_that_it_is_measured_and_of_which_model(curves):
    points, model = curves("bce + spy")
    average = build(model.spec)  # as an average of the weights is
    points.point(average, 3)
    assert {(id(model), training, alone) for model, training, _, alone in SEEN} == {(id(average), False, True)}


def test_what_a_stranger_s_term_writes_into_changes_no_other_number(curves):
    points, model = curves("ruins + bce")
    spoilt = points.point(model, 0)[0]
    plain = Curves(model, Objective(model, "bce"), load_splits(TOY, model.image), TOY).point(model, 0)[0]
    assert {name: spoilt[name] for name in plain if name != "loss"} == {k: v for k, v in plain.items() if k != "loss"}


class Lazy(torch.nn.Module):
    """Makes a window when it is first asked, and keeps it."""

    window = None

    def forward(self, output, images, context):
        if self.window is None:
            self.window = torch.ones(28, 28).mul(0.5)
        return (self.window * output.reconstruction).flatten(1).sum(1)


def test_what_a_term_keeps_from_a_measurement_is_trained_with(site, train, recipe):
    site.install("lazy", 'LossSpec(name="lazy", summary="", implementation="terms:Lazy")')
    (site.path / "terms.py").write_text(f"from {__name__} import Lazy\n")
    _, progress = train(dataclasses.replace(recipe, loss="l2 + lazy", steps=2))
    assert progress.done == 2


def test_a_term_that_couples_images_sees_all_of_them(curves, monkeypatch):
    points, model = curves("bce + coupled", dataset="toyfaces(count=300, size=28)")  # more than a batch
    assert {entry["split"]: entry["coupled"] for entry in points.point(model, 0)} == {"train": 300, "test": 300}
    assert min(SEEN) > 0.1


def test_a_term_that_fails_is_that_of_its_package(curves):
    points, model = curves("bce + wrong")
    with (
        pytest.warns(AezooWarning, match=r"'loss/wrong' of terms-of-a-test is left out: it gives \(\)"),
        pytest.raises(TrainingError, match="'wrong' cannot be measured"),
    ):
        points.point(model, 0)


def test_a_plugin_s_metric_changes_nobody_s_columns_and_costs_its_own_row(curves):
    points, model = curves("bce + kl")
    plain = points.point(model, 0)
    asked, _ = curves("bce + kl", metrics=("fails",))
    with pytest.warns(AezooWarning, match="'fails' of terms-of-a-test is left out: ZeroDivisionError: by nought"):
        assert asked.point(model, 0) == plain
    assert "fails" not in plain[0]


def test_the_loss_is_the_weighted_sum_of_the_terms(curves):
    points, model = curves("2*bce + 0.5*kl(warmup=100)")
    for entry in points.point(model, 0):
        assert entry["loss"] == pytest.approx(2 * entry["bce"] + 0.5 * entry["kl"], rel=1e-6)


def test_every_batch_draws_its_own_numbers_and_knows_the_training_set(curves):
    points, model = curves("bce + told", dataset="toyfaces(count=300, size=28)")
    points.point(model, 0)
    assert [size for size, _ in SEEN] == [300] * 4  # two batches of each split
    assert SEEN[0][1] != SEEN[1][1]
    first = list(SEEN)
    SEEN.clear()
    points.point(model, 5)
    assert first == SEEN


def test_at_most_so_many_images_and_always_the_same(curves):
    drawn = [curves("bce", dataset="toyfaces(count=600, size=28)")[0].images["train"].index for _ in range(2)]
    assert torch.equal(*drawn)
    assert len(drawn[0].unique()) == 512


def test_a_term_that_cannot_be_measured_ends_the_run(curves):
    points, model = curves("bce + breaks")
    says = "the loss term 'breaks' cannot be measured on the train images"
    with pytest.warns(AezooWarning, match="by nought"), pytest.raises(TrainingError, match=says):
        points.point(model, 0)


def test_the_raw_quantity_is_reported_and_the_term_is_part_of_the_loss(curves):
    points, model = curves("bce + kl(free_bits=9)")
    for entry in points.point(model, 0):
        assert entry["loss"] - entry["bce"] == pytest.approx(8 * 9, rel=1e-4)
        assert entry["kl"] < 9


def test_terms_are_measured_in_eval_and_go_on_in_training(curves):
    points, model = curves("bce + kl")
    modules = points.objective.train().modules_of_terms
    modules["probe"] = torch.nn.Identity()
    modules["frozen"] = torch.nn.Identity().eval()
    points.point(model, 0)
    assert (modules.training, modules["probe"].training, modules["frozen"].training) == (True, True, False)


@pytest.mark.parametrize(("adaptive", "share"), [(True, 0.0), (False, 0.5)])
def test_a_weight_that_follows_gradients_is_no_part_of_the_loss_that_is_measured(adaptive, share):
    network = "conv(layers=('3x3x4 s2',), norm='none')"
    model = build(small(encoder=network, bottleneck="gaussian(dim=2, spatial=True)"))
    loss = f'l2 + 0.5*alignment(network="{network}", distance_margin=0.0, adaptive={adaptive})'
    for entry in Curves(model, Objective(model, loss), load_splits(TOY, model.image), TOY).point(model, 0):
        assert entry["alignment"] > 0
        assert entry["loss"] == pytest.approx(entry["l2"] + share * entry["alignment"])
