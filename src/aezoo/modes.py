"""Modes for a while: modules in ``eval()``, and numbers in float32 whatever autocast says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn


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


def in_float32(x: Tensor) -> AbstractContextManager[object]:
    """No autocast within the block, on the device of ``x``; the meta device, where nothing is computed, has none."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
