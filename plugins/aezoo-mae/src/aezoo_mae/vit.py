"""Vision transformers (Dosovitskiy et al. 2021, arXiv 2010.11929) of timm's blocks: an encoder, which in training sees
few of the patches (He et al. 2022, arXiv 2111.06377), and a decoder.

Shapes: b images ``(c, h, w)``; n = h' * w' patches of p x p pixels, d numbers a token. Places are told by sines and
cosines, which are fixed; there is no class token.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo._torchvision import import_timm
from aezoo.bottlenecks.base import training_noise
from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec


class ViTEncoder(nn.Module):
    """``(b, c, h, w)`` to a map of tokens ``(b, d, ceil(h / p), ceil(w / p))``.

    In ``train()`` a random share of an image's patches is left out, anew in each step: the blocks do not see them, and
    their features are zeros. In ``eval()`` none is.

    Args:
        image: the images, padded to a multiple of p on the right and bottom.
        patch: p.
        dim: d.
        depth: blocks.
        heads: of attention.
        mask: the share that is left out, rounded to whole patches.
    """

    places: Tensor

    def __init__(
        self, image: ImageSpec, *, patch: int = 8, dim: int = 192, depth: int = 6, heads: int = 3, mask: float = 0.75
    ) -> None:
        super().__init__()
        height, width = image.size
        self.patch, self.grid = patch, (math.ceil(height / patch), math.ceil(width / patch))
        self.padding = (0, self.grid[1] * patch - width, 0, self.grid[0] * patch - height)
        self.patches = math.prod(self.grid)
        self.kept = max(1, round(self.patches * (1 - mask)))
        self.embed = nn.Conv2d(image.channels, dim, patch, patch)
        self.register_buffer("places", _places(self.grid, dim), persistent=False)
        self.blocks = _blocks(dim, depth, heads)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        if self.training and self.kept < self.patches:
            return self.masked(images, training_noise(images.new_empty(images.shape[0], self.patches)))
        return self.blocks(self._tokens(images)).mT.unflatten(2, self.grid)

    def masked(self, images: Float[Tensor, "b c h w"], order: Float[Tensor, "b n"]) -> Float[Tensor, "b d h2 w2"]:
        """The features of the patches that are first in ``order``, and zeros."""
        tokens = self._tokens(images)
        places = order.argsort(1)[:, : self.kept, None].expand(-1, -1, tokens.shape[2])  # (b, kept, d)
        seen = self.blocks(tokens.gather(1, places))
        return torch.zeros_like(tokens, dtype=seen.dtype).scatter(1, places, seen).mT.unflatten(2, self.grid)

    def _tokens(self, images: Tensor) -> Float[Tensor, "b n d"]:
        return self.embed(F.pad(2 * images - 1, self.padding)).flatten(2).mT + self.places


class ViTDecoder(nn.Module):
    """A map of tokens ``(b, m, h', w')`` to parameter maps ``(b, c, h, w)``.

    Each token becomes a patch of p x p pixels, p being the smallest that covers the image, which lies at the top left.

    Args:
        latent_shape: of one ``z``, ``(m, h', w')``.
        image: the images to make.
        dim: d.
        depth: blocks.
        heads: of attention.

    Raises:
        CompositionError: ``z`` is no map.
    """

    places: Tensor

    def __init__(
        self, latent_shape: tuple[int, ...], image: ImageSpec, *, dim: int = 96, depth: int = 2, heads: int = 3
    ) -> None:
        super().__init__()
        if len(latent_shape) != 3:
            raise CompositionError(f"decoder vit takes a map (c, h, w) of tokens, and z is {latent_shape}")
        self.size, grid = image.size, latent_shape[1:]
        self.patch = max(math.ceil(side / n) for side, n in zip(image.size, grid, strict=True))
        self.embed = nn.Conv2d(latent_shape[0], dim, 1)
        self.register_buffer("places", _places(grid, dim), persistent=False)
        self.blocks = _blocks(dim, depth, heads)
        self.pixels = nn.Conv2d(dim, image.channels * self.patch**2, 1)

    def forward(self, z: Float[Tensor, "b d h w"]) -> Float[Tensor, "b c h2 w2"]:
        tokens = self.blocks(self.embed(z).flatten(2).mT + self.places)  # (b, n, d)
        maps = self.pixels(tokens.mT.unflatten(2, z.shape[2:]))  # (b, c*p*p, h', w')
        return F.pixel_shuffle(maps, self.patch)[:, :, : self.size[0], : self.size[1]]


def _places(grid: tuple[int, ...], dim: int) -> Float[Tensor, "n d"]:
    return import_timm("timm.layers").build_sincos2d_pos_embed(list(grid), dim)


def _blocks(dim: int, depth: int, heads: int) -> nn.Sequential:
    """Blocks and their last normalisation, started as those of He et al. are."""
    block = import_timm("timm.models.vision_transformer").Block
    blocks = nn.Sequential(*(block(dim, heads, qkv_bias=True) for _ in range(depth)), nn.LayerNorm(dim))
    for layer in blocks.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return blocks
