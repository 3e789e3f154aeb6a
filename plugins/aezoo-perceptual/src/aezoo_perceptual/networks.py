"""Frozen networks of torchvision, with weights that are on this machine already. Nothing is fetched.

Shapes: b images ``(c, h, w)`` in [0, 1], c being 1 or 3; features are ``(b, n, h', w')``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo._torchvision import torchvision
from aezoo.door import by
from aezoo.errors import CompositionError, WeightsError, one_line
from aezoo.modes import in_float32
from aezoo.plain import ImageSpec


@dataclass(frozen=True, slots=True)
class Network:
    """A network of torchvision, and where Zhang et al. look into it.

    Attributes:
        name: torchvision's.
        weights: its enumeration of published weights, of which the first ones are taken, ``IMAGENET1K_V1``.
        at: the places of activations among its layers.
    """

    name: str
    weights: str
    at: tuple[int, ...]

    @property
    def url(self) -> str:
        """Where its weights are published."""
        return getattr(torchvision.models, self.weights).IMAGENET1K_V1.url

    @property
    def path(self) -> Path:
        """Where torch keeps them: under ``TORCH_HOME``, where that is set."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]


NETWORKS = {
    "alex": Network("alexnet", "AlexNet_Weights", (1, 4, 7, 9, 11)),
    "squeeze": Network("squeezenet1_1", "SqueezeNet1_1_Weights", (1, 4, 7, 9, 10, 11, 12)),
    "vgg": Network("vgg16", "VGG16_Weights", (3, 8, 15, 22, 29)),
}


class Features(nn.Module):
    """Images to the activations of a frozen network, in float32 whatever the precision. It stays in ``eval()``.

    Args:
        image: the images.
        net: a name of `NETWORKS`.
        at: the places of the activations among its layers.
        mean, std: of each colour, by which images are normalised.

    Raises:
        CompositionError: the images have neither one nor three channels, or are too small.
        WeightsError: the weights are not on this machine, or are damaged.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, image: ImageSpec, net: str, at: Sequence[int], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        if image.channels not in (1, 3):
            raise CompositionError(f"{NETWORKS[net].name} takes 1 or 3 channels, not {image.channels}")
        self.at = frozenset(at)
        self.layers = _layers(net, max(at), image)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """As of any module; but it stays in ``eval()``."""
        return super().train(False)

    def forward(self, images: Float[Tensor, "b c h w"]) -> list[Tensor]:
        seen = []
        with in_float32(images):
            x = (images.float() - self.mean) / self.std  # (b, 3, h, w), also of grey images
            for place, layer in enumerate(self.layers):
                x = layer(x)
                if place in self.at:
                    seen.append(x)
        return seen


def _layers(net: str, last: int, image: ImageSpec) -> nn.Sequential:
    """The layers of a network up to the last that is looked at, with their weights."""
    network = NETWORKS[net]
    with torch.device("meta"):  # without its classifier, and nothing drawn at random
        layers = getattr(torchvision.models, network.name)().features[: last + 1]
        try:
            layers(torch.empty(1, 3, *image.size))
        except RuntimeError as error:
            raise CompositionError(f"images of {by(image.size)} are too small for {network.name}") from error
    stored = _stored(network)
    try:
        state = {name: stored[f"features.{name}"].float() for name in layers.state_dict()}
        layers.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, AttributeError) as error:
        raise WeightsError(f"{network.path} is damaged: it is no {network.name} of torchvision") from error
    return layers


def _stored(network: Network) -> dict[str, Any]:
    path = network.path
    if not path.is_file():
        raise WeightsError(f"the weights of {network.name} are missing: put {network.url} at {path}, or set TORCH_HOME")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a file that is something else
        raise WeightsError(f"{path} is damaged: {one_line(error):.120}") from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{path} is damaged: it is no {network.name} of torchvision")
    return stored


def calibrated(net: str) -> list[Tensor]:
    """Zhang et al.'s weights of a network's channels, ``(n, 1, 1)`` for each activation: version 0.1, in ``lpips``.

    Raises:
        WeightsError: the package does not hold them.
    """
    found = importlib.util.find_spec("lpips")
    places = list(found.submodule_search_locations or ()) if found else []
    try:
        path = Path(places[0]) / "weights" / "v0.1" / f"{net}.pth"
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return [stored[f"lin{n}.model.1.weight"].float()[0] for n in range(len(NETWORKS[net].at))]
    except Exception as error:
        raise WeightsError(
            "the calibrated weights of LPIPS are missing: pip install --force-reinstall lpips"
        ) from error
