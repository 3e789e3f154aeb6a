"""The large weights of the CIS 680 models, for ``aezoo.create(name, pretrained=True)``. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.WeightsSpec]:
    """Everything that this package registers."""
    yield from aezoo.read_weights("aezoo_weights_cis680")
