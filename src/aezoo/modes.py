"""Modules in ``eval()`` for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def settled(*modules: nn.Module) -> Iterator[None]:
    """The modules are in ``eval()`` within the block; then each of their parts has its own mode again."""
    modes = [(each, each.training) for module in modules for each in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode
