import math
import random

import pytest

from aezoo.errors import OptionError
from aezoo.grammar import Term, parse_component, parse_loss
from aezoo.plain import Component


@pytest.mark.parametrize(
    ("text", "component"),
    [
        ("conv", Component("conv")),
        (" conv ", Component("conv")),
        ("conv()", Component("conv")),
        ("conv(norm='none', depth=3)", Component.of("conv", norm="none", depth=3)),
        (
            "conv(layers=['a)', \"(b\"], x=-1.5, y=None, z=True,)",
            Component.of("conv", layers=("a)", "(b"), x=-1.5, y=None, z=True),
        ),
        (r"conv(a='it\'s)', b='\\')", Component.of("conv", a="it's)", b="\\")),
        ("conv(\n a=1,\n b=(1, (2, 3)))", Component.of("conv", a=1, b=(1, (2, 3)))),
        ("conv(a='é漢')", Component.of("conv", a="é漢")),
        ("timm:vit_base_patch16_224.augreg", Component("timm:vit_base_patch16_224.augreg")),
        ("timm:resnet18(pretrained=True)", Component.of("timm:resnet18", pretrained=True)),
        ("aezoo-residual/residual(depth=2)", Component.of("aezoo-residual/residual", depth=2)),
        (("conv", {"norm": "none", "layers": ["a"]}), Component.of("conv", norm="none", layers=("a",))),
        (Component("conv"), Component("conv")),
    ],
)
def test_components(text, component):
    assert parse_component(text) == component
    assert parse_component(str(component)) == component


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "(", ")", "conv(", "conv)", "conv(a", "conv(a=", "conv(1)", "conv(a)", "conv(*a)", "conv(**{'a': 1})",
        "conv(a=1)(b=2)", "conv(a=1) x", "conv (a=1)", "conv(a=1 b=2)", "conv(a=(1)", "conv(a='x)", "conv(a=1))",
        "conv(a:=1)", "conv(x for x in y)", "conv(a={})", "conv(a={1})", "conv(a={[]: 1})", "conv(a={[1]})",
        "conv(a=b'x')", "conv(a=1j)", "conv(a=...)", "conv(a=f'{1}')", "conv(a=x)", "conv(a=x.y)", "conv(a=lambda: 1)",
        "conv(a=1 + 1)", "conv(a='a' * 9)", "conv(\0)", "conv(a='\ud800')", "conv\n(a=1)", ".conv", "/conv", "-conv",
        "conv(a=" + "-" * 5000 + "1)", "conv(a=" + "1+" * 900 + "1)", "conv(a=b" + ".b" * 2000 + ")",
        "conv(a=" + "(" * 5000 + ")" * 5000 + ")", "conv(a=" + "9" * 5000 + ")",
        None, 1, b"conv", [], ["conv", {}], ("conv",), ("conv", 1), (1, {}), ("conv", {1: 2}), ("conv", {"a": {}}),
    ],
)  # fmt: skip
def test_what_is_no_component(text):
    with pytest.raises(OptionError):
        parse_component(text)


def test_an_option_given_twice():
    with pytest.raises(OptionError, match="gives a twice"):
        parse_component("conv(a=1, a=2)")


@pytest.mark.parametrize(
    "code", ["__import__('os').system('touch {}')", "open({!r}, 'w')", "[open({!r}, 'w') for _ in (1,)]"]
)
def test_code_in_a_value_is_not_run(tmp_path, code):
    with pytest.raises(OptionError, match="no plain value"):
        parse_component(f"conv(a={code.format(str(tmp_path / 'ran'))})")
    assert not (tmp_path / "ran").exists()


def test_dunder_names_are_only_names():
    assert parse_component("conv(__class__=1, self=2, cls=3, name=4)").options == (
        ("__class__", 1), ("self", 2), ("cls", 3), ("name", 4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("l2", [(1, "l2")]),
        ("bce + kl", [(1, "bce"), (1, "kl")]),
        ("bce+0.5*kl", [(1, "bce"), (0.5, "kl")]),
        ("1e+3*l1", [(1000, "l1")]),
        ("1.e-3 * l1+.5*l2 + 2*kl(free_bits=0.1)", [(0.001, "l1"), (0.5, "l2"), (2, "kl(free_bits=0.1)")]),
        ("0*kl", [(0, "kl")]),
        ("0.000123456789*kl + 1234567.5*l2", [(0.000123456789, "kl"), (1234567.5, "l2")]),
        ("ms-ssim + aezoo/l1", [(1, "ms-ssim"), (1, "aezoo/l1")]),
        ("\n bce\n + kl\n", [(1, "bce"), (1, "kl")]),
    ],
)
def test_losses(text, terms):
    expected = tuple(Term(float(weight), parse_component(component)) for weight, component in terms)
    assert parse_loss(text) == expected
    assert parse_loss(" + ".join(map(str, expected))) == expected


@pytest.mark.parametrize(
    "text",
    ["", "+", "bce +", "+ bce", "bce ++ kl", "bce - kl", "-1*kl", "bce kl", "2*", "2**kl", "2*3*kl", "kl*2",
     "(bce + kl)", "é", "0.5*(bce + kl)", "nan*kl", "1e999*kl", "bce + bce",
     "kl + 2*kl(free_bits=1)", "bce(a=open('x'))", "bce;kl"],
)  # fmt: skip
def test_what_is_no_loss(text):
    with pytest.raises(OptionError):
        parse_loss(text)


@pytest.mark.parametrize("seed", range(5))
def test_random_text_parses_or_is_an_option_error(seed):
    draw = random.Random(seed)
    pieces = [
        *"()[]{}'\"\\=,.+-*/:_#\n \t\0é漢\ud800019aez",
        "conv",
        "kl",
        "True",
        "None",
        "1e9",
        "lambda:",
        "**",
        "f'",
    ]
    for _ in range(400):
        text = "".join(draw.choices(pieces, k=draw.randrange(1, 25)))
        for read in (parse_component, parse_loss, lambda text: parse_component(f"conv(a={text})")):
            try:
                result = read(text)
            except OptionError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert isinstance(result, Component) or all(math.isfinite(term.weight) for term in result)


def test_a_loss_that_is_no_text():
    with pytest.raises(OptionError, match="a loss is text"):
        parse_loss(Component("bce"))


@pytest.mark.parametrize("parse", [parse_component, parse_loss])
def test_a_request_without_end_is_not_read(parse):
    with pytest.raises(OptionError, match="has 1,000,000 characters, and 10,000 are enough") as raised:
        parse("1" * 10**6)
    assert len(str(raised.value)) < 300
