"""What reads the factors of toyfaces off pictures: a small network for each style, pinned by its hash.

``python -m aezoo_factors.train`` made them. Beside each lies its record, a generated file: the sha256, the recipe, and
how well it reads each factor off images that it was not trained on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import torch
from jaxtyping import Float
from safetensors.torch import load as parse
from torch import Tensor, nn

from aezoo.errors import WeightsError
from aezoo.plain import ImageSpec

IMAGES = {style: ImageSpec((64, 64), 3 if style == "colour" else 1) for style in ("sketch", "shaded", "colour")}
"""What the network of each style takes."""
READABLE = 0.92
"""The least R2 on validation images at which a factor counts as one that can be read."""


class Regressor(nn.Module):
    """Images to factors, ``(b, c, 64, 64)`` to ``(b, f)``: four strided convolutions and a linear layer.

    Args:
        channels: of the images.
        factors: how many.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, factors: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(),  # (b, 16, 32, 32)
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),  # (b, 32, 16, 16)
            nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),  # (b, 64, 8, 8)
            nn.Conv2d(64, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),  # (b, 64, 4, 4)
            nn.Flatten(), nn.Linear(1024, factors),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(factors))  # of the training images' factors
        self.register_buffer("deviation", torch.ones(factors))

    def forward(self, images: Float[Tensor, "b c 64 64"]) -> Float[Tensor, "b f"]:
        return self.mean + self.deviation * self.layers(images)


@dataclass(frozen=True)
class Pinned:
    """A trained regressor, in ``eval()``, and what its record says.

    Attributes:
        network: the regressor.
        image: what it takes.
        sha256: of its weights.
        readable: by name, the places among a face's factors of those with an R2 of `READABLE` on held-out images.
    """

    network: Regressor
    image: ImageSpec
    sha256: str
    readable: dict[str, int]


def load(style: str, folder: Traversable | None = None) -> Pinned:
    """The pinned regressor of a style.

    Args:
        style: of `IMAGES`.
        folder: where its two files lie; by default in this package.

    Raises:
        WeightsError: they are missing or damaged, or the weights are not those of the record.
    """
    folder = folder or files("aezoo_factors") / "networks"
    path = folder / f"{style}.safetensors"
    try:
        record, data = json.loads((folder / f"{style}.json").read_text(encoding="utf-8")), path.read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"the regressor of {style} toyfaces is damaged: {error}\nreinstall aezoo-factors") from None
    if (found := hashlib.sha256(data).hexdigest()) != record["sha256"]:
        which = f"{path} has the sha256 {found[:12]}..., not {record['sha256'][:12]}..."
        raise WeightsError(f"the regressor of {style} toyfaces is damaged: {which}\nreinstall aezoo-factors")
    network = Regressor(IMAGES[style].channels, len(record["validation"]))
    network.load_state_dict(parse(data))  # the halves become float32
    places = {name: place for place, name in enumerate(record["validation"])}
    readable = {name: places[name] for name, score in record["validation"].items() if score >= READABLE}
    return Pinned(network.requires_grad_(False).eval(), IMAGES[style], found, readable)


def r2(read: Float[Tensor, "n f"], true: Float[Tensor, "n f"]) -> Float[Tensor, " f"]:
    """The coefficient of determination of each column, 1 - sum of (true - read)^2 / sum of (true - mean)^2."""
    return 1 - (true - read).square().sum(0) / (true - true.mean(0)).square().sum(0)
