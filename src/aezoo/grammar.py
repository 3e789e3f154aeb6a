"""The two small languages of aezoo, parsed and never evaluated: ``name(key=value)`` and ``bce + 0.5*kl``."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aezoo.errors import OptionError, shown
from aezoo.plain import Component, Value, plain

_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]*")
_KEY = re.compile(r"\[[^\[\]]*\]$")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*\*\s*")
_LONGEST = 10_000  # characters of a request: a file may have any
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a loss: ``weight * component``."""

    weight: float
    component: Component

    def __str__(self) -> str:
        if self.weight == 1:
            return str(self.component)
        short = f"{self.weight:g}"
        return f"{short if float(short) == self.weight else repr(self.weight)}*{self.component}"


def parse_component(request: str | Component | tuple[str, Mapping[str, Any]]) -> Component:
    """Read a request for a component: ``"name"``, ``"name(key=value, ...)"``, ``("name", {...})`` or a ``Component``.

    Raises:
        OptionError: the text does not parse, or a value is not a literal.
    """
    if isinstance(request, Component):
        return request
    if isinstance(request, tuple) and len(request) == 2 and isinstance(request[1], Mapping):
        name, options = request
        if isinstance(name, str) and all(isinstance(key, str) for key in options):
            return Component.of(name, **options)
    if not isinstance(request, str):
        raise OptionError(
            f"{shown(request)} is no component: give 'name', 'name(key=value)' or ('name', {{'key': value}}); "
            "aezoo.register(kind, name) gives what is your own a name"
        )
    _check_length(request)
    component, end = _component(request, _skip(request, 0))
    if _skip(request, end) != len(request):
        raise OptionError(f"{request!r} does not parse after {request[:end]!r}: write name or name(key=value, ...)")
    return component


def metric_of(row: str) -> str:
    """The metric of a row of numbers: ``"kl_dims"`` of ``"kl_dims[3]"``, of any other the row itself."""
    return _KEY.sub("", row)


def parse_loss(expression: str) -> tuple[Term, ...]:
    """Read a sum of terms such as ``"bce + 0.5*kl(free_bits=0.1)"``.

    Raises:
        OptionError: the text does not parse, or names one term twice.
    """
    if not isinstance(expression, str):
        raise OptionError(
            f"a loss is text, such as 'bce + 0.5*kl', not {shown(expression)}: aezoo.register('loss', name) gives a "
            "function of your own a name"
        )
    _check_length(expression)
    terms: list[Term] = []
    position = 0
    while True:
        position = _skip(expression, position)
        weight = _WEIGHT.match(expression, position)
        component, position = _component(expression, weight.end() if weight else position)
        terms.append(Term(float(weight[1]) if weight else 1.0, component))
        if not math.isfinite(terms[-1].weight):
            raise OptionError(f"loss {expression!r}: the weight of {component.name!r} is not finite")
        position = _skip(expression, position)
        if position == len(expression):
            break
        if expression[position] != "+":
            raise OptionError(
                f"loss {expression!r} does not parse at {expression[position:]!r}: write terms joined by '+', "
                "each as name, 0.5*name or name(key=value)"
            )
        position += 1
    if repeated := sorted(name for name, n in Counter(term.component.name for term in terms).items() if n > 1):
        raise OptionError(f"loss {expression!r} names {repeated[0]!r} twice: give it one weight")
    return tuple(terms)


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise OptionError(f"{shown(text)} has {len(text):,} characters, and {_LONGEST:,} are enough")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _component(text: str, start: int) -> tuple[Component, int]:
    name = _NAME.match(text, start)
    if not name:
        raise OptionError(f"{text!r} does not parse: a name is expected at {text[start:] or 'its end'!r}")
    end = name.end()
    if text[end : end + 1] != "(":
        return Component(name[0]), end
    close = _closing(text, end)
    return Component.of(name[0], **_arguments(text, text[end : close + 1])), close + 1


def _closing(text: str, start: int) -> int:
    """The position of the bracket that closes the one at ``start``; brackets inside quotes do not count."""
    depth, quote, escaped = 0, "", False
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return position
    raise OptionError(f"{text!r} does not parse: a bracket or quote is not closed")


def _arguments(text: str, brackets: str) -> dict[str, Value]:
    try:
        call = ast.parse(f"f{brackets}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        call = None
    if not isinstance(call, ast.Call) or call.args or any(keyword.arg is None for keyword in call.keywords):
        how = "; in a path write / for \\" if "\\" in brackets else ""
        raise OptionError(
            f"{text!r} does not parse at {brackets!r}: write options as key=value, separated by commas{how}"
        )
    options: dict[str, Value] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in options:
            raise OptionError(f"{text!r} gives {keyword.arg} twice")
        try:
            options[keyword.arg] = plain(ast.literal_eval(keyword.value))
        except (ValueError, TypeError, RecursionError, MemoryError, OptionError):
            raise OptionError(
                f"{keyword.arg} in {text!r} is no plain value: "
                "numbers, True, False, None, quoted text and tuples of them are"
            ) from None
    return options
