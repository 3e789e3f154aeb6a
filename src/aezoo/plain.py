"""Plain values: what an option may hold, the grammar reads and JSON keeps; and what specs are made of.

A spec is *declared* (`aezoo.specs`), a component is *asked for* (`Component`), a module is *built* (by the factory).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Self

from aezoo.errors import DataError, OptionError, shown

Value = None | bool | int | float | str | tuple["Value", ...]
"""A plain value: what an option may hold, what JSON keeps and what the grammar reads."""

PARTS = ("encoder", "bottleneck", "prior", "decoder", "likelihood")
"""What a model is made of, in the order of a forward pass."""

_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}
_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "text",
    "ints": "a tuple of whole numbers",
    "floats": "a tuple of numbers",
    "strs": "a tuple of texts",
}


def is_number(value: Any) -> bool:
    """Whether it is a number that a float holds: a whole one in a file may have any length."""
    return type(value) is float or (type(value) is int and abs(value) < 2**1000)


def plain(value: Any) -> Value:
    """``value`` with its lists made tuples.

    Raises:
        OptionError: it is not a plain value.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    raise OptionError(f"{shown(value)} is no plain value: numbers, booleans, None, text and tuples of them are")


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The images of a model: ``size`` (height, width) in pixels and the number of ``channels``."""

    size: tuple[int, int]
    channels: int = 1

    def __post_init__(self) -> None:
        numbers = (*self.size, self.channels) if isinstance(self.size, tuple) else ()
        # True is an int to Python, not to a person.
        if len(numbers) != 3 or not all(type(number) is int and number >= 1 for number in numbers):
            raise OptionError(
                f"image {shown(self.size)} with {shown(self.channels)} channels: "
                "height, width and channels are whole numbers >= 1"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return (self.channels, *self.size)

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}x{self.channels}"

    @classmethod
    def of(cls, size: int | tuple[int, int] | list[int], channels: int) -> Self:
        """From a size given as one number (square) or as ``(height, width)``."""
        pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
        if len(pair) != 2:
            raise OptionError(f"image size {shown(size)}: give one number, or (height, width)")
        return cls((pair[0], pair[1]), channels)


@dataclass(frozen=True, slots=True)
class Component:
    """A request for a component: a registered name and options. Written ``name(key=value, ...)``."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        options = self.options if isinstance(self.options, tuple) else (None,)
        if not isinstance(self.name, str) or not all(isinstance(item, tuple) and len(item) == 2 for item in options):
            given = f"{shown(self.name, 40)} with {shown(self.options, 40)}"
            raise OptionError(f"no component {given}: say Component.of('name', key=1)")

    @classmethod
    def of(cls, name: str, /, **options: Any) -> Self:
        """``Component.of("conv", kernel=3)``."""
        return cls(name, tuple((key, plain(value)) for key, value in options.items()))

    def replace(self, **options: Any) -> Self:
        """A copy with these options set."""
        return type(self).of(self.name, **{**dict(self.options), **options})

    def __str__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.options)
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option of a component: its type, default and bounds. Nothing undeclared reaches an implementation.

    ``external`` marks what reaches outside the process (a path, a download): only a caller may set it, never a file.
    ``grants`` names facts of the component's ``provides`` that it provides only where this option is on.
    """

    name: str
    type: Literal["int", "float", "bool", "str", "ints", "floats", "strs"]
    default: Value = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    external: bool = False
    grants: tuple[str, ...] = ()
    help: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.type, str) or self.type not in _NOUNS:
            raise OptionError(f"option {self.name}: its type {shown(self.type)} is not one of {', '.join(_NOUNS)}")
        numbers = all(isinstance(end, int | float | None) for end in (self.low, self.high))
        if not numbers or not all(isinstance(several, tuple) for several in (self.choices, self.grants)):
            raise OptionError(f"option {self.name}: its bounds are numbers, its choices and what it grants are tuples")
        self.check(self.default, "the default")

    def check(self, value: Value, owner: str) -> Value:
        """``value``, when it is one that this option of ``owner`` takes.

        Raises:
            OptionError: it has the wrong type, or lies outside the bounds or choices.
        """
        if value is None and self.default is None:
            return value
        several = self.type.endswith("s")
        items = value if several and isinstance(value, tuple) else (value,)
        wanted = _TYPES[self.type.removesuffix("s")]
        right_type = isinstance(value, tuple) if several else not isinstance(value, tuple)
        if value == () and self.default:
            raise OptionError(f"{owner}: {self.name} is empty, and needs {self._allowed()}")
        for item in items:
            # True is an int to Python, not to a person.
            if not right_type or not isinstance(item, wanted) or isinstance(item, bool) != (self.type == "bool"):
                raise OptionError(f"{owner}: {self.name}={shown(value)} is not {self._allowed()}")
            number = isinstance(item, int | float)
            below = number and self.low is not None and item < self.low
            above = number and self.high is not None and item > self.high
            strange = isinstance(item, float) and not math.isfinite(item)
            if below or above or strange or (self.choices and item not in self.choices):
                raise OptionError(f"{owner}: {self.name}={shown(value)} is not {self._allowed()}")
        try:
            return float(value) if self.type == "float" and isinstance(value, int) else value
        except OverflowError:
            raise OptionError(f"{owner}: {self.name} is too large a number") from None

    def _allowed(self) -> str:
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        bounds = ((">=", self.low), ("<=", self.high))
        limits = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
        return f"{_NOUNS[self.type]} {limits}".strip()


def to_json(value: Any) -> Any:
    """A spec (or any part of one) as what ``json.dumps`` takes: dataclasses become objects, tuples lists."""
    if isinstance(value, Component):
        return {"name": value.name, "options": {key: to_json(item) for key, item in value.options}}
    if dataclasses.is_dataclass(value):
        return {item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


hints = functools.cache(typing.get_type_hints)
"""The types of a dataclass's fields, by name."""


def from_json(cls: Any, data: Any) -> Any:
    """The inverse of `to_json`: ``from_json(ModelSpec, to_json(spec)) == spec``.

    Raises:
        DataError: the data does not have the form of ``cls``.
        OptionError: it has, but ``cls`` refuses a value.
    """
    if cls is Component:
        kinds = {key: type(item) for key, item in data.items()} if isinstance(data, dict) else {}
        if kinds != {"name": str, "options": dict}:
            raise DataError(f"no component: {shown(data)}")
        return Component.of(data["name"], **data["options"])
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if isinstance(cls, type) and dataclasses.is_dataclass(cls):
        kinds = hints(cls)
        names = {item.name for item in dataclasses.fields(cls)}
        if not isinstance(data, dict) or not set(data) <= names:
            unknown = f"unknown keys {sorted(set(data) - names)!s:.80}" if isinstance(data, dict) else shown(data)
            raise DataError(f"no {cls.__name__}: {unknown}")
        try:
            return cls(**{key: from_json(kinds[key], item) for key, item in data.items()})
        except TypeError as error:
            raise DataError(f"no {cls.__name__}: {error}") from None
    if origin is tuple and isinstance(data, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_json(arguments[0], item) for item in data)
        if len(arguments) == len(data):
            return tuple(from_json(kind, item) for kind, item in zip(arguments, data, strict=True))
    elif origin is Literal and data in arguments:
        return data
    elif cls is float and (type(data) is float or (type(data) is int and abs(data) < 2**53)):
        return float(data)
    elif origin in (typing.Union, types.UnionType):
        if types.NoneType in arguments and data is None:
            return None
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        return from_json(kinds[0], data) if len(kinds) == 1 else plain(data)  # several kinds: a Value
    elif isinstance(cls, type) and type(data) is cls:
        return data
    raise DataError(f"{shown(data)} is no {getattr(cls, '__name__', cls)}")
