"""A registry for tests, in the place of the process's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aezoo.errors import OptionError, shown
from aezoo.plugins import host
from aezoo.registry import Entry, Registry, canonical
from aezoo.specs import Spec


@contextlib.contextmanager
def isolated_registry(*given: Spec | str, distribution: str = "under-test") -> Iterator[Registry]:
    """A registry of exactly what is given, which every look-up in this process uses until the block ends.

    >>> with isolated_registry("aezoo", *my_package.aezoo_specs()):
    ...     aezoo.create("my-model")

    Args:
        *given: specs; and names of installed packages, of which everything that they register is there:
            ``"aezoo"`` for the built-ins.
        distribution: whose the specs are.

    Raises:
        OptionError: something else, a package that registers nothing, or a spec that is there already.
    """
    own, registry = host().registry, Registry()
    seen = set()
    for each in given:
        if isinstance(each, Spec):
            entries = [Entry(each, canonical(distribution), "0")]
        elif not isinstance(each, str) or not (entries := own.entries(distribution=each)):
            raise OptionError(f"{shown(each)} is no spec, and no package that registers anything")
        for entry in entries:
            key = entry.spec.kind, entry.qualified_name
            if key in seen:
                raise OptionError(f"{entry.spec.kind} {entry.qualified_name} is given twice")
            seen.add(key)
            registry.add(entry)
    host().registry = registry
    try:
        yield registry
    finally:
        host().registry = own
