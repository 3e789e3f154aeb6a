"""The registry: a name gives a spec and says which distribution it came from."""

from __future__ import annotations

import difflib
import importlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from aezoo.errors import PluginError, UnknownNameError, nearest, shown, typed_line
from aezoo.specs import SPECS, Spec

BUILTIN = "aezoo"
"""The distribution whose short names always win."""
LOCAL = "local"
"""The place of a distribution for what a program registers by itself, see `aezoo.local`."""
_KINDS = list(SPECS)  # the order of a listing: models first, commands last
_ELSEWHERE = {("loss", "mse"): "l2 or bce", ("loss", "mae"): "l1"}  # what other libraries call a thing
_NOT_BUILT = ("model", "weights")  # a model is made of parts, unless it says by what


def canonical(distribution: str) -> str:
    """The one spelling of a distribution's name, as package indexes have it: ``Foo_Bar`` is ``foo-bar``."""
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


@dataclass(frozen=True, slots=True)
class Entry:
    """A spec and the distribution that registered it."""

    spec: Spec
    distribution: str
    version: str
    member: str = ""  # of a family: the part behind the colon
    made: Any = None  # the implementation itself, where a program registers it

    @property
    def name(self) -> str:
        """The short name: of a family's member, ``timm:resnet18``."""
        return self.spec.name.removesuffix("*") + self.member if self.member else self.spec.name

    @property
    def qualified_name(self) -> str:
        """``distribution/name``: always means this entry, whatever else is installed."""
        return f"{self.distribution}/{self.name}"

    def load(self, reference: str = "") -> Any:
        """The implementation (or what another ``"module:attribute"`` of the spec refers to), imported now.

        Raises:
            PluginError: the module cannot be imported, for whatever reason, or lacks the attribute.
        """
        if self.made is not None and not reference:
            return self.made
        reference = reference or self.spec.implementation
        module, _, attribute = reference.partition(":")
        try:
            try:
                return getattr(importlib.import_module(module), attribute)
            except RuntimeError as error:
                if "operator torchvision::" not in str(error):
                    raise
                importlib.import_module("aezoo._torchvision")  # makes a torchvision import that does not fit its torch
                return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # a stranger's module may do anything while it is imported
            raise PluginError(
                f"{self.spec.kind} {self.name} of {self.distribution} {self.version} cannot be loaded "
                f"from {reference!r}: {typed_line(error)}"
            ) from error

    def check(self) -> None:
        """Import everything that the spec refers to.

        Raises:
            PluginError: it does not load, is nothing that can be called, or a spec that needs one names none.
        """
        spec = self.spec
        if not spec.implementation and spec.kind not in _NOT_BUILT:
            raise PluginError(f"{spec.kind} {self.qualified_name} names no implementation")
        for reference in filter(None, (getattr(spec, item) for item in spec.references)):
            if not callable(self.load(reference)):
                raise PluginError(f"{spec.kind} {self.qualified_name}: {reference} is no class or function")


class Registry:
    """Entries by kind and name.

    ``complete`` is called once, before the first look-up that the built-ins do not answer: that is how installed
    plugins cost nothing to those who use none. ``hint(kind, name)`` may add what to do about an unknown name.
    """

    def __init__(
        self, complete: Callable[[], None] = lambda: None, hint: Callable[[str, str], str] = lambda kind, name: ""
    ) -> None:
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._complete = complete
        self._hint = hint
        self._is_complete = False
        self._lock = threading.RLock()

    def add(self, entry: Entry) -> None:
        """Register an entry, in the place of one that the same distribution has of that kind and name."""
        key = entry.spec.kind, entry.spec.name
        others = [other for other in self._entries.get(key, ()) if other.distribution != entry.distribution]
        self._entries[key] = [*others, entry]

    def entries(self, kind: str = "", pattern: str = "*", distribution: str = "") -> list[Entry]:
        """Every entry of a kind (all kinds where empty) whose short or qualified name fits a shell pattern.

        Only those of one distribution where it is given; the built-in ones are answered without loading plugins.
        """
        distribution = canonical(distribution)
        if distribution != BUILTIN:
            self._load_plugins()
        return sorted(
            (
                entry
                for (entry_kind, _), entries in [*self._entries.items()]  # another thread may register one
                for entry in entries
                if kind in ("", entry_kind)
                and distribution in ("", entry.distribution)
                and (fnmatchcase(entry.name, pattern) or fnmatchcase(entry.qualified_name, pattern))
            ),
            key=lambda entry: (_KINDS.index(entry.spec.kind), entry.distribution != BUILTIN, entry.name),
        )

    def named(self, kind: str, short: str) -> list[Entry]:
        """Every entry of a kind that has this short name; of a family, ``family:*``."""
        self._load_plugins()
        return list(self._entries.get((kind, short), ()))

    def find(self, kind: str, name: str) -> Entry:
        """The entry that a short name, ``distribution/name`` or ``family:member`` means.

        A short name is the built-in's, else the only plugin's.

        Raises:
            UnknownNameError: no package registers it, or several do.
        """
        if not isinstance(name, str):
            raise UnknownNameError(f"no {kind} {shown(name)}: a name is text")
        family, colon, member = name.partition(":")  # a member's own name may hold slashes
        distribution, _, short = family.rpartition("/")
        distribution, short = canonical(distribution), short + colon + member
        if distribution in ("", BUILTIN):
            for entry in self._named(kind, short):
                if entry.distribution == BUILTIN:
                    return entry
        self._load_plugins()
        found = [entry for entry in self._named(kind, short) if distribution in ("", entry.distribution)]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(entry.qualified_name for entry in found)
            raise UnknownNameError(f"{kind} {shown(name)} is registered by several packages: say {choices}")
        known = [entry.qualified_name if distribution else entry.name for entry in self.entries(kind)]
        if re.fullmatch(r"[A-Za-z][\w.]{1,40}", short) and not difflib.get_close_matches(name, known):
            known += [each.replace("*", short) for each in known if each.endswith(":*")]  # maybe one of a family
        meant = _ELSEWHERE.get((kind, short)) or nearest(name, known)
        near = f"did you mean {meant}?" if known else "none is registered"
        hint = self._hint(kind, short)
        # Another package's thing of that name is not what is asked for.
        if distribution and distribution not in hint:
            there = bool(self.entries(distribution=distribution))
            hint = "" if there else f"\nthe package {distribution} is not installed or not loaded: see 'aezoo plugins'"
            if distribution == LOCAL:
                hint = "\na program registered it, aezoo.register(...), which has to be there: aezoo --import FILE"
        raise UnknownNameError(f"no {kind} {shown(name)}: {near}{hint}")

    def _named(self, kind: str, short: str) -> list[Entry]:
        exact = self._entries.get((kind, short), [])
        if exact and not short.endswith("*"):
            return exact
        family, colon, member = short.partition(":")
        return [
            replace(entry, member=member)
            for entry in self._entries.get((kind, f"{family}:*"), [])
            if colon and member and member != "*"
        ]

    def _load_plugins(self) -> None:
        with self._lock:  # other threads wait; a plugin may look a name up while it is loaded, in this one
            if self._is_complete:
                return
            self._is_complete = True
            try:
                self._complete()
            except BaseException:
                self._is_complete = False  # interrupted: the next look-up goes on from there
                raise
