"""Both ends of a convolutional decoder: from ``z`` to the first feature map, and from the last to the image's size."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import CompositionError


class Start(nn.Module):
    """``z`` to a map ``(b, d, h, w)``: a vector is reshaped to 1x1, or spread by a linear layer over more; a map stays.

    Args:
        latent_shape: of one ``z``, ``(d,)`` or ``(d, h, w)``.
        size: the height and width to start from.
        owner: whose start it is, for the error.

    Raises:
        CompositionError: ``z`` is a map of another size.
    """

    def __init__(self, latent_shape: tuple[int, ...], size: tuple[int, int], owner: str) -> None:
        super().__init__()
        self.shape = (latent_shape[0], *size)
        if len(latent_shape) == 3 and tuple(latent_shape[1:]) != size:
            raise CompositionError(
                f"z is a map {latent_shape} but {owner} starts from (c, {size[0]}, {size[1]}): "
                "a bottleneck that flattens fits, gaussian(dim=128, spatial=False), or as many strides in the decoder "
                "as in the encoder"
            )
        if len(latent_shape) not in (1, 3):
            raise CompositionError(f"z has shape {latent_shape}; {owner} takes a vector (d,) or a map (d, h, w)")
        spread = len(latent_shape) == 1 and size != (1, 1)
        self.linear = nn.Linear(latent_shape[0], math.prod(self.shape)) if spread else nn.Identity()

    def forward(self, z: Float[Tensor, "b ..."]) -> Float[Tensor, "b d h w"]:
        return self.linear(z).unflatten(1, self.shape) if z.ndim == 2 else z


def crop(x: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """The centre of ``x`` with the height and width asked for."""
    top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]
