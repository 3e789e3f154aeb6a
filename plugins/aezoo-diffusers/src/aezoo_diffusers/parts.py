"""The two halves of diffusers' autoencoders, each with the range of images that diffusers has: [-1, 1], RAE [0, 1].

Shapes: b images ``(c, h, w)``; a latent map is ``(d, h/s, w/s)``, s being the stride.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.upsampling import Upsample2D
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo import _torchvision as _torchvision  # first: what diffusers imports may import torchvision
from aezoo_diffusers.scaling import Scaling


class Encoder(nn.Module):
    """Images in [0, 1] to the features of a latent map.

    Args:
        encoder: diffusers', of images in [-1, 1].
        stride: pixels of a position, along a side.
        quant_conv: what follows, where anything does.
    """

    def __init__(self, encoder: nn.Module, stride: int, quant_conv: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder, self.quant_conv, self.stride = encoder, quant_conv, stride

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        features = self.encoder(2 * images - 1)
        return features if self.quant_conv is None else self.quant_conv(features)


class Decoder(nn.Module):
    """``z`` to images in [0, 1], not held there.

    Args:
        decoder: diffusers', to images in [-1, 1].
        stride: pixels of a position, along a side.
        scaling: of the latents, taken back first.
        post_quant_conv: what comes before the decoder, where anything does.
        conditioned: whether the decoder's normalisations see the latent too.
    """

    def __init__(
        self,
        decoder: nn.Module,
        stride: int,
        scaling: Scaling,
        post_quant_conv: nn.Module | None = None,
        *,
        conditioned: bool = False,
    ) -> None:
        super().__init__()
        self.post_quant_conv, self.decoder = post_quant_conv, unbound(decoder)
        self.stride, self.scaling, self.conditioned = stride, scaling, conditioned

    def forward(self, z: Float[Tensor, "b d h2 w2"]) -> Float[Tensor, "b c h w"]:
        own = self.scaling.own(z)
        x = own if self.post_quant_conv is None else self.post_quant_conv(own)
        x = self.decoder(x, own) if self.conditioned else self.decoder(x)
        return (x + 1) / 2


class Upsample(nn.Module):
    """A map doubled by nearest neighbours, then convolved: ``(b, n, h, w)`` to ``(b, m, 2 h, 2 w)``.

    What diffusers' Upsample2D computes in these decoders; it also asks whether a batch is large, which would bind an
    exported graph to small ones.
    """

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Float[Tensor, "b n h w"]) -> Float[Tensor, "b m h2 w2"]:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def unbound(decoder: nn.Module) -> nn.Module:
    """The same decoder with an `Upsample` in the place of each that is one; their weights keep their names."""
    for block in decoder.modules():
        for name, child in block.named_children():
            conv = getattr(child, "conv", None)
            if isinstance(child, Upsample2D) and isinstance(conv, nn.Conv2d) and child.norm is None:
                setattr(block, name, Upsample(conv))
    return decoder


def dinov2(encoder: Any, images: Tensor) -> Tensor:
    """The tokens of patches ``(b, n, d)``, without those of the class and the four registers."""
    return encoder(images).last_hidden_state[:, 5:]


def siglip2(encoder: Any, images: Tensor) -> Tensor:
    """The tokens of patches ``(b, n, d)``."""
    return encoder(images, interpolate_pos_encoding=True).last_hidden_state


def mae(encoder: Any, images: Tensor, patch: int) -> Tensor:
    """The tokens of patches ``(b, n, d)``, none masked and in order, without that of the class."""
    n = images.shape[2] * images.shape[3] // patch**2
    order = torch.arange(n, device=images.device, dtype=torch.float32).expand(images.shape[0], -1)
    return encoder(images, order, interpolate_pos_encoding=True).last_hidden_state[:, 1:]


class FeatureEncoder(nn.Module):
    """Images in [0, 1] to the map of a frozen transformer's tokens; it stays in ``eval()``.

    Args:
        encoder: the transformer.
        tokens: what calls it: ``tokens(encoder, images)``, ``(b, n, d)``.
        size: the side that images are resized to.
        mean, std: of the images that it was trained on, ``(1, c, 1, 1)``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: nn.Module, tokens: Callable[..., Any], size: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.encoder, self.tokens, self.size = encoder.requires_grad_(False), tokens, (size, size)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def train(self, mode: bool = True) -> FeatureEncoder:
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        if images.shape[2:] != self.size:
            images = F.interpolate(images, self.size, mode="bicubic", align_corners=False)
        tokens = self.tokens(self.encoder, (images - self.mean) / self.std)  # (b, n, d)
        side = math.isqrt(tokens.shape[1])
        return tokens.mT.unflatten(2, (side, side))


class FeatureDecoder(nn.Module):
    """``z`` of normalised features to images in [0, 1], not held there.

    Args:
        decoder: diffusers', of tokens.
        latents_mean, latents_std: of the features, as the bottleneck has them.
        mean, std: of images, as the encoder has them.
        scaling: of the latents, taken back first.
    """

    latents_mean: Tensor
    latents_std: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self, decoder: Any, latents_mean: Tensor, latents_std: Tensor, mean: Tensor, std: Tensor, scaling: Scaling
    ) -> None:
        super().__init__()
        self.decoder, self.scaling = decoder, scaling
        buffers = {"latents_mean": latents_mean, "latents_std": latents_std, "mean": mean, "std": std}
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer.clone())  # a file of weights holds no tensor twice

    def forward(self, z: Float[Tensor, "b d h2 w2"]) -> Float[Tensor, "b c h w"]:
        features = self.scaling.own(z) * (self.latents_std + 1e-5) + self.latents_mean
        patches = self.decoder(features.flatten(2).mT, return_dict=False)[0]
        return self.decoder.unpatchify(patches) * self.std + self.mean
