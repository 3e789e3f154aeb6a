import dataclasses

import pytest

import aezoo
from aezoo.plain import Component
from aezoo.recipe import Recipe
from aezoo.specs import ModelSpec
from aezoo.studies.keys import _revised, key

RECIPE = Recipe(dataset="cufs", steps=1299, evaluate_every=50)


def test_it_is_what_it_always_was():
    assert key(aezoo.describe("cis680-ae"), RECIPE, (1299,)) == "8f71bf09f51d"
    assert key(aezoo.describe("cis680-vae16"), RECIPE, (1299,)) == "0277297c1f26"


def test_a_metric_that_means_something_else_counts_as_another(site):
    for name, revision in (("first", 1), ("second", 2)):
        site.install(name, f'MetricSpec(name="mine", summary="", implementation="m:M", revision={revision})')
    measured = ((), ("psnr",), ("first/mine",), ("second/mine",))
    assert len({key(aezoo.describe("cis680-ae"), RECIPE, (), measures) for measures in measured}) == 4
    assert _revised("first/mine") == "first/mine"
    assert _revised("second/mine") == "second/mine@2"


PART = 'EncoderSpec(name="mine", summary="", implementation="m:E", options=({},))'
OLD, NEW = (f'aezoo.Option(name="{name}", type="int", default=1)' for name in ("depth", "later"))


@pytest.mark.parametrize(("given", "same"), [({}, True), ({"later": 1}, True), ({"later": 2}, False)])
def test_an_option_that_came_later_counts_where_it_is_not_at_its_default(site, given, same):
    site.install("mine", PART.format(f"{OLD}, {NEW}"))
    spec = aezoo.describe("cis680-ae")
    keys = [
        key(dataclasses.replace(spec, encoder=Component.of("mine/mine", depth=1, **more)), RECIPE, ())
        for more in ({}, given)
    ]
    assert (keys[0] == keys[1]) == same


def test_an_option_of_the_first_version_counts_at_its_default(site):
    site.install("mine", PART.format(OLD))
    spec = aezoo.describe("cis680-ae")
    said, unsaid = (dataclasses.replace(spec, encoder=Component.of("mine/mine", **more)) for more in ({"depth": 1}, {}))
    assert key(said, RECIPE, ()) != key(unsaid, RECIPE, ())


MSE = Component("mse")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LaterRecipe(Recipe):
    noise: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LaterSpec(ModelSpec):
    loss_of: str = "all"
    metric: Component = MSE


def like(cls, thing, **more):
    return cls(**{field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}, **more)


def test_a_field_that_came_later_counts_where_it_is_not_at_its_default():
    spec = aezoo.describe("cis680-ae")
    first = key(spec, RECIPE, ())
    assert key(like(LaterSpec, spec), like(LaterRecipe, RECIPE), ()) == first
    assert key(like(LaterSpec, spec, metric=Component("aezoo/mse")), RECIPE, ()) == first
    assert key(like(LaterSpec, spec, metric=Component("psnr")), RECIPE, ()) != first
    assert key(like(LaterSpec, spec, loss_of="some"), RECIPE, ()) != first
    assert key(spec, like(LaterRecipe, RECIPE, noise=0.1), ()) != first
