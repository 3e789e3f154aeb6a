"""What reads the factors of shaded toyfaces off pictures: a small network, pinned by its hash.

``python -m aezoo_factors.train`` made it. Beside it lies its record, a generated file: the sha256, the recipe, and how
well it reads each factor off images that it was not trained on.
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

IMAGE = ImageSpec((64, 64), 1)
"""What it takes."""
NAME = "shaded"
"""What its two files are called."""
READABLE = 0.95
"""The least R2 on validation images at which a factor counts as one that can be read."""


class Regressor(nn.Module):
    """Images to factors, ``(b, 1, 64, 64)`` to ``(b, f)``: four strided convolutions and a linear layer.

    Args:
        factors: how many.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, factors: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(),  # (b, 16, 32, 32)
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),  # (b, 32, 16, 16)
            nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),  # (b, 64, 8, 8)
            nn.Conv2d(64, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),  # (b, 64, 4, 4)
            nn.Flatten(), nn.Linear(1024, factors),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(factors))  # of the training images' factors
        self.register_buffer("deviation", torch.ones(factors))

    def forward(self, images: Float[Tensor, "b 1 64 64"]) -> Float[Tensor, "b f"]:
        return self.mean + self.deviation * self.layers(images)


@dataclass(frozen=True)
class Pinned:
    """The trained regressor, in ``eval()``, and what its record says.

    Attributes:
        network: the regressor.
        sha256: of its weights.
        readable: by name, the places among a face's factors of those with an R2 of `READABLE` on held-out images.
    """

    network: Regressor
    sha256: str
    readable: dict[str, int]


def load(folder: Traversable | None = None) -> Pinned:
    """The pinned regressor.

    Args:
        folder: where its two files lie; by default in this package.

    Raises:
        WeightsError: they are missing or damaged, or the weights are not those of the record.
    """
    folder = folder or files("aezoo_factors") / "networks"
    path = folder / f"{NAME}.safetensors"
    try:
        record, data = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8")), path.read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"the regressor of toyfaces is damaged: {error}\nreinstall aezoo-factors") from None
    if (found := hashlib.sha256(data).hexdigest()) != record["sha256"]:
        which = f"{path} has the sha256 {found[:12]}..., not {record['sha256'][:12]}..."
        raise WeightsError(f"the regressor of toyfaces is damaged: {which}\nreinstall aezoo-factors")
    network = Regressor(len(record["validation"]))
    network.load_state_dict(parse(data))  # the halves become float32
    places = {name: place for place, name in enumerate(record["validation"])}
    readable = {name: places[name] for name, score in record["validation"].items() if score >= READABLE}
    return Pinned(network.requires_grad_(False).eval(), found, readable)
