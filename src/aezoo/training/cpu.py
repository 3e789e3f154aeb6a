"""What makes training fast on a CPU: how memory is laid out, kept between steps, and handed to the optimiser.

Measured on two cores with AMX, batch 64. Nothing here changes a number but for the order of additions.
"""

from __future__ import annotations

import contextlib
import ctypes

import torch
from torch import nn

WIDE = 64
"""The least side of a weight matrix from which a CPU gains by bfloat16 and channels-last.

ms a step: `cis680-vae512` (512 x 256) 218 plain, 179 channels-last, 120 both; `cis680-vae16` (64 x 32) 14.4 plain, 18.9
channels-last, 16.5 both.
"""


def is_wide(model: nn.Module) -> bool:
    """Whether some weight of a model is a matrix (of kernels) of at least `WIDE` x `WIDE`."""
    return any(min(weight.shape[:2]) >= WIDE for weight in model.parameters() if weight.ndim > 1)


def keep_memory() -> None:
    """Ask glibc to keep freed memory for the next step instead of handing it back to the system page by page.

    8 to 10 % of a step of `cis680-vae512`. Nothing where the C library is another.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(parameter, 1 << 30)


class Ordered(nn.Parameter):
    """A channels-last kernel in the order in which it lies in memory, sharing it with ``origin``."""

    origin: nn.Parameter

    def take_gradient(self) -> None:
        """Have the gradient of the kernel."""
        self.grad = None if self.origin.grad is None else self.origin.grad.permute(0, 2, 3, 1)


def ordered(parameter: nn.Parameter) -> nn.Parameter:
    """What a fused optimiser is given for a parameter: on the CPU its step copies whatever is not contiguous.

    (4 to 7 % of a step of `cis680-vae512`.)
    """
    if parameter.device.type != "cpu" or parameter.ndim != 4 or parameter.is_contiguous():
        return parameter
    view = Ordered(parameter.detach().permute(0, 2, 3, 1))
    view.origin = parameter
    return view


def lay_out(module: nn.Module, order: torch.memory_format) -> nn.Module:
    """A module whose kernels lie in this order. (`Module.to` fails where a tensor has five dimensions.)"""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=order)
    return module
