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
