import dataclasses

import pytest

import aezoo
from aezoo.composition import resolve
from aezoo.recipe import OF_MODEL, Recipe
from aezoo.training.choice import choose_recipe


def tag(name):
    model, _, tag = name.partition(".")
    return aezoo.plugins.registry().find("model", model).spec.tag(tag).recipe


@pytest.mark.parametrize("data", ["", "celeba", "celeba/"])
def test_a_tag_on_its_own_images_keeps_its_recipe_whole(data):
    choice = choose_recipe(resolve("cis680-vae512"), data)
    assert (choice.recipe, choice.whole) == (tag("cis680-vae512.celeba"), None)


def test_images_of_another_tag_are_trained_by_that_tag_s_recipe():
    choice = choose_recipe(resolve("cis680-vae16"), "toyfaces")
    assert (choice.recipe, choice.origin, choice.whole) == (tag("cis680-vae16.toyfaces"), "cis680-vae16.toyfaces", None)
    named = choose_recipe(resolve("cis680-vae16.cufs"), "toyfaces", tagged=True)
    assert (named.origin, named.whole) == ("cis680-vae16.cufs", tag("cis680-vae16.cufs"))


def test_a_tag_of_images_of_another_size_is_asked_for_by_its_name():
    data = tag("kl-f8-tiny.toyfaces128").dataset
    assert choose_recipe(resolve("kl-f8-tiny"), data).origin == "kl-f8-tiny.celeba"
    assert choose_recipe(resolve("kl-f8-tiny.toyfaces128"), data).origin == "kl-f8-tiny.toyfaces128"


def test_on_other_images_what_belongs_to_the_model_stays_alone():
    choice = choose_recipe(resolve("cis680-vae512"), "./photos")
    assert choice.recipe == Recipe(dataset="./photos", schedule="cosine", ema=0.999, warmup=100)
    assert choice.kept() == {"schedule": "cosine", "ema": 0.999, "warmup": 100}
    left = {"mirror": True, "validation": 0.05, "steps": 35_000, "evaluate_every": 1000, "keep": "best"}
    assert choice.left() == left


def test_every_field_of_the_model_is_taken_over():
    other = {"loss": "l2", "batch_size": 8, "accumulate": 2, "optimizer": "adamw", "lr": 0.1, "betas": (0.9, 0.99)}
    other |= {"weight_decay": 0.1, "schedule": "linear", "clip_norm": 1.0, "ema": 0.9, "precision": "float32"}
    other |= {"compile": True, "seed": 3, "metrics": ("ssim",), "decay_milestones": (0.5,), "decay_rate": 0.2}
    assert other.keys() == set(OF_MODEL) <= {field.name for field in dataclasses.fields(Recipe)}
    data = {"binarize": "static", "mirror": True, "validation": 0.1, "patience": 3, "keep": "best", "reaches": "much"}
    assert Recipe(**other, **data).for_images("mine") == Recipe(**other, dataset="mine")
