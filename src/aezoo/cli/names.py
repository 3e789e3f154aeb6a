"""Names on the command line: kinds in the plural, and finding a name in whichever kind has it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from aezoo.errors import UnknownNameError
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plugins import registry
from aezoo.registry import Entry
from aezoo.requests import find
from aezoo.specs import PLURALS, SPECS

KINDS = {plural: kind for kind, plural in PLURALS.items()}
"""The kinds of spec as the command line calls them."""


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


def _likeliest(name: str, kinds: list[str]) -> str:
    """Of which kind somebody who wrote ``name`` was thinking."""
    for registered in KNOWN_PLUGINS.values():
        for kind in kinds:
            if name in registered.get(kind, ()):
                return kind
    known = {entry.name: entry.spec.kind for entry in reversed(registry().entries()) if entry.spec.kind in kinds}
    return known[difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]] if known else kinds[0]
