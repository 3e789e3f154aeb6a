"""LPIPS (Zhang et al. 2018, arXiv 1801.03924) and the distance of VGG16's features (Johnson et al. 2016, arXiv
1603.08155), as loss terms and as a metric.

Shapes: b images ``(c, h, w)`` in [0, 1]. Both are means over positions; a term is that times c*h*w, so that it weighs
against the sums of ``l1``, ``l2`` and ``kl`` as its weight says.
"""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import OptionError
from aezoo.latent import Output
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo_perceptual import RELUS
from aezoo_perceptual.networks import NETWORKS, Features, calibrated

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The same of images in [-1, 1], as LPIPS was calibrated with them, taken to [0, 1].
_LPIPS = tuple((1 + shift) / 2 for shift in (-0.030, -0.088, -0.188)), tuple(s / 2 for s in (0.458, 0.448, 0.450))
_LEAST = 1e-30  # of a squared length: the root has no gradient at zero


class Lpips(nn.Module):
    """The distance of two images: their features' squared differences, each feature vector of length 1, weighed by
    channel, averaged over positions and added over layers. It is 0 of equal images, and symmetric.

    Its number is that of ``lpips.LPIPS(net=net)``, version 0.1. Where all features of a position are 0, that has a
    gradient that is not a number; here it is 0.

    Args:
        image: the images.
        net: ``"alex"``, ``"squeeze"`` or ``"vgg"``.

    Raises:
        CompositionError, WeightsError: as `Features`.
    """

    def __init__(self, image: ImageSpec, *, net: str = "vgg") -> None:
        super().__init__()
        self.features = Features(image, net, NETWORKS[net].at, *_LPIPS)
        self.weights = nn.ParameterList(nn.Parameter(each, requires_grad=False) for each in calibrated(net))

    def forward(self, x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        pairs = zip(self.features(x), self.features(y), self.weights, strict=True)
        each = [(weight * (_unit(a) - _unit(b)).square()).sum(1).mean((1, 2)) for a, b, weight in pairs]
        return torch.stack(each).sum(0)


class LpipsTerm(nn.Module):
    """`Lpips` of the reconstruction and the images, times c*h*w.

    Args:
        image: the images.
        net: as of `Lpips`.

    Raises:
        CompositionError, WeightsError: as `Lpips`.
    """

    def __init__(self, image: ImageSpec, *, net: str = "vgg") -> None:
        super().__init__()
        self.distance = Lpips(image, net=net)

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        return images[0].numel() * self.distance(output.reconstruction, images)


class VggTerm(nn.Module):
    """The mean squared error of VGG16's activations, added over layers, times c*h*w (their equation 2, of one layer).

    The paper's network is another training of VGG16, on images of 0 to 255; this one is torchvision's.

    Args:
        image: the images.
        layers: names of activations, ``"relu2_2"``.

    Raises:
        OptionError: a layer is named twice.
        CompositionError, WeightsError: as `Features`.
    """

    def __init__(self, image: ImageSpec, *, layers: tuple[str, ...] = ("relu2_2",)) -> None:
        super().__init__()
        if len(set(layers)) < len(layers):
            raise OptionError(f"vgg(layers={layers}): a layer is named twice")
        self.features = Features(image, "vgg", [_PLACES[name] for name in layers], *_IMAGENET)

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        pairs = zip(self.features(output.reconstruction), self.features(images), strict=True)
        return images[0].numel() * torch.stack([(a - b).square().mean((1, 2, 3)) for a, b in pairs]).sum(0)


class LpipsMetric(nn.Module):
    """`Lpips` of each image.

    Args:
        image: the images.
        net: as of `Lpips`.

    Raises:
        CompositionError, WeightsError: as `Lpips`.
    """

    def __init__(self, image: ImageSpec, *, net: str = "alex") -> None:
        super().__init__()
        self.distance = Lpips(image, net=net)
        whole = hashlib.sha256()
        for tensor in self.distance.state_dict().values():
            whole.update(tensor.numpy().tobytes())
        self.protocol = {"sha256": whole.hexdigest()}  # whichever weights lie under the network's name

    def forward(self, x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        return self.distance(x, y)


def _unit(features: Tensor) -> Tensor:
    """Each position's vector of features, of length 1."""
    length = features.square().sum(1, keepdim=True).clamp(min=_LEAST).sqrt()
    return features / (length + 1e-10)


# A block is convolutions, each with its activation, and a pooling.
_PLACES = {name: 2 * index + int(name[4]) for index, name in enumerate(RELUS)}
