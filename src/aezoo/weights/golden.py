"""Golden tensors: what a model answers on known images, stored beside its weights."""

from __future__ import annotations

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.datasets.pipeline import load_images
from aezoo.latent import Batch
from aezoo.modes import settled
from aezoo.plain import ImageSpec

DATA = "toyfaces(count=4)"
"""The images: they may be published."""
FLIPS = 0.01
"""The share of a latent's places at which rounding may choose another code."""
_SIDE = 256


def golden_images(model: Autoencoder) -> Tensor:
    """Drawn faces of the size and the channels that a model takes: four, grey, of at most 256 pixels where it takes
    them smaller.
    """
    height, width = model.image.size
    if model.stride:
        most = max(_SIDE - _SIDE % model.stride, model.stride)
        height, width = min(height, most), min(width, most)
    images = load_images(DATA, "test", ImageSpec((height, width)))
    return images.batch(range(len(images))).images.repeat(1, model.image.channels, 1, 1)


@torch.no_grad()
def golden(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """What the model answers on known images, in float32 and ``eval()``: proof that weights were loaded rightly.

    A conditional model is told that all are of the first class. An encoder alone has no reconstructions; a decoder
    alone has those of standard normal ``z``.
    """
    labels = model.example(len(images)).labels
    found = {}
    with settled(model):
        if model.only == "decoder":
            z = torch.randn(len(images), *model.latent_shape, generator=torch.Generator().manual_seed(0))
        else:
            z = model.encode(Batch(images, labels)).z
            found["images"] = images
        if model.only != "encoder":
            found["reconstruction"] = model.decode(z, labels)
    return {"z": z, **found}


@torch.no_grad()
def golden_again(model: Autoencoder, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the model answers now, to be held against what was stored.

    Codes are chosen, and where an image lies between two of them the order of additions decides: another code at up to
    `FLIPS` of the places counts as the stored one, of which the reconstructions then are.
    """
    asked, then = stored.get("images", stored["z"]), stored["z"]
    again = golden(model, asked)
    if model.only != "decoder" and "codes" in model.provides and again["z"].shape == then.shape:
        moved = ((again["z"] - then).abs() > 1e-4).any(1, keepdim=True)  # (b, 1, *positions)
        if 0 < moved.double().mean() <= FLIPS:
            again["z"] = torch.where(moved, then, again["z"])
            if "reconstruction" in again:
                with settled(model):
                    again["reconstruction"] = model.decode(again["z"], model.example(len(asked)).labels)
    return again
