import json
import math

import pytest

from aezoo.errors import AezooError, DataError, OptionError
from aezoo.plain import Component, ImageSpec, Option, from_json, plain, to_json
from aezoo.plugins import registry
from aezoo.recipe import Recipe, Tag
from aezoo.specs import SPECS, DatasetSpec, EncoderSpec, LossSpec, MetricSpec, ModelSpec

NESTED = []
for _ in range(200):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("kind", "bounds", "good", "bad"),
    [
        ("int", {"low": 1, "high": 8}, [1, 8], [0, 9, True, 1.0, "1", None, (1,), math.nan]),
        ("int", {}, [0, -1, 10**400], [1.5, False]),
        ("float", {"low": 0.0}, [0, 0.5, 10**20], [-0.1, math.nan, math.inf, True, "1", (0.5,), 10**400]),
        ("bool", {}, [True, False], [0, 1, "True", None]),
        ("str", {"choices": ("a", "b")}, ["a"], ["c", "", 1, None, ("a",)]),
        ("ints", {"low": 1}, [(1, 2), (3,)], [(), 1, (0,), (1, True), (1.5,), ((1,),), "12", None]),
        ("floats", {"high": 1.0}, [(0.5, 1)], [(0.5, math.nan), (2.0,), 0.5]),
        ("strs", {}, [("a", "b"), ()], ["ab", ("a", 1), (("a",),)]),
    ],
)
def test_an_option_takes_its_type_within_its_bounds(kind, bounds, good, bad):
    defaults = {"int": 1, "float": 0.0, "bool": False, "str": "a", "ints": (1,), "floats": (0.0,), "strs": ()}
    option = Option(name="x", type=kind, default=defaults[kind], **bounds)
    for value in good:
        assert option.check(value, "encoder e") == value
    for value in bad:
        with pytest.raises(OptionError, match=r"^encoder e: x"):
            option.check(value, "encoder e")


def test_an_option_without_a_default_takes_none():
    assert Option(name="x", type="int").check(None, "e") is None


def test_a_whole_number_given_for_a_number_becomes_one():
    assert type(Option(name="x", type="float", default=0.5).check(1, "e")) is float


@pytest.mark.parametrize(
    "declared", [{"type": "number"}, {"type": "int", "default": "x"}, {"type": "int", "default": 0, "low": 1}]
)
def test_an_option_that_contradicts_itself_cannot_be_declared(declared):
    with pytest.raises(OptionError):
        Option(name="x", **declared)


def test_an_undeclared_option_names_the_near_ones():
    spec = EncoderSpec(name="e", summary="", options=(Option(name="depth", type="int", default=1),))
    with pytest.raises(OptionError, match=r"encoder e has no option 'dpeth' \(near: depth\)"):
        spec.check({"dpeth": 1})
    with pytest.raises(OptionError, match="it has none"):
        EncoderSpec(name="e", summary="").check({"x": 1})
    assert spec.check({}) == {"depth": 1}


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "a.b", "-a", "a--b", "a\n", "a:b", "a:*:*", "é", "__class__"])
def test_names_that_a_spec_may_not_have(name):
    with pytest.raises(OptionError, match="is no name"):
        EncoderSpec(name=name, summary="")


@pytest.mark.parametrize("kind", [LossSpec, MetricSpec])
@pytest.mark.parametrize("name", ["loss", "step", "split", "lr"])
def test_what_the_log_says_is_no_name_of_a_term_or_metric(kind, name):
    with pytest.raises(OptionError, match=f"cannot be called '{name}'"):
        kind(name=name, summary="")


@pytest.mark.parametrize("revision", [0, -1, True, 1.0, "1"])
def test_the_revision_of_a_metric_counts_from_one(revision):
    with pytest.raises(OptionError, match="its revision is a whole number from 1"):
        MetricSpec(name="m", summary="", revision=revision)


@pytest.mark.parametrize("reference", ["os", "os:", ":x", "os.system()", "os:system()", "a:b.c", "a b:c", "../a:b"])
def test_implementations_are_module_and_attribute(reference):
    for spec, item in ((EncoderSpec, "implementation"), (DatasetSpec, "terms")):
        with pytest.raises(OptionError, match="module:attribute"):
            spec(name="e", summary="", **{item: reference})


@pytest.mark.parametrize("declared", [{"name": "f:*"}, {"name": "f", "members": "a:b"}])
def test_a_family_says_where_its_members_are(declared):
    with pytest.raises(OptionError, match="family"):
        EncoderSpec(summary="", **declared)


@pytest.mark.parametrize(
    ("size", "channels"),
    [
        (0, 1),
        (-8, 1),
        (8, 0),
        (True, 1),
        (8, True),
        (8.0, 1),
        ("8", 1),
        ((8,), 1),
        ((8, 8, 8), 1),
        ((8, 0), 1),
        (8, "1"),
    ],
)
def test_image_sizes_that_are_none(size, channels):
    with pytest.raises(OptionError, match="image"):
        ImageSpec.of(size, channels)


def test_image_sizes_are_a_number_or_a_pair():
    assert ImageSpec.of(8, 1) == ImageSpec.of([8, 8], 1) == ImageSpec((8, 8), 1)
    assert ImageSpec.of((8, 6), 3).shape == (3, 8, 6)
    assert str(ImageSpec((8, 6), 3)) == "8x6x3"


def test_plain_values():
    assert plain([1, (2.5, ["a", None]), True]) == (1, (2.5, ("a", None)), True)
    for value in ({}, {1}, b"x", 1j, object(), [{}]):
        with pytest.raises(OptionError, match="plain value"):
            plain(value)


def test_a_component_is_written_as_it_is_read():
    component = Component.of("conv", layers=["a"], norm="none", name="x")
    assert str(component) == "conv(layers=('a',), norm='none', name='x')"
    assert str(component.replace(norm="batch", name=None)) == "conv(layers=('a',), norm='batch', name=None)"
    assert hash(component) == hash(Component.of("conv", layers=("a",), norm="none", name="x"))


@pytest.mark.parametrize("entry", registry().entries(), ids=lambda entry: f"{entry.spec.kind}-{entry.qualified_name}")
def test_every_registered_spec_survives_json(entry):
    text = json.dumps(to_json(entry.spec), allow_nan=False)
    assert from_json(type(entry.spec), json.loads(text)) == entry.spec


def test_tags():
    tags = (Tag(name="a", recipe=Recipe()), Tag(name="b", recipe=Recipe(steps=2)))
    spec = ModelSpec(name="m", summary="", image=ImageSpec((8, 8)), tags=tags, default_tag="a")
    assert spec.tag("").name == "a"
    assert spec.tag("b").recipe.steps == 2
    with pytest.raises(OptionError, match="no tag 'c'; it has: "):
        spec.tag("c")
    with pytest.raises(OptionError, match=r"its image is an aezoo\.ImageSpec, not 128"):
        Tag(name="a", recipe=Recipe(), image=128)
    for wrong in ({"tags": (*tags, tags[0])}, {"tags": tags, "default_tag": "c"}):
        with pytest.raises(OptionError, match="tags"):
            ModelSpec(name="m", summary="", image=ImageSpec((8, 8)), **wrong)


@pytest.mark.parametrize("junk", [None, True, 0, 10**400, 1.5, math.nan, "x", "\ud800", [], [[]], {}, {"a": 1}, NESTED])
@pytest.mark.parametrize("cls", [*SPECS.values(), Option, Component, ImageSpec, Recipe, Tag])
def test_junk_is_no_spec(cls, junk):
    if cls is Recipe and junk == {}:
        return  # all of it has defaults
    with pytest.raises(AezooError) as raised:
        from_json(cls, junk)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "junk", [None, True, -1, 10**400, math.nan, "../x", "a b", [], [1, "x", None], {}, {"name": 1}]
)
@pytest.mark.parametrize("key", list(to_json(ModelSpec(name="m", summary="", image=ImageSpec((8, 8))))))
def test_one_wrong_value_in_a_model_is_an_error_of_ours(tiny, key, junk):
    data = {**to_json(tiny), key: junk}
    try:
        spec = from_json(ModelSpec, data)
    except AezooError:
        return
    assert from_json(ModelSpec, to_json(spec)) == spec


def test_unknown_keys_are_named():
    with pytest.raises(DataError, match=r"no ModelSpec: unknown keys \['colour'\]"):
        from_json(ModelSpec, {"name": "m", "summary": "", "colour": 1})
    with pytest.raises(DataError, match="no component"):
        from_json(Component, {"name": "conv", "options": {}, "module": "os"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderSpec(name=3, summary=""), "encoder: its name is text, not 3"),
        (lambda: EncoderSpec(name="x", summary="", implementation=None), "its implementation is text, not None"),
        (lambda: EncoderSpec(name="x", summary="", options=3), "encoder x: its options are a tuple of Option, not 3"),
        (lambda: ModelSpec(name="x", summary="", image=(8, 8)), r"its image is an aezoo.ImageSpec, not \(8, 8\)"),
        (lambda: ModelSpec(name="x", summary="", image=ImageSpec((8, 8)), tags=("a",)), "tags are a tuple of"),
        (lambda: ImageSpec(64), "image 64 with 1 channels: height, width and channels are whole numbers >= 1"),
        (lambda: Component(3), "no component 3 with"),
        (lambda: Component("x", {"a": 1}), "no component 'x' with"),
        (lambda: Option(name="x", type=[]), r"its type \[\] is not one of int, "),
        (lambda: Option(name="x", type="int", default=1, low="0"), "its bounds are numbers"),
    ],
)  # fmt: skip
def test_what_a_spec_may_not_hold(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_no_part_of_a_model_is_external_as_a_whole():
    with pytest.raises(OptionError, match="a model is read from a file, so an option alone is external"):
        EncoderSpec(name="net", summary="", implementation="m:Net", external=True)


@pytest.mark.parametrize("coupled", ["free_bits", ("freebits",), 1])
def test_a_loss_is_coupled_by_options_that_it_has(coupled):
    option = Option(name="free_bits", type="float", default=0.0)
    with pytest.raises(OptionError, match="loss x: coupled is True, False or options of its own"):
        LossSpec(name="x", summary="", implementation="x:x", options=(option,), coupled=coupled)
