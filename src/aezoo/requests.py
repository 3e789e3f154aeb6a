"""The one way from a request to a thing, whatever its kind: a name and options in, checked; then built.

``ask`` finds who registers the name, checks the options against what is declared, and keeps what a file asks for from
reaching outside the process. ``Asked.build`` imports the implementation and gives it what it names: shapes, options.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from aezoo.errors import (
    AezooError,
    CompositionError,
    OptionError,
    PluginError,
    UnknownNameError,
    first_line,
    nearest,
    typed_line,
)
from aezoo.grammar import parse_component
from aezoo.plain import PARTS, Component, Value
from aezoo.plugins import registry
from aezoo.registry import Entry
from aezoo.specs import BottleneckSpec, Spec

Request = str | Component | tuple[str, Mapping[str, Any]]
"""A thing asked for: ``"name"``, ``"name(key=value)"``, ``("name", {...})`` or a `Component`."""
Origin = Literal["caller", "file"]
"""Who asks: the caller, or a file, which may come from anyone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood: who registers it, and every declared option with its value."""

    entry: Entry
    options: dict[str, Value]

    @property
    def component(self) -> Component:
        """The same request in full, by its qualified name: asked for again, it gives the same."""
        return Component.of(self.entry.qualified_name, **self.options)

    @property
    def provides(self) -> frozenset[str]:
        """The facts that it provides with these options."""
        off = {fact for option in self.entry.spec.options if not self.options[option.name] for fact in option.grants}
        return frozenset(self.entry.spec.provides) - off

    def build(self, *, without: Iterable[str] = (), **given: Any) -> Any:
        """The thing: a class or function of the implementation, called.

        Args:
            without: options that are the caller's own business.
            **given: what is on offer (shapes, mostly); the implementation gets what its signature names.

        Raises:
            PluginError: the implementation cannot be imported.
            CompositionError: it does not take what it is given.
        """
        implementation = self.entry.load()
        taken = inspect.signature(implementation).parameters
        given = {name: value for name, value in given.items() if name in taken}
        try:
            return implementation(**given, **self.arguments(without))
        except AezooError:
            raise
        except Exception as error:  # a stranger's may raise anything
            shapes = " and ".join(str(value) for value in given.values() if not isinstance(value, Spec))
            who = f"{self.entry.spec.kind} {self.entry.name} cannot be built{shapes and f' for {shapes}'}"
            raise CompositionError(f"{who}: {first_line(error)}") from error

    def bind(self, *, without: Iterable[str] = (), **given: Any) -> Any:
        """As `build` for a class; a function, which is called with each batch, gets its options."""
        implementation = self.entry.load()
        if inspect.isclass(implementation):
            return self.build(without=without, **given)
        return partial(implementation, **self.arguments(without))

    def arguments(self, without: Iterable[str] = ()) -> dict[str, Any]:
        """What the implementation is given beside shapes: the options, and of a family the member."""
        member = {"member": self.entry.member} if self.entry.member else {}
        return member | {name: value for name, value in self.options.items() if name not in without}


def find(kind: str, name: str) -> Entry:
    """The entry of a name; of a family's member, one that the family lists.

    Raises:
        UnknownNameError: nothing registers the name, or the family has no such member.
    """
    entry = registry().find(kind, name)
    if entry.member and entry.member not in (known := members(entry)):
        family = entry.spec.name.removesuffix("*")
        near = nearest(entry.name, [family + member for member in known])
        raise UnknownNameError(f"no {kind} {entry.name!r}: did you mean {near}?")
    return entry


def ask(kind: str, request: Request, origin: Origin = "caller") -> Asked:
    """Understand a request for a thing of a kind.

    What a file asks for is inert: its external options are set back to their defaults, and what is external as a whole
    is refused.

    Raises:
        UnknownNameError: nothing registers the name, or the family has no such member.
        OptionError: an option that is not declared or out of bounds; or a file asks for what only a caller may.
    """
    component = parse_component(request)
    entry = find(kind, component.name)
    options = entry.spec.check(dict(component.options))
    if origin == "file":
        if entry.spec.external:
            raise OptionError(f"a file asks for {kind} {entry.name}, which reaches outside: only you may ask for it")
        options |= {option.name: option.default for option in entry.spec.options if option.external}
    return Asked(entry, options)


def providers(facts: Iterable[str]) -> str:
    """Which parts provide facts that are missing, four of each, for a message: ``"; kl comes with prior standard"``."""
    hints = []
    for fact in facts:
        for kind in PARTS:
            names = {_offer(entry, fact): None for entry in registry().entries(kind) if fact in _facts(entry.spec)}
            hints += [f"; {fact} comes with {kind} {' or '.join([*names][:4])}"] if names else []
    return "".join(hints)


def _facts(spec: Spec) -> tuple[str, ...]:
    """What a part provides, a bottleneck with the prior that it brings."""
    prior = spec.prior if isinstance(spec, BottleneckSpec) else ""
    return (*spec.provides, *(registry().find("prior", prior).spec.provides if prior else ()))


def _offer(entry: Entry, fact: str) -> str:
    """A part's name, with the options that have to be on for a fact."""
    on = [option.name for option in entry.spec.options if fact in option.grants]
    return str(Component.of(entry.name, **dict.fromkeys(on, True)))


def refuse_external(kind: str, requests: Iterable[Request], flag: str) -> None:
    """Refuse what a file asks for and only a caller may, where setting it back would be another thing.

    Raises:
        OptionError: a request is not inert; it says with which ``flag`` the caller confirms it.
    """
    for request in requests:
        if ask(kind, request, "file").options != ask(kind, request).options:
            raise OptionError(f"a file asks for {kind} {request}, which reaches outside: say {flag} to confirm it")


def members(entry: Entry) -> Iterable[str]:
    """The members of a family. Importing what knows them takes seconds.

    Raises:
        PluginError: what lists them fails.
    """
    try:
        return entry.load(entry.spec.members)()
    except AezooError:
        raise
    except Exception as error:  # a stranger's may raise anything
        raise PluginError(f"{entry.qualified_name} does not list its members: {typed_line(error)}") from error
