"""A part of one's own under a name, in this program: what a plugin is before there is a package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from aezoo.errors import OptionError, first_line, shown
from aezoo.plain import PARTS, Option
from aezoo.plugins import registry
from aezoo.registry import BUILTIN, LOCAL, Entry
from aezoo.specs import SPECS, MetricSpec, Spec

_KINDS = (*PARTS, "loss", "dataset", "metric")
_TYPES = {bool: "bool", int: "int", float: "float", str: "str"}
_Made = TypeVar("_Made", bound=Callable[..., Any])


def register(kind: str, name: str, **fields: Any) -> Callable[[_Made], _Made]:
    """A decorator that gives a class or function a name of its kind, for as long as the program runs.

    >>> @aezoo.register("encoder", "pool")
    ... class Pool(nn.Sequential):
    ...     def __init__(self, image, *, width=64): ...
    >>> aezoo.create("cis680-vae16", encoder="pool(width=128)")

    What the class or function has to be is the same as in a package, see "Writing a plugin". Its parameters that have a
    default are its options, of the type of the default; the others of a metric's function are attributes of a
    `aezoo.metrics.measured.Measured`, or one, ``measured``, is all of it. Of the same kind and name, the last one
    registered counts. Its qualified name is ``local/NAME``: a model folder that holds it is read where a program has
    registered it before, as ``aezoo --import FILE`` has.

    Args:
        kind: ``"encoder"``, ``"bottleneck"``, ``"prior"``, ``"decoder"``, ``"likelihood"``, ``"loss"``, ``"dataset"``
            or ``"metric"``.
        name: by which it is asked for; none of the built-ins'.
        **fields: of the kind's spec: ``summary`` (by default what the docstring says first), ``provides``, ``needs``;
            ``options``, where they have bounds or choices or are ``external`` (a path or a download, which no model
            folder may ask for), replace those found.

    Raises:
        OptionError: another kind, a name that is taken or is none, a field that the spec does not have, a default whose
            type is none of an option's, something that is no class or function.
    """
    if kind not in _KINDS:
        raise OptionError(f"{shown(kind)} is not registered by itself, only {', '.join(_KINDS)}")
    if any(entry.name == name for entry in registry().entries(kind, distribution=BUILTIN)):
        raise OptionError(f"{kind} {shown(name)} is a built-in: take another name")

    def decorate(made: _Made) -> _Made:
        registry().add(Entry(_spec(kind, name, made, fields), LOCAL, "0", made=made))
        return made

    return decorate


def _spec(kind: str, name: str, made: Any, fields: dict[str, Any]) -> Spec:
    """What is declared of it: what it says itself, and what is said of it."""
    if not callable(made) or not getattr(made, "__name__", "").isidentifier():
        raise OptionError(f"{kind} {shown(name)}: {shown(made)} is no class or function with a name, as def gives one")
    cls = SPECS[kind]
    try:
        parameters = inspect.signature(made).parameters.values()
        declared = {option.name: option for option in fields.get("options", ())}
        own = [each for each in parameters if each.default is not each.empty and each.name not in cls.told]
        if "options" in fields:  # then what says nothing of its type is none that is offered
            own = [each for each in own if each.default is not None or each.name in declared]
        options = {each.name: declared.get(each.name) or _option(each) for each in own} | declared
        said: dict[str, Any] = {"summary": (made.__doc__ or made.__name__).strip().partition("\n")[0]}
        if cls is MetricSpec and not inspect.isclass(made):
            takes = tuple(each.name for each in parameters if each.default is each.empty)
            said |= {"takes": takes if takes != ("measured",) else ()}
        said |= fields | {"options": tuple(options.values())}
        return cls(name=name, implementation=f"{made.__module__}:{made.__name__}", **said)
    except (TypeError, ValueError, AttributeError) as error:
        raise OptionError(f"{kind} {shown(name)}: {first_line(error)}") from None


def _option(parameter: inspect.Parameter) -> Option:
    """The option that a parameter with a default is."""
    several = isinstance(parameter.default, tuple)
    kinds = {type(item) for item in (parameter.default if several else (parameter.default,))}
    if parameter.annotation in (float, "float") or len(kinds) > 1:
        kinds = {float} if kinds <= {int, float} else kinds
    noun = _TYPES.get(kinds.pop()) if len(kinds) == 1 else None
    if noun is None or (several and noun == "bool"):
        raise OptionError(
            f"{parameter.name}={shown(parameter.default)} does not say of which type it is: "
            f"options=(aezoo.Option(name={parameter.name!r}, type=...),) does"
        )
    return Option(name=parameter.name, type=f"{noun}s" if several else noun, default=parameter.default)  # pyright: ignore[reportArgumentType]
