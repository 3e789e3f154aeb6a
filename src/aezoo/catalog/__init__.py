"""The built-ins, declared: they come through the same hook as a stranger's plugin."""

from __future__ import annotations

from collections.abc import Iterable

from aezoo.catalog import cis680, commands, datasets, everyday, losses, metrics, parts
from aezoo.embedded import read_weights
from aezoo.plugins import hookimpl
from aezoo.specs import Spec


@hookimpl
def aezoo_specs() -> Iterable[Spec]:
    """Everything that aezoo itself registers."""
    for page in (cis680, everyday, parts, losses, datasets, metrics, commands):
        yield from page.SPECS
    yield from read_weights("aezoo.catalog")
