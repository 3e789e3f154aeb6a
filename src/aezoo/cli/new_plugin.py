"""``aezoo new-plugin``: a small package that works, to be changed into one's own.

What is written lies in ``templates/``: ``package/`` is in every package, the other folders are each of a kind. In a
folder, ``spec.py`` is what its kind adds to the declaring module and ``use.md`` what it adds to the README; everything
else is written where it lies, ``module`` being the package's own.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

from aezoo.cli import console, options
from aezoo.errors import OptionError
from aezoo.files import write_folder
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import host, registry
from aezoo.registry import BUILTIN, canonical
from aezoo.specs import SPECS

_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LONGEST = 40  # characters of a name with which the lines that hold it keep to a formatter's 88
_SUFFIX = ".tmpl"  # so that nothing takes a template for the code of this repository
_FRAGMENTS = ("spec.py", "use.md")
_TORCH = "torch>=2.7"
_IMPORTS = {
    **dict.fromkeys(("encoder", "bottleneck", "prior", "decoder", "likelihood", "loss", "metric"), (_TORCH,)),
    "dataset": ("numpy>=1.26", _TORCH),
    "command": ("click>=8.1.8",),
}
"""What the code of a kind imports beside aezoo."""


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(tuple(SPECS)),
    multiple=True,
    required=True,
    help="What the package registers. Repeatable.",
)
@click.option("--out", type=options.Folder(), default=Path("."), help="Where its folder is made [default: here].")
def command(name: str, kinds: tuple[str, ...], out: Path) -> None:
    """Write a small package that works, NAME, which registers something of a kind.

    It has an example that is right, its tests, a README and a workflow for continuous integration. What it registers is
    called NAME without 'aezoo-'. A folder that is there is left as it is.

    \b
    aezoo new-plugin aezoo-pool --kind encoder
    aezoo new-plugin aezoo-wave --kind loss --kind metric --out ~/code
    """
    # Weights are those of a model: it comes with them.
    asked = [kind for kind in SPECS if kind in kinds or (kind == "model" and "weights" in kinds)]
    distribution = _checked(name, asked)
    folder = out / distribution
    if folder.exists():
        raise OptionError(f"{folder} is there already, and nothing is written over it: take another name or --out")
    texts = package(distribution, asked)
    with write_folder(folder) as draft:
        for path, text in texts.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8", newline="\n")
    if not distribution.startswith("aezoo-"):
        console.note(f"plugins are found more easily by a name that begins with aezoo-: aezoo-{distribution}")
    _say(folder, list(texts))


def package(distribution: str, kinds: Iterable[str]) -> dict[str, str]:
    """The files of a package, by their paths inside it.

    Args:
        distribution: its name, in the one spelling of package indexes.
        kinds: of what it registers, in the order of `SPECS`.
    """
    from aezoo import __version__

    kinds, short = list(kinds), _short(distribution)
    values = {"distribution": distribution, "name": short, "module": _module(distribution)}
    templates = files("aezoo.cli") / "templates"
    parts = {kind: dict(_templates(templates / kind)) for kind in kinds}
    specs, uses = (
        [Template(part[fragment]).substitute(values) for part in parts.values() if fragment in part]
        for fragment in _FRAGMENTS
    )
    aezoo = "aezoo>=" + ".".join(__version__.split(".")[:2])
    needed = [aezoo, *sorted({each for kind in kinds for each in _IMPORTS.get(kind, ())})]
    read = f'    yield from aezoo.read_weights("{values["module"]}")'
    words = [_article(kind) for kind in kinds if not (kind == "model" and "weights" in kinds)]
    whole = {
        **values,
        "description": f"{_listed(words)} for aezoo, the zoo of image autoencoders.".capitalize(),
        "dependencies": "\n".join(f'  "{each}",' for each in needed),
        "specs": "\n".join(specs),
        "yields": "\n".join(read if kind == "weights" else f"    yield {kind.upper()}" for kind in kinds),
        "uses": "\n".join(uses),
        "added": "\n".join(f"- The {kind} `{short}`." for kind in kinds if kind != "weights"),
    }
    written = {}
    for part in (dict(_templates(templates / "package")), *parts.values()):
        for path, text in part.items():
            if path not in _FRAGMENTS:
                path = path.replace("src/module/", f"src/{values['module']}/")
                written[path] = Template(text).substitute(whole)
    return written


def _checked(name: str, kinds: Iterable[str]) -> str:
    """The name of a distribution, in the one spelling of package indexes.

    Raises:
        OptionError: it is none, or its module or what it registers would have a name that is taken.
    """
    distribution = canonical(name)
    short, module = _short(distribution), _module(distribution)
    if not _DISTRIBUTION.fullmatch(name) or len(name) > _LONGEST:
        raise OptionError(f"{name!r} is no name of a package: up to {_LONGEST} letters, digits and '-', as aezoo-pool")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise OptionError(f"{name!r}: Python cannot import a module {module!r}; try aezoo-{short}")
    if distribution in (BUILTIN, *KNOWN_PLUGINS):
        raise OptionError(f"{name!r} is a package of aezoo's own: take another name")
    found = find_spec(module)
    plugins = [record.distribution for record in host().records]
    if module in sys.stdlib_module_names or (found and found.origin and distribution not in plugins):
        raise OptionError(f"{name!r}: there is a module {module!r} already, which it would hide; try aezoo-{short}")
    for kind in kinds:
        if kind in ("loss", "metric"):
            SPECS[kind](name=short, summary="")  # which refuses some names
        owners = {entry.distribution for entry in registry().entries(kind) if entry.name == short}
        owners |= {other for other, brings in KNOWN_PLUGINS.items() if short in brings.get(kind, ())}
        if other := min(owners - {distribution}, default=""):
            whose = "a built-in one" if other == BUILTIN else f"one of {other}"
            raise OptionError(f"{name!r}: the {kind} would be called {short!r}, as {whose}: take another name")
    return distribution


def _short(distribution: str) -> str:
    """What the thing that a package registers is called."""
    return distribution.removeprefix("aezoo-")


def _module(distribution: str) -> str:
    return distribution.replace("-", "_")


def _templates(folder: Traversable, under: str = "") -> Iterator[tuple[str, str]]:
    """The templates in a folder, each with its path without the suffix."""
    for each in sorted(folder.iterdir(), key=lambda file: file.name):
        if each.is_dir():
            yield from _templates(each, f"{under}{each.name}/")
        elif each.name.endswith(_SUFFIX):
            yield under + each.name.removesuffix(_SUFFIX), each.read_text(encoding="utf-8")


def _article(kind: str) -> str:
    return kind if kind == "weights" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _say(folder: Path, paths: list[str]) -> None:
    here = folder.as_posix() if folder.is_absolute() else f"./{folder.as_posix()}"
    console.title(str(folder), f"{len(paths)} files")
    for path in sorted(paths):
        click.echo(f"  {path}")
    console.facts((("install it", f'pip install -e "{here}[test]"'), ("test it", f'pytest "{here}"')))
