"""What may not be imported, each in an interpreter of its own."""

import importlib
import re
from pathlib import Path

import pytest

import aezoo

HEAVY = (
    "import sys; print([name for name in ('torch', 'torchvision', 'timm', 'huggingface_hub') if name in sys.modules])"
)


def imported(python, code, **how):
    run = python("-W", "ignore", "-c", f"{code}\n{HEAVY}", **how)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import aezoo",
        "import aezoo; aezoo.list_models(); aezoo.list_names('encoder', 'timm*')",
        "import aezoo; assert aezoo.list_models(pretrained=True, dataset='cufs')",
        "import aezoo; dir(aezoo); aezoo.__version__; aezoo.AezooError; aezoo.ModelSpec; aezoo.hookimpl",
        "from aezoo.plugins import host, registry; host().records; registry().entries()",
        "import aezoo.plugins as p, aezoo.plain as s; [s.to_json(entry.spec) for entry in p.registry().entries()]",
        "import aezoo.grammar, aezoo.files, aezoo.catalog",
        "import aezoo; assert aezoo.read_weights('aezoo.catalog')",
        "from aezoo.plugins import registry\ntry: registry().find('model', 'nobody')\nexcept Exception: pass",
    ],
)
def test_no_tensor_library(python, odd_site, code):
    assert imported(python, code) == "[]"
    assert imported(python, code, path=odd_site) == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        "list",
        "list --json",
        "list --pretrained",
        "list encoders",
        "plugins",
        "--help",
        "--version",
        "train --help",
        "info --help",
        "new-plugin --help",
    ],
)
def test_no_tensor_library_on_the_command_line(python, odd_site, arguments):
    pytest.importorskip("aezoo.cli")
    if arguments.endswith(" --help"):
        pytest.importorskip(f"aezoo.cli.{arguments.split()[0].replace('-', '_')}")
    code = "from aezoo.cli import main\ntry: main()\nexcept SystemExit as end: assert not end.code, end\n"
    run = python("-W", "ignore", "-c", f"import sys; sys.argv[1:] = {arguments.split()}\n{code}{HEAVY}", path=odd_site)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_wrong_option_is_answered_without_a_tensor_library(python):
    code = "import sys; sys.argv[1:] = ['train', '--learning-rate', '1']\nfrom aezoo.cli import main\n"
    run = python("-c", f"{code}try: main()\nexcept SystemExit: pass\n{HEAVY}")
    assert "here it is --lr" in run.stderr
    assert run.stdout.splitlines()[-1] == "[]"


def test_every_public_name_resolves():
    for name in (*aezoo.__all__, "__version__"):
        assert getattr(aezoo, name) is not None
        assert name in dir(aezoo)
    assert dir(aezoo) == sorted(dir(aezoo))


def test_the_public_names_are_those_that_the_type_checker_sees():
    seen = re.findall(r"(\w+) as \1\b", Path(aezoo.__file__).read_text(encoding="utf-8"))
    assert sorted(seen) == sorted(aezoo.__all__)
    for name, room in aezoo._HOME.items():
        assert getattr(aezoo, name) is getattr(importlib.import_module(room), name)


def test_an_unknown_attribute():
    with pytest.raises(AttributeError, match="module 'aezoo' has no attribute 'nothing'"):
        _ = aezoo.nothing
    assert not hasattr(aezoo, "__path_hooks__")
    with pytest.raises(aezoo.AezooError, match="no attribute 'create_model': did you mean create, "):
        _ = aezoo.create_model
    with pytest.raises(ImportError, match="cannot import name 'create_model'"):
        from aezoo import create_model  # noqa: F401
