"""The discretised logistic likelihood of 8-bit images, or a mixture of several (PixelCNN++, Salimans et al. 2017).

Shapes: b images, k components, c channels, h height, w width.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.likelihoods.base import Likelihood, clamp, softclip
from aezoo.losses.reconstruction import wide
from aezoo.noise import uniform
from aezoo.plain import ImageSpec

LOWEST = -7.0
"""The least logarithm of a scale, as in their code: an eighth of a grey level."""
_BIN = 2 / 255
# Below, log(1 - exp(-exp(t))) is t, to 1e-13.
_NARROW = -30.0


class DiscretizedLogistic(Likelihood):
    """The probability of each grey level, 0 to 255 over 255: what a mixture of logistics puts in its bin.

    The bins of the first and the last level are open, so the 256 probabilities sum to 1. Other values are taken for the
    nearest level. Each value stands by itself given ``z``: the channels of a pixel are not chained (arXiv 1701.05517,
    section 2.2 chains them).

    Positions and scales are those of [-1, 1], as in the paper: a map of zeros is mid-grey. The first k maps are the
    positions, the next k the logarithms of the scales, the last k, where there are several components, the logarithms
    of their weights, up to a constant.

    Args:
        image: the images.
        mixtures: how many components.
    """

    def __init__(self, image: ImageSpec, *, mixtures: int = 1) -> None:
        super().__init__(image)
        self.channels = image.channels
        self.mixtures = mixtures
        self.maps = 2 if mixtures == 1 else 3 * mixtures

    def reconstruction(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"]:
        """The weighted mean of the components' positions, each held in [0, 1]."""
        position, _, log_weight = self._components(params)
        # Rounding may lead a sum of weights beyond 1.
        return clamp((log_weight.exp() * clamp((position + 1) / 2)).sum(1))

    def log_prob(self, params: Float[Tensor, "b p h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        position, log_scale, log_weight = self._components(params)
        level = (images.to(position) * 255).round()[:, None]  # (b, 1, c, h, w)
        per_scale = torch.exp(-log_scale)
        from_here = level * _BIN - 1 - position
        # With a and b the bin's ends, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): exact, and
        # nothing cancels. An open end lies at infinity.
        below_a = F.logsigmoid((from_here + _BIN / 2) * per_scale).masked_fill(level == 255, 0.0)
        above_b = F.logsigmoid((_BIN / 2 - from_here) * per_scale).masked_fill(level == 0, 0.0)
        width = _log_of_width(math.log(_BIN) - log_scale).masked_fill((level == 0) | (level == 255), 0.0)
        return (log_weight + below_a + above_b + width).logsumexp(1).flatten(1).sum(1)

    def sample(
        self, params: Float[Tensor, "b p h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        position, log_scale, log_weight = self._components(params)
        gumbel = -torch.log(-torch.log(uniform(log_weight, generator)))
        which = (log_weight + gumbel).argmax(1, keepdim=True)  # (b, 1, c, h, w)
        position, log_scale = (part.gather(1, which)[:, 0] for part in (position, log_scale))
        drawn = position + torch.exp(log_scale) * torch.logit(uniform(position, generator))
        return ((drawn + 1) / 2 * 255).round().clamp(0, 255) / 255

    def _components(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Positions, logarithms of scales and of weights, each ``(b, k, c, h, w)``."""
        maps = wide(params).unflatten(1, (-1, self.mixtures, self.channels))  # (b, 2 or 3, k, c, h, w)
        position, log_scale = maps[:, 0], softclip(maps[:, 1], LOWEST)
        return position, log_scale, maps[:, 2].log_softmax(1) if self.mixtures > 1 else torch.zeros_like(position)


def _log_of_width(t: Tensor) -> Tensor:
    """``log(1 - exp(-exp(t)))``, whose gradient stays right where ``exp(t)`` vanishes."""
    narrow = t < _NARROW
    # The side that `where` does not take gets harmless numbers: an infinity there would make its gradient NaN.
    return torch.where(narrow, t, torch.log(-torch.expm1(-torch.where(narrow, 0.0, t).exp())))
