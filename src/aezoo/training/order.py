"""Which images a step sees and which noise it draws: a function of the seed and the step, so a run resumes anywhere."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from aezoo.seeds import seed_of

# Streams of randomness that must not share draws.
ORDER, STEP, FLIP, DRAW, VALIDATION, NORM, TERM = range(7)


def step_seed(seed: int, step: int) -> int:
    """The seed of the noise of a step, ``seed_of(seed, STEP, step)``."""
    block, place = divmod(step, _BLOCK)
    return _step_seeds(seed, block)[place]


_BLOCK, _AHEAD = 64, 4096  # steps whose seeds, images whose order is computed at once


@lru_cache(maxsize=2)
def _step_seeds(seed: int, block: int) -> tuple[int, ...]:
    """Those of a block of steps. One at a time, between two steps, each would take 0.1 ms: nothing of it is cached."""
    return tuple(seed_of(seed, STEP, step) for step in range(block * _BLOCK, (block + 1) * _BLOCK))


class Order:
    """The order of ``n`` images in batches that are always full: the next permutation fills what an epoch leaves over.

    Every epoch is a new permutation. With several processes each takes its own contiguous share of the same batch,
    so that together they see what one process would.

    Args:
        n: the number of images.
        batch_size: images a step, over all processes.
        seed: of the permutations.
    """

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self._epochs: dict[int, Tensor] = {}

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Tensor:
        """This process's share of the batch of ``step``, counted from 0: indices, int64 ``(batch_size / world,)``."""
        share = self.batch_size // world
        first = step * self.batch_size + rank * share
        parts = []
        while share:
            epoch, position = divmod(first, self.n)
            part = self._permutation(epoch)[position : position + share]
            parts.append(part)
            first, share = first + len(part), share - len(part)
        return torch.cat(parts)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            for past in [past for past in self._epochs if past < epoch - 1]:
                del self._epochs[past]
            for coming in range(epoch, epoch + max(1, _AHEAD // self.n)):  # several at once, as the steps' seeds
                generator = torch.Generator().manual_seed(seed_of(self.seed, ORDER, coming))
                self._epochs[coming] = torch.randperm(self.n, generator=generator)
        return self._epochs[epoch]
