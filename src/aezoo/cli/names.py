"""Names on the command line: kinds in the plural, and finding a name in whichever kind has it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from aezoo.catalog.known_plugins import KNOWN_PLUGINS
from aezoo.errors import UnknownNameError
from aezoo.plugins import registry
from aezoo.registry import BUILTIN, Entry
from aezoo.requests import find
from aezoo.requests import members as names_of_members
from aezoo.specs import SPECS

KINDS = {{"loss": "losses", "weights": "weights", "study": "studies"}.get(kind, f"{kind}s"): kind for kind in SPECS}
"""The kinds of spec as the command line calls them."""
PLURALS = {kind: plural for plural, kind in KINDS.items()}


def find_all(name: str, kinds: Iterable[str] = tuple(SPECS)) -> list[Entry]:
    """What a name means in each of the kinds that know it.

    Raises:
        UnknownNameError: none of them does; the message is that of the kind with the nearest name.
    """
    found: list[Entry] = []
    refused: dict[str, UnknownNameError] = {}
    for kind in kinds:
        try:
            found.append(find(kind, name))
        except UnknownNameError as error:
            refused[kind] = error
    if not found:
        raise refused[_likeliest(name, list(refused))]
    return found


def members(entry: Entry) -> list[Entry]:
    """The members of a family. Importing what knows them takes seconds."""
    return [Entry(entry.spec, entry.distribution, entry.version, name) for name in names_of_members(entry)]


def shortest(entry: Entry) -> str:
    """The shortest name that means this entry."""
    if entry.distribution == BUILTIN or entry.member:
        return entry.name
    same = registry().named(entry.spec.kind, entry.name)
    return entry.name if len(same) == 1 else entry.qualified_name


def _likeliest(name: str, kinds: list[str]) -> str:
    """Of which kind somebody who wrote ``name`` was thinking."""
    for registered in KNOWN_PLUGINS.values():
        for kind in kinds:
            if name in registered.get(kind, ()):
                return kind
    known = {entry.name: entry.spec.kind for entry in reversed(registry().entries()) if entry.spec.kind in kinds}
    return known[difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]] if known else kinds[0]
