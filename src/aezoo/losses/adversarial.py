"""Terms with an adversary: a network that learns to tell what the model makes, by an optimiser of its own.

Shapes: b images, c channels, h height, w width, d latent dimensions.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.adaptive import gradient_ratio
from aezoo.losses.context import Context
from aezoo.modes import in_float32
from aezoo.plain import ImageSpec


class PatchAdversary(nn.Module):
    """The term ``gan``: a network scores patches of images, and the model raises the scores of its own.

    The network is pix2pix's PatchGAN (Isola et al. 2017, arXiv 1611.07004), begun as that is: kernels of deviation
    0.02, scales of batch normalisation about 1. The losses are hinges (Lim & Ye 2017, arXiv 1705.02894): the model pays
    ``-c*h*w * mean over patches of D(r)``, the network ``(max(0, 1 - D(x)) + max(0, 1 + D(r))) / 2``. Adaptive, the
    weight is multiplied by the ratio of both gradients' norms at the decoder's last layer, as in VQGAN (Esser et al.
    2021, arXiv 2012.09841, equation 7): the option's number is then the only balance.

    Args:
        image: what is scored.
        width: channels of the first layer; each further one has twice as many, up to eight times.
        layers: with stride 2.
        norm: ``"batch"`` or ``"none"``, after all layers but the first and the last.
        adaptive: whether the weight is.

    Raises:
        CompositionError: the images are too small for so many layers.
    """

    def __init__(
        self, image: ImageSpec, *, width: int = 64, layers: int = 3, norm: str = "batch", adaptive: bool = True
    ) -> None:
        super().__init__()
        if min(image.size) >> layers < 3:  # two more layers, each with a kernel of 4 and a margin of 1, leave a patch
            raise CompositionError(f"gan(layers={layers}) needs {3 << layers} pixels a side; the images are {image}")
        widths = [width * min(2**each, 8) for each in range(layers + 1)]
        rows: list[nn.Module] = [nn.Conv2d(image.channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for index, (a, b) in enumerate(pairwise(widths), 1):
            rows += [nn.Conv2d(a, b, 4, 2 if index < layers else 1, 1, bias=norm == "none")]
            rows += [nn.BatchNorm2d(b)] * (norm == "batch") + [nn.LeakyReLU(0.2)]
        self.score = nn.Sequential(*rows, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        for layer in self.score:
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
        self.adaptive = adaptive

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        return -images[0].numel() * self._scores(output.reconstruction).mean(1)

    def adversary_loss(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        real, made = self._scores(images), self._scores(output.reconstruction)
        return 0.5 * (relu(1 - real) + relu(1 + made)).mean(1)

    def adaptive_weight(self, own: Tensor, others: dict[str, Tensor], context: Context) -> Tensor:
        """The norm of the other terms' gradient over that of this one, unweighted."""
        return gradient_ratio(others.values(), own, context.model.last_layer, context.batch.images[0].numel())

    def _scores(self, images: Tensor) -> Float[Tensor, "b p"]:
        return _float32(self.score, images).flatten(1)


class LatentAdversary(nn.Module):
    """The term ``aae``: a network tells latents from samples of the prior, and the encoder makes it believe that they
    are (Makhzani et al. 2015, arXiv 1511.05644). In nats: the model pays ``-ln D(z)``, D being the probability of the
    prior, the network ``-ln D(p) - ln(1 - D(z))``, 2 ln 2 where it knows nothing.

    Args:
        latent_shape: of one ``z``.
        hidden: the width of each layer.
    """

    def __init__(self, latent_shape: tuple[int, ...], *, hidden: tuple[int, ...] = (1000, 1000)) -> None:
        super().__init__()
        self.score = _perceptron(math.prod(latent_shape), hidden)

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        return softplus(-_of(self.score, output.latent.z))

    def adversary_loss(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        prior = context.model.prior
        assert prior is not None
        z = output.latent.z
        with torch.no_grad():
            drawn = prior.sample(tuple(z.shape), context.model, context.generator)
        return softplus(-_of(self.score, drawn.to(z))) + softplus(_of(self.score, z))


class FactorAdversary(nn.Module):
    """The term ``factor``: the total correlation in nats, as the log-ratio that a network learns between latents and
    latents whose dimensions were shuffled between images (FactorVAE, Kim & Mnih 2018, arXiv 1802.05983).

    The model pays ``D(z)``. The network tells half of the batch from the other half, shuffled, so that both are
    independent, and counts both alike; its loss is ln 2 where it knows nothing.

    Args:
        latent_shape: of one ``z``.
        hidden: the width of each layer.

    Raises:
        CompositionError: the network is to learn of fewer than four images.
    """

    def __init__(self, latent_shape: tuple[int, ...], *, hidden: tuple[int, ...] = (1000,) * 5) -> None:
        super().__init__()
        self.score = _perceptron(math.prod(latent_shape), hidden)

    def forward(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        return _of(self.score, output.latent.z)

    def adversary_loss(self, output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
        whole, apart = output.latent.z.flatten(1).tensor_split(2)
        if len(apart) < 2:
            raise CompositionError("factor shuffles half of the latents: it needs at least four images in a batch")
        order = torch.rand(apart.shape, generator=context.generator, device=apart.device).argsort(0)
        found = softplus(-_of(self.score, whole)), softplus(_of(self.score, apart.gather(0, order)))
        n = len(whole) + len(apart)
        return torch.cat([losses * (n / (2 * len(losses))) for losses in found])


def _perceptron(inputs: int, hidden: tuple[int, ...]) -> nn.Sequential:
    widths = (inputs, *hidden)
    layers = [each for a, b in pairwise(widths) for each in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))


def _of(score: nn.Module, z: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    return _float32(score, z.flatten(1))[:, 0]


def _float32(score: nn.Module, x: Tensor) -> Tensor:
    """Scores of ``x``, computed in float32 under autocast too."""
    with in_float32(x):
        return score(x.float())
