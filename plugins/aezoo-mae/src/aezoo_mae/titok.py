"""An image as a row of tokens (TiTok, Yu et al. 2024, arXiv 2406.07550): learned tokens stand beside the patches in a
vision transformer, and are all that it gives; the decoder stands a learned token in for each patch.

Shapes: b images ``(c, h, w)``, n patches of p x p pixels, k tokens of d numbers.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec
from aezoo_mae.vit import Patches, Pixels, blocks, sines


class TiTokEncoder(nn.Module):
    """``(b, c, h, w)`` to a map of tokens in a row, ``(b, d, 1, k)``.

    Args:
        image: the images, padded to a multiple of p on the right and bottom.
        tokens: k.
        patch: p.
        dim: d.
        depth: blocks.
        heads: of attention.
    """

    def __init__(
        self, image: ImageSpec, *, tokens: int = 32, patch: int = 8, dim: int = 96, depth: int = 4, heads: int = 3
    ) -> None:
        super().__init__()
        self.tokens = nn.Parameter(dim**-0.5 * torch.randn(tokens, dim))
        self.embed = Patches(image, patch, dim)
        self.blocks = blocks(dim, depth, heads)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d 1 k"]:
        patches = self.embed(images)  # (b, n, d)
        row = torch.cat([patches, self.tokens.expand(images.shape[0], -1, -1)], dim=1)  # (b, n + k, d)
        return self.blocks(row)[:, patches.shape[1] :].mT[:, :, None]


class TiTokDecoder(nn.Module):
    """A map of tokens ``(b, m, h', w')``, in a row or not, to parameter maps ``(b, c, h, w)``.

    A token of zeros, as `nested` leaves behind the first few, is told from another by its place alone.

    Args:
        latent_shape: of one ``z``, ``(m, h', w')``.
        image: the images to make.
        patch: p.
        dim: d.
        depth: blocks.
        heads: of attention.

    Raises:
        CompositionError: ``z`` is no map.
    """

    places: Tensor

    def __init__(
        self,
        latent_shape: tuple[int, ...],
        image: ImageSpec,
        *,
        patch: int = 8,
        dim: int = 96,
        depth: int = 4,
        heads: int = 3,
    ) -> None:
        super().__init__()
        if len(latent_shape) != 3:
            raise CompositionError(f"decoder titok takes a map (c, h, w) of tokens, and z is {latent_shape}")
        height, width = (math.ceil(side / patch) for side in image.size)
        self.mask = nn.Parameter(dim**-0.5 * torch.randn(dim))
        self.order = nn.Parameter(dim**-0.5 * torch.randn(math.prod(latent_shape[1:]), dim))
        self.register_buffer("places", sines((height, width), dim), persistent=False)
        self.embed = nn.Conv2d(latent_shape[0], dim, 1)
        self.blocks = blocks(dim, depth, heads)
        self.pixels = Pixels(image, patch, (height, width), dim)

    def forward(self, z: Float[Tensor, "b m h w"]) -> Float[Tensor, "b c h2 w2"]:
        tokens = self.embed(z).flatten(2).mT + self.order  # (b, k, d)
        patches = (self.mask + self.places).expand(z.shape[0], -1, -1)  # (b, n, d)
        row = torch.cat([patches, tokens], dim=1)
        return self.pixels(self.blocks(row)[:, : patches.shape[1]])
