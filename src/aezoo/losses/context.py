"""What a loss term may know besides the images and the model's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder


def _alone(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(kw_only=True, slots=True)
class Context:
    """Where training stands.

    Attributes:
        model: the model that answered.
        step: of the optimiser, from 0.
        steps: that the whole run takes.
        dataset_size: images of the whole training set, over all processes.
        training: False where the loss is only measured.
        generator: for terms that draw at random; None is torch's global state.
        gather: ``(b, ...)`` of this process to ``(all, ...)`` of all processes, differentiable. One process by default.
    """

    model: Autoencoder
    step: int
    steps: int
    dataset_size: int
    training: bool
    generator: torch.Generator | None = None
    gather: Callable[[Tensor], Tensor] = _alone
