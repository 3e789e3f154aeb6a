"""The term ``alignment``: latents lie to each other as the features of a frozen network do (VA-VAE, Yao et al. 2025,
arXiv 2501.01423).

Shapes: b images of d = c*h*w values; ``z`` is ``(n, h', w')``, the network's features are ``(m, h', w')``, resized
where theirs is a map of another size. Images are resized to what the network covers with whole patches first, so that
both maps are of the same places.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo.errors import CompositionError, OptionError
from aezoo.latent import Output
from aezoo.losses.adaptive import gradient_ratio
from aezoo.losses.context import Context
from aezoo.modes import in_float32
from aezoo.plain import ImageSpec
from aezoo.requests import ask


class Alignment(nn.Module):
    """``d * (mean of relu(1 - m1 - cos(W z_i, f_i)) + mean of relu(|cos(z_i, z_j) - cos(f_i, f_j)| - m2))``, over the
    positions i of the map and over its pairs; W is a linear projection that is learned.

    Adaptive, the weight is multiplied by the ratio of the norms of two gradients, that of the other terms and that of
    this one. The paper takes them at the encoder's last layer; here it is at ``z``, which every encoder has.

    Args:
        image: the images.
        latent_shape: of one ``z``.
        network: an encoder by name, ``"timm:vit_small_patch14_dinov2"``. It is frozen, in float32, and not stored with
            a run.
        pretrained: with the weights that are published for it (a download).
        cosine_margin: m1.
        distance_margin: m2.
        adaptive: whether the weight is.

    Raises:
        OptionError: no network is named, or one whose weights are drawn at random where there are published ones.
        CompositionError: the latent or the features are no map.
        UnknownNameError: no encoder has this name.
        WeightsError: the weights cannot be downloaded.
    """

    def __init__(
        self,
        image: ImageSpec,
        latent_shape: tuple[int, ...],
        *,
        network: str = "",
        pretrained: bool = False,
        cosine_margin: float = 0.5,
        distance_margin: float = 0.25,
        adaptive: bool = True,
    ) -> None:
        super().__init__()
        values = math.prod(image.shape)
        if not network:
            example = "alignment(network='timm:vit_small_patch14_dinov2', pretrained=True)"
            raise OptionError(f"alignment with what? Name an encoder: {example}")
        asked = ask("encoder", network, "file")  # what reaches outside is the option pretrained's to say
        with torch.device("meta"):  # a backbone would pad them to multiples of its stride
            self.size = getattr(asked.build(image=image), "prepare", image).size
        image = dataclasses.replace(image, size=self.size)
        if "pretrained" in asked.options:
            if not pretrained:
                raise OptionError(
                    f"alignment(network={network!r}) is with weights drawn at random: add pretrained=True"
                )
            asked = ask("encoder", asked.component.replace(pretrained=True))
        # Where nothing is published it is drawn, the same in every run: it is in no checkpoint.
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            self.network = asked.build(image=image).requires_grad_(False).eval()
        with torch.no_grad():
            features = self.network(torch.zeros(1, *image.shape))[0]
        for what, shape in ((f"network {network}", features.shape), ("the model", latent_shape)):
            if len(shape) != 3:
                raise CompositionError(f"alignment compares maps (n, h, w), and {what} gives {tuple(shape)}")
        self.project = nn.Conv2d(latent_shape[0], len(features), 1, bias=False)
        self.margins = cosine_margin, distance_margin
        self.values = values
        self.adaptive = adaptive

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        z = output.latent.z.float()
        with in_float32(z):
            with torch.no_grad():
                if images.shape[2:] != self.size:
                    images = F.interpolate(images.float(), self.size, mode="bilinear", antialias=True)
                features = self.network(images.float()).float()
                features = F.interpolate(features, z.shape[2:], mode="bilinear", antialias=True)  # (b, m, h', w')
            cosine = F.cosine_similarity(self.project(z), features, dim=1)  # (b, h', w')
            apart = (_similarities(z) - _similarities(features)).abs()  # (b, h' w', h' w')
        lost = [F.relu(1 - self.margins[0] - cosine), F.relu(apart - self.margins[1])]
        return self.values * torch.stack([each.flatten(1).mean(1) for each in lost]).sum(0)

    def adaptive_weight(self, own: Tensor, others: dict[str, Tensor], context: Context) -> Tensor:
        """The norm of the other terms' gradient over that of this one, unweighted."""
        assert context.output is not None
        return gradient_ratio(others.values(), own, context.output.latent.z, self.values)


def _similarities(maps: Float[Tensor, "b n h w"]) -> Float[Tensor, "b p p"]:
    """The cosine of every position with every other."""
    unit = F.normalize(maps.flatten(2), dim=1)
    return unit.mT @ unit
