"""Weights that are published have the numbers of their cards, and no layer of theirs can be another unnoticed."""

import math
import os
import shutil

import numpy as np
import pytest

import aezoo
from aezoo.composition import recipe_of, resolve
from aezoo.datasets.pipeline import dataset_spec, load_images
from aezoo.errors import AezooWarning
from aezoo.metrics.evaluation import evaluate
from aezoo.plugins import registry
from aezoo.recipe import Recipe
from aezoo.training import drift, evaluated
from aezoo.training.drift import TOLERANCE, Drift, drifts
from aezoo.training.evaluated import evaluate_models
from aezoo.weights.golden import golden

NAMES = [entry.name for entry in registry().entries("weights")]


def needing_data(name):
    if not dataset_spec(recipe_of(resolve(name)).dataset).redistributable and not os.environ.get("AEZOO_DATA"):
        pytest.skip("AEZOO_DATA does not say where its images are")
    return name


@pytest.mark.parametrize(
    ("card", "now", "passes"),
    [
        (2.0, 2.0001, True),
        (2.0, 2.001, False),
        (0.02, 0.02005, False),
        (0.0, 1e-7, True),
        (math.nan, math.nan, True),
        (1.0, math.nan, False),
    ],
)
def test_a_number_may_differ_by_a_ten_thousandth_of_itself(card, now, passes):
    assert Drift("test", "mse", card, now).passes == passes
    assert TOLERANCE == 1e-4


def test_a_tensor_may_differ_by_a_ten_thousandth_of_its_norm_however_it_turns():
    assert Drift("golden", "z", 2.0, 2.0, apart=1e-4).passes
    assert not Drift("golden", "z", 2.0, 2.0, apart=1.0).passes


def test_images_of_another_domain_are_said(tmp_path):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 255, (12, 64, 64), np.uint8))
    with pytest.warns(AezooWarning, match="images are not like those that cis680-vae16 was trained on"):
        evaluate_models(["cis680-vae16.toyfaces"], data=str(tmp_path / "noise.npy"), metrics=("mse",))


def test_a_folder_that_has_moved_may_be_the_training_images(tmp_path):
    for place in ("before", "after"):
        (tmp_path / place).mkdir()
        np.save(tmp_path / place / "faces.npy", np.random.default_rng(0).integers(0, 255, (40, 28, 28), np.uint8))
    parts = {"image_size": 28, "encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))"}
    run = aezoo.train("cis680-vae16", tmp_path / "before/faces.npy", steps=2, out=tmp_path / "run", **parts).folder
    shutil.rmtree(tmp_path / "before")
    with pytest.warns(AezooWarning, match="if it is the same folder, --split test is what was held out"):
        evaluate_models([str(run)], data=str(tmp_path / "after/faces.npy"), metrics=("mse",))


def test_samples_of_another_seed_are_others():
    [card], [other] = (evaluate_models(["cis680-vae16.toyfaces"], split="test", seed=seed) for seed in (0, 1))
    assert [each.metrics["protocol"]["seed"] for each in (card, other)] == [0, 1]
    assert other.metrics["test"]["mse"] == card.metrics["test"]["mse"]
    assert other.metrics["test"]["bce"] == pytest.approx(card.metrics["test"]["bce"], rel=0.01)
    assert other.metrics["test"]["bce"] != card.metrics["test"]["bce"]


def test_a_baseline_that_is_another_has_drifted(monkeypatch):
    [found] = evaluate_models(["cis680-vae16.toyfaces"], split="test")
    assert [each for each in drifts(found) if not each.passes] == []
    read = drift.read_metrics

    def edited(folder):
        card = read(folder)
        card["mean-image"]["test"]["mse"] *= 1.01
        return card

    monkeypatch.setattr(drift, "read_metrics", edited)
    assert [each.metric for each in drifts(found) if not each.passes] == ["mean-image mse"]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_the_card(name):
    [found] = evaluate_models([needing_data(name)], split="test")
    assert [each for each in drifts(found) if not each.passes] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_that_is_scaled_by_a_twentieth_shows(name):
    """In some number of 32 drawn faces or a golden tensor, whatever it was trained on; codebooks are layers too."""
    model = aezoo.create(name, pretrained=True)
    style = "colour" if model.image.channels == 3 else "shaded"
    few = load_images(f"toyfaces(style='{style}', test_count=32)", "test", model.image)
    card, known = evaluate(model, few), golden(model, few.batch(range(4)).images)
    unseen = []
    layers = {name: [weight] for name, weight in model.named_parameters() if weight.ndim > 1}
    for name, module in model.named_modules():
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        tensors = [each for each in tensors if each.is_floating_point() and each.any()]  # zero is zero, scaled
        layers |= {f"{name}.*": tensors} if name and tensors else {}
    for layer, held in layers.items():
        tensors = [tensor.data for tensor in held]
        before = [tensor.clone() for tensor in tensors]
        for tensor in tensors:
            tensor *= 1.05
        now, again = evaluate(model, few), golden(model, few.batch(range(4)).images)
        found = [Drift("test", metric, card[metric], now[metric]) for metric in card]
        found += [Drift("golden", key, *norms(known[key], again[key])) for key in known]
        if tensors and all(each.passes for each in found):
            unseen.append(layer)
        for tensor, old in zip(tensors, before, strict=True):
            tensor.copy_(old)
    assert unseen == []


def norms(then, now):
    return then.norm().item(), now.norm().item(), (now - then).norm().item()


def test_other_images_are_not_made_black_and_white_unasked(monkeypatch):
    monkeypatch.setattr(evaluated, "recipe_of", lambda source: Recipe(dataset="toyfaces", binarize="static"))
    source = resolve("cis680-vae16.toyfaces")
    kept, left = (evaluated._measured_on(source, data, None, None, ())[0] for data in (None, "toyfaces(count=20)"))
    assert (kept.binarize, left.binarize) == ("static", "")
