"""Noise: where it is drawn from, and which of it is an image's own where several processes share a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import OptionError, shown

Generators = torch.Generator | Sequence[torch.Generator] | None
"""Where noise comes from: torch's global state, one generator, or one for each image of the batch."""


@dataclass(frozen=True, slots=True)
class _Pass:
    rank: int = 0
    world: int = 1
    collects: bool = True


_now = _Pass()


@contextlib.contextmanager
def passes(*, rank: int = 0, world: int = 1, collects: bool = True) -> Iterator[None]:
    """What the passes in ``train()`` within the block are.

    Args:
        rank, world: this process and how many there are that share each batch.
        collects: False where nothing is trained, as where batch statistics are estimated again.
    """
    global _now
    before, _now = _now, _Pass(rank, world, collects)
    try:
        yield
    finally:
        _now = before


def is_collecting() -> bool:
    """Whether what is seen in a pass may move the state of a bottleneck."""
    return _now.collects


def check_count(n: int) -> None:
    """Raise an `OptionError` for what is no number of samples."""
    if type(n) is not int or n < 0:
        raise OptionError(f"n={shown(n)} samples: give a whole number from 0 on")


def training_noise(like: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
    """Standard normal noise for a training step.

    Each of several processes draws the whole batch's noise and keeps its own rows, so that an image gets the noise
    that it would get from one process alone.
    """
    b, rank = like.shape[0], _now.rank
    drawn = torch.randn((_now.world * b, *like.shape[1:]), dtype=like.dtype, device=like.device)
    return drawn[rank * b : (rank + 1) * b]


def placed(rows: Float[Tensor, "n d"]) -> Float[Tensor, "all d"]:
    """This process's rows at their place among zeros: what `Bottleneck.step` then sums are those of all processes.

    Each process has as many.
    """
    n = rows.shape[0]
    return F.pad(rows, (0, 0, _now.rank * n, (_now.world - 1 - _now.rank) * n))


def noise(like: Float[Tensor, "*n b ..."], generator: Generators = None) -> Float[Tensor, "*n b ..."]:
    """Standard normal noise of the shape of ``like``, ``(b, ...)`` for one generator, ``(n, b, ...)`` for a list.

    With a generator for each image, an image's noise does not depend on the batch that it is in.
    """
    if generator is None:
        return torch.randn_like(like)
    if isinstance(generator, torch.Generator):
        return torch.randn(like.shape, generator=generator, device=generator.device).to(like)
    draws = [torch.randn((len(like), *like.shape[2:]), generator=each, device=each.device) for each in generator]
    return torch.stack(draws, dim=1).to(like)  # one copy, not one an image


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in [0, 1), of the shape, type and device of ``like``."""
    device = generator.device if generator else like.device
    return torch.rand(like.shape, generator=generator, device=device).to(like)
