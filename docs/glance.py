"""Writes the tables of api.md from the code: ``python docs/glance.py``.

The page holds the directives of the full reference in comments, ``<!-- eval-rst ... -->``, which are not seen where
Markdown is shown as it is, and which conf.py opens for Sphinx. Above each comment stands a table of what its directives
name: a short signature and what the docstring says first.
"""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("api.md")
WIDTH = 100  # of a signature, in characters
_BLOCK = re.compile(r"(?:(?:^\|.*\n)+\n)?^<!-- eval-rst\n((?:.*\n)*?)-->$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^( *)\.\. (?:auto|(py):)\w+:: (\S+)\n((?:\n*\1 +\S.*\n)*)", re.MULTILINE)


def page(text: str) -> str:
    """The text of the page, with its tables as the code says today."""

    def block(found: re.Match[str]) -> str:
        rows = [f"| `{name}` | {says} |\n" for name, says in _table(found[1])]
        return "| name | what it is |\n|---|---|\n" + "".join(rows) + f"\n<!-- eval-rst\n{found[1]}-->"

    return _BLOCK.sub(block, text)


def _table(directives: str) -> list[tuple[str, str]]:
    """A row for each name, and below it one for each member that its directive lists."""
    rows = []
    for indent, written, name, body in _DIRECTIVE.findall(directives):
        if written:  # described on the page itself
            rows.append(("." * bool(indent) + name, _first(re.sub(r"^ *:.*\n", "", body, flags=re.MULTILINE))))
            continue
        thing = _find(name)
        rows.append((name + _signature(thing), _first(inspect.getdoc(thing))))
        if members := re.search(r":members:(.*)", body):
            for member in re.findall(r"\w+", members[1]) or _documented(thing):
                static = inspect.getattr_static(thing, member)
                signature = _signature(getattr(thing, member), bound=inspect.isfunction(static))
                rows.append((f".{member}{signature}", _first(inspect.getdoc(static))))
        rows += _table(body)
    return rows


def _find(name: str) -> Any:
    """What a dotted name stands for."""
    room, _, last = name.rpartition(".")
    return getattr(importlib.import_module(room), last)


def _documented(cls: type) -> list[str]:
    """The members that autodoc takes where none are listed: the class's own, public and with a docstring."""
    kinds = (property, classmethod, staticmethod)
    own = [name for name, value in vars(cls).items() if inspect.isfunction(value) or isinstance(value, kinds)]
    return [name for name in own if not name.startswith("_") and inspect.getdoc(getattr(cls, name))]


def _signature(thing: Any, *, bound: bool = False) -> str:
    """Names and plain defaults. Optional ones are left out as ``...`` where they are a base's, or too many."""
    if not callable(thing) or (isinstance(thing, type) and issubclass(thing, Exception)):
        return ""
    base = getattr(thing, "__base__", None)
    common = inspect.signature(base).parameters if is_dataclass(base) else ()
    taken = [each for each in list(inspect.signature(thing).parameters.values())[bound:] if _is_told(each)]
    shown = [_short(each) for each in taken if each.default is each.empty or each.name not in common]
    for last in [each for each in shown if each.default is not each.empty][::-1]:
        if len(str(inspect.Signature(shown))) > WIDTH:
            shown.remove(last)
    text = str(inspect.Signature(shown))
    return text if len(shown) == len(taken) else re.sub(r"(, \*\*\w+)?\)$", r", ...\1)", text)


def _is_told(parameter: inspect.Parameter) -> bool:
    """Whether it says something: not one that only catches a mistake, or that stands for no constructor."""
    return parameter.annotation != "Never" and parameter.name not in ("args", "kwargs")


def _short(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without its type; a default that is no plain value is ``...``."""
    default = parameter.default
    is_plain = default is parameter.empty or isinstance(default, str | int | float | tuple | type(None))
    return parameter.replace(annotation=parameter.empty, default=default if is_plain else _Dots())


class _Dots:
    def __repr__(self) -> str:
        return "..."


def _first(text: str | None) -> str:
    """The first paragraph in one line, as Markdown."""
    assert text, "a name of the reference has no docstring"
    line = " ".join(text.strip().split("\n\n")[0].split())
    return re.sub(r"(?::\w+:)?`+([^`]+)`+", r"`\1`", line).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
