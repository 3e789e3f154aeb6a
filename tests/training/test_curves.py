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
    """Of the set, not of a batch: how many images it sees."""
    return torch.full((len(images),), float(len(images)))


def wrong(output, images, context):
    return images.mean()


def fails(measured):
    raise ZeroDivisionError("by nought")


@pytest.fixture
def curves(site):
    SEEN.clear()
    specs = [
        f'LossSpec(name="{name}", summary="", implementation="terms:{name}", coupled={name == "coupled"})'
        for name in ("spy", "coupled", "wrong")
    ]
    site.install("terms-of-a-test", *specs, 'MetricSpec(name="fails", summary="", implementation="terms:fails")')
    (site.path / "terms.py").write_text(f"from {__name__} import coupled, fails, spy, wrong\n")

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


def test_a_term_that_couples_images_sees_all_of_them(curves, monkeypatch):
    points, model = curves("bce + coupled", dataset="toyfaces(count=300, size=28)")  # more than a batch
    assert {entry["split"]: entry["coupled"] for entry in points.point(model, 0)} == {"train": 300, "test": 300}


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
