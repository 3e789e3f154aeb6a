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
from aezoo.errors import CompositionError
from aezoo.noise import training_noise
from aezoo.plain import ImageSpec


class Patches(nn.Module):
    """``(b, c, h, w)`` to a token of each patch, its place added, ``(b, n, d)``.

    Args:
        image: the images, padded to a multiple of p on the right and bottom.
        patch: p.
        dim: d.

    Attributes:
        grid: ``(h', w')``.
        padding: as `torch.nn.functional.pad` takes it.
    """

    places: Tensor

    def __init__(self, image: ImageSpec, patch: int, dim: int) -> None:
        super().__init__()
        height, width = image.size
        self.patch, self.grid = patch, (math.ceil(height / patch), math.ceil(width / patch))
        self.padding = (0, self.grid[1] * patch - width, 0, self.grid[0] * patch - height)
        self.project = nn.Conv2d(image.channels, dim, patch, patch)
        self.register_buffer("places", sines(self.grid, dim), persistent=False)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n d"]:
        return self.project(F.pad(2 * images - 1, self.padding)).flatten(2).mT + self.places


class Pixels(nn.Module):
    """A token of each patch ``(b, n, d)`` to parameter maps ``(b, c, h, w)``.

    Args:
        image: the images to make, which lie at the top left of the patches.
        patch: p.
        grid: ``(h', w')``.
        dim: d.
    """

    def __init__(self, image: ImageSpec, patch: int, grid: tuple[int, int], dim: int) -> None:
        super().__init__()
        self.patch, self.grid, self.size = patch, grid, image.size
        self.project = nn.Conv2d(dim, image.channels * patch**2, 1)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b c h w"]:
        maps = self.project(tokens.mT.unflatten(2, self.grid))  # (b, c*p*p, h', w')
        return F.pixel_shuffle(maps, self.patch)[:, :, : self.size[0], : self.size[1]]


class ViTEncoder(nn.Module):
    """``(b, c, h, w)`` to a map of tokens ``(b, d, ceil(h / p), ceil(w / p))``.

    With a ``mask``, in ``train()`` a random share of an image's patches is left out, anew in each step: the blocks do
    not see them, and their features are zeros. In ``eval()`` none is.

    Args:
        image: the images, padded to a multiple of p on the right and bottom.
        patch: p.
        dim: d.
        depth: blocks.
        heads: of attention.
        mask: the share that is left out, rounded to whole patches.
    """

    def __init__(
        self, image: ImageSpec, *, patch: int = 8, dim: int = 192, depth: int = 6, heads: int = 3, mask: float = 0.0
    ) -> None:
        super().__init__()
        self.embed = Patches(image, patch, dim)
        self.patches = math.prod(self.embed.grid)
        self.kept = max(1, round(self.patches * (1 - mask)))
        self.blocks = blocks(dim, depth, heads)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        if self.training and self.kept < self.patches:
            return self.masked(images, training_noise(images.new_empty(images.shape[0], self.patches)))
        return self.blocks(self.embed(images)).mT.unflatten(2, self.embed.grid)

    def masked(self, images: Float[Tensor, "b c h w"], order: Float[Tensor, "b n"]) -> Float[Tensor, "b d h2 w2"]:
        """The features of the patches that are first in ``order``, and zeros."""
        tokens = self.embed(images)
        kept = order.argsort(1)[:, : self.kept, None].expand(-1, -1, tokens.shape[2])  # (b, kept, d)
        seen = self.blocks(tokens.gather(1, kept))
        return torch.zeros_like(tokens, dtype=seen.dtype).scatter(1, kept, seen).mT.unflatten(2, self.embed.grid)


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
        height, width = latent_shape[1:]
        patch = max(math.ceil(side / n) for side, n in zip(image.size, (height, width), strict=True))
        self.embed = nn.Conv2d(latent_shape[0], dim, 1)
        self.register_buffer("places", sines((height, width), dim), persistent=False)
        self.blocks = blocks(dim, depth, heads)
        self.pixels = Pixels(image, patch, (height, width), dim)

    def forward(self, z: Float[Tensor, "b d h w"]) -> Float[Tensor, "b c h2 w2"]:
        return self.pixels(self.blocks(self.embed(z).flatten(2).mT + self.places))


def sines(grid: tuple[int, int], dim: int) -> Float[Tensor, "n d"]:
    """Sines and cosines of each place of a grid."""
    return import_timm("timm.layers").build_sincos2d_pos_embed(list(grid), dim)


def blocks(dim: int, depth: int, heads: int) -> nn.Sequential:
    """Blocks and their last normalisation, started as those of He et al. are."""
    block = import_timm("timm.models.vision_transformer").Block
    made = nn.Sequential(*(block(dim, heads, qkv_bias=True) for _ in range(depth)), nn.LayerNorm(dim))
    for layer in made.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return made
