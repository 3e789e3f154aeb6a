"""What every likelihood answers; one without a density inherits the refusal."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec


class Likelihood(nn.Module):
    """``p(x | z)``, given the decoder's maps ``params`` ``(b, maps * c, h, w)``: of each map all channels, in turn.

    Here the maps are the images, and there is no density: the likelihood ``none``.

    Args:
        image: the images.

    Attributes:
        maps: how many values the decoder gives for each value of an image.
        support: of which images it is a probability: ``"binary"``, or ``"grey"`` for all in [0, 1].
    """

    maps: int = 1
    support: Literal["binary", "grey"] = "grey"

    def __init__(self, image: ImageSpec) -> None:
        super().__init__()

    def reconstruction(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"]:
        """The images in [0, 1] that stand for the distribution."""
        return clamp(params)

    def logits(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"] | None:
        """What `reconstruction` is the sigmoid of, where it is one."""
        return None

    def log_prob(self, params: Float[Tensor, "b p h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """log p(images | z) in nats, summed over an image's values."""
        raise CompositionError(f"likelihood {type(self).__name__} has no density: use l1 or l2")

    def sample(
        self, params: Float[Tensor, "b p h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Images drawn from the distribution, in [0, 1]."""
        return self.reconstruction(params)


def clamp(x: Tensor) -> Tensor:
    """``x`` in [0, 1], with the gradient of ``x`` everywhere: what lies outside is still pulled back."""
    return x.clamp(0, 1).detach() + (x - x.detach()) if x.requires_grad else x.clamp(0, 1)


def softclip(x: Tensor, low: float) -> Tensor:
    """``x`` where it is far above ``low``, never below it, smooth between: what learned scales are held by.

    A hard limit would stop the gradient of a value that has fallen below it.
    """
    return low + F.softplus(x - low)
