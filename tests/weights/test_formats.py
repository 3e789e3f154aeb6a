"""Configs of format 1: the warm-up of the divergence was the recipe's."""

from aezoo.weights.formats import FORMAT_VERSION, upgraded


def old(recipe, tags=()):
    tags = [{"name": "a", "recipe": each} for each in tags]
    return {"format_version": 1, "model": {"loss": "bce + 2*kl", "tags": tags}, "training": {"recipe": recipe}}


def test_a_warm_up_becomes_that_of_the_term():
    new = upgraded(old({"kl_warmup": 5, "steps": 9}, [{"kl_warmup": 7}, {"kl_warmup": 0}]))
    assert new["format_version"] == FORMAT_VERSION
    assert new["training"]["recipe"] == {"steps": 9, "loss": "bce + 2*kl(warmup=5)"}
    assert [tag["recipe"] for tag in new["model"]["tags"]] == [{"loss": "bce + 2*kl(warmup=7)"}, {}]


def test_the_loss_of_the_recipe_goes_before_the_model_s():
    recipe = upgraded(old({"kl_warmup": 5, "loss": "l1 + kl(free_bits=0.1)"}))["training"]["recipe"]
    assert recipe == {"loss": "l1 + kl(free_bits=0.1, warmup=5)"}


def test_a_weight_keeps_its_digits():
    recipe = upgraded(old({"kl_warmup": 5, "loss": "0.000123456789*kl + 100*l1"}))["training"]["recipe"]
    assert recipe == {"loss": "0.000123456789*kl(warmup=5) + 100*l1"}


def test_without_a_recipe_and_of_today():
    assert upgraded({"format_version": 1, "model": {"loss": "bce"}})["training"] == {}
    today = {"format_version": FORMAT_VERSION, "training": {"recipe": {"kl_warmup": 3}}}
    assert upgraded(today) is today
