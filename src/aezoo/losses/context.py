"""What a loss term may know besides the images and the model's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aezoo.latent import Batch, Output
from aezoo.seeds import seed_of

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


def alone(tensor: Tensor) -> Tensor:
    """Gathering, where there is one process."""
    return tensor


@dataclass(kw_only=True, slots=True)
class Context:
    """Where training stands, or what is being measured.

    In training a term sees this process's part of a batch. In evaluation (``training`` is False) it sees some images of
    a split or, where it couples images, all of them, and has nothing to gather.

    Attributes:
        model: the model that answered.
        batch: what it was asked: labels and factors of the images, where there are any.
        step: of the optimiser, from 0.
        steps: that the whole run takes, as far as is known: a run that is given another length goes on with that.
        dataset_size: images of the whole training set, over all processes; None: not known.
        training: whether the model is being trained.
        draw: what `generator` is seeded by (`aezoo.seeds.seed_of`): other words in every step and process; none:
            torch's global state.
        gather: ``(b, ...)`` of this process to ``(all, ...)`` of all processes, differentiable.
        output: the model's answer, once the objective has asked it.
    """

    model: Autoencoder
    batch: Batch
    step: int = 0
    steps: int = 1
    dataset_size: int | None = None
    training: bool = False
    draw: tuple[int, ...] = (0,)
    gather: Callable[[Tensor], Tensor] = alone
    output: Output | None = None
    _generator: torch.Generator | None = field(default=None, init=False, repr=False)

    @property
    def generator(self) -> torch.Generator:
        """One for this context, on the device of its images, for terms that draw at random."""
        if self._generator is None:
            seed = seed_of(*self.draw) if self.draw else int(torch.randint(2**62, ()))
            self._generator = torch.Generator(self.batch.images.device).manual_seed(seed)
        return self._generator
