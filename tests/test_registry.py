import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aezoo.embedded import list_models
from aezoo.errors import OptionError, PluginError, UnknownNameError
from aezoo.plugins import list_names, registry
from aezoo.registry import BUILTIN, Entry, Registry, canonical
from aezoo.specs import SPECS, BottleneckSpec, DecoderSpec, EncoderSpec


def entry(name, distribution=BUILTIN, cls=EncoderSpec, **more):
    if name.endswith("*"):
        more["members"] = "a:b"
    return Entry(cls(name=name, summary="", **more), distribution, "1.0")


@pytest.fixture
def encoders():
    """``conv`` is built in and of p; ``res`` of p alone; ``both`` of p and q; ``conv`` is a bottleneck of q, too."""
    entries = [entry("conv"), entry("conv", "p"), entry("res", "p"), entry("both", "p"), entry("both", "q")]
    entries += [entry("timm:*"), entry("own:*", "p"), entry("two:*", "p"), entry("two:*", "q")]
    made = Registry()
    for each in [*entries, entry("conv", "q", BottleneckSpec)]:
        made.add(each)
    return made


@pytest.mark.parametrize(
    ("name", "qualified"),
    [
        ("conv", "aezoo/conv"),
        ("aezoo/conv", "aezoo/conv"),
        ("p/conv", "p/conv"),
        ("P/conv", "p/conv"),
        ("res", "p/res"),
        ("p/both", "p/both"),
        ("q/both", "q/both"),
        ("timm:resnet18", "aezoo/timm:resnet18"),
        ("aezoo/timm:resnet18", "aezoo/timm:resnet18"),
        ("timm:vit_base_patch16_224.augreg", "aezoo/timm:vit_base_patch16_224.augreg"),
        ("timm:a/b/c:d", "aezoo/timm:a/b/c:d"),
        ("p/own:a/b", "p/own:a/b"),
        ("q/two:x", "q/two:x"),
    ],
)
def test_a_name_means_one_entry(encoders, name, qualified):
    found = encoders.find("encoder", name)
    assert found.qualified_name == qualified
    assert encoders.find("encoder", found.qualified_name) == found


@pytest.mark.parametrize(
    "name",
    ["", "convv", "p/", "/", "q/conv", "p/q/conv", "aezoo/res", "timm", "timm:", "timm:*", "aezoo/timm:*", ":x",
     "conv:x", "a\nb", "*", "con?", "conv ", "__class__", "é"],
)  # fmt: skip
def test_names_that_mean_nothing(encoders, name):
    with pytest.raises(UnknownNameError, match="no encoder ") as raised:
        encoders.find("encoder", name)
    first, *package = str(raised.value).split("\n")
    assert first.endswith("?")
    assert len(package) <= 1  # that is not installed


@pytest.mark.parametrize(("name", "choices"), [("both", "p/both or q/both"), ("two:x", "p/two:x or q/two:x")])
def test_an_ambiguous_name_lists_the_choices(encoders, name, choices):
    with pytest.raises(UnknownNameError, match=f"registered by several packages: say {choices}"):
        encoders.find("encoder", name)


def test_near_matches_are_of_the_kind_and_three(encoders):
    with pytest.raises(UnknownNameError, match=r"^no encoder 'cnov': did you mean conv, \S+ or \S+\?$"):
        encoders.find("encoder", "cnov")
    with pytest.raises(UnknownNameError, match=r"^no encoder 'p/cnov': did you mean p/conv, \S+ or \S+\?$"):
        encoders.find("encoder", "p/cnov")
    with pytest.raises(UnknownNameError, match=r"^no bottleneck 'x': did you mean conv\?$"):
        encoders.find("bottleneck", "x")
    with pytest.raises(UnknownNameError, match=r"^no decoder 'conv': none is registered$"):
        encoders.find("decoder", "conv")


@pytest.mark.parametrize("kind", [kind for kind in SPECS if kind != "weights"])
@pytest.mark.parametrize("name", ["cis680-vae61", "residual", "x" * 300, "a/b", "timm:resnet18"])
def test_an_unknown_name_of_any_kind_takes_two_lines_and_names_three(kind, name):
    if (kind, name) == ("encoder", "timm:resnet18") or any(e.name == name for e in registry().entries(kind)):
        return
    with pytest.raises(UnknownNameError) as raised:
        registry().find(kind, name)
    first, *more = str(raised.value).splitlines()
    near = re.findall(r"[^,? ]+", first.partition("did you mean ")[2].replace(" or ", ", "))  # none of no study
    assert len(near) == min(3, len(registry().entries(kind)))
    assert len(more) <= 1


def test_entries_by_pattern_and_package(encoders):
    def names(*arguments):
        return [each.qualified_name for each in encoders.entries(*arguments)]

    assert names("encoder", "conv") == ["aezoo/conv", "p/conv"]
    assert names("encoder", "q/*") == ["q/both", "q/two:*"]
    assert names("encoder", "*", "Q") == ["q/both", "q/two:*"]
    assert names("", "conv") == ["aezoo/conv", "p/conv", "q/conv"]
    assert names("encoder", "[") == names("decoder") == []


def test_plugins_are_asked_for_once_and_only_when_the_built_ins_do_not_answer():
    calls = []

    def complete():
        calls.append(1)
        made.add(entry("res", "p"))
        assert made.find("encoder", "conv"), "a plugin may look a name up while it is loaded"
        assert made.entries("encoder")

    made = Registry(complete)
    made.add(entry("conv"))
    assert made.find("encoder", "conv")
    assert not calls
    assert made.find("encoder", "res")
    assert made.entries()
    assert calls == [1]


def test_an_interrupted_load_is_taken_up_again():
    attempts = iter([KeyboardInterrupt, None])

    def complete():
        if error := next(attempts):
            raise error
        made.add(entry("res", "p"))

    made = Registry(complete)
    with pytest.raises(KeyboardInterrupt):
        made.entries()
    assert made.find("encoder", "res")


def test_a_package_that_the_name_says_and_nobody_installed():
    second = r"\nthe package some-pkg is not installed or not loaded: see 'aezoo plugins'$"
    with pytest.raises(
        UnknownNameError, match=second
    ):  # aezoo-residual, which has a residual, is not what is asked for
        registry().find("encoder", "some-pkg/residual")


def test_the_hint_follows_the_near_matches():
    made = Registry(hint=lambda kind, name: f"\nfor {kind} {name}: pip install it")
    with pytest.raises(UnknownNameError, match=r"none is registered\nfor encoder x: pip install it"):
        made.find("encoder", "p/x")


def test_loading_an_implementation():
    assert entry("e", implementation="json:dumps").load().__name__ == "dumps"
    assert entry("e", implementation="json:dumps").load("json:loads").__name__ == "loads"
    for broken in ("", "a_module_that_nobody_has:x", "json:nothing"):
        with pytest.raises(PluginError, match=r"^decoder e of p 1.0 cannot be loaded from '"):
            entry("e", "p", DecoderSpec, implementation=broken).load()


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "1 / 0", "import nothing_of_that_name"])
def test_an_implementation_that_fails_to_import(site, code):
    (site.path / "broken_part.py").write_text(code)
    with pytest.raises(PluginError, match="cannot be loaded") as raised:
        entry("e", "p", implementation="broken_part:x").load()
    assert "\n" not in str(raised.value)


def test_listing():
    assert set(list_models("cis680-*")) >= {"cis680-ae", "cis680-vae16", "cis680-vae512"}
    assert list_names("bottleneck", "gauss*") == ["gaussian"]
    with pytest.raises(UnknownNameError, match="no kind 'models': it is one of model, "):
        list_names("models")


def test_listing_tags():
    assert list_models("cis680-vae16", pretrained=True) == ["cis680-vae16.cufs", "cis680-vae16.toyfaces"]
    assert list_models("*.toyfaces", pretrained=True, dataset="cufs") == []
    assert {"cis680-vae512.celeba", "kl-f4-tiny.celeba"} <= set(list_models(dataset="celeba"))
    with pytest.raises(UnknownNameError, match="no dataset 'celebs': did you mean celeba"):
        list_models(dataset="celebs")
    assert list_models(dataset="torchvision:MNIST") == list_models(dataset="aezoo/torchvision:MNIST")
    with pytest.raises(OptionError, match="3 is no shell pattern"):
        list_models(3, pretrained=True)


def test_tags_without_weights_are_no_pretrained_models(site):
    model = 'ModelSpec(name="bare", summary="", image=aezoo.ImageSpec((8, 8)), tags=(aezoo.Tag(name="t", recipe={0}),))'
    site.install("bare", model.format('aezoo.Recipe(dataset="toyfaces(size=28)")'))
    assert list_models("bare", dataset="toyfaces") == list_models("bare", dataset="aezoo/toyfaces") == ["bare.t"]
    assert list_models("bare", pretrained=True) == []


@pytest.mark.parametrize("name", ["Foo_Bar", "foo-bar", "foo.bar", "FOO--bar", " foo_-.bar "])
def test_one_spelling_of_a_distribution(name):
    assert canonical(name) == "foo-bar"


def test_threads_that_look_at_once_all_see_what_is_there():
    calls = []

    def complete():
        calls.append(1)
        time.sleep(0.05)
        made.add(entry("late", "p"))

    made = Registry(complete)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: made.find("encoder", "late").name, range(8)))
    assert (found, calls) == (["late"] * 8, [1])
