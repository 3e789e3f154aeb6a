"""How far the reconstruction is from the images: negative log-likelihoods and distances, and their pure functions.

Shapes: b images, c channels, h height, w width. Every term is a sum over an image's pixels, never a mean, so that it
weighs against a divergence as the likelihood says. Half precision is raised to float32 before anything is computed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.context import Context

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder


def nll(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """`negative_log_likelihood` of the model that is trained."""
    return negative_log_likelihood(context.model, output, images)


def bce(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """`cross_entropy` of the logits: the negative log-likelihood of a Bernoulli where the images are binary."""
    return cross_entropy(logits_of(output), images)


def continuous_bernoulli(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """The negative log-density of a continuous Bernoulli, a likelihood of grey levels in [0, 1], in nats.

    ``bce - sum(log C)``, with `continuous_bernoulli_log_normaliser` (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845).
    The reconstruction stays ``sigmoid(logits)``, the distribution's parameter, which is not its mean.
    """
    logits = logits_of(output)
    return cross_entropy(logits, images) - continuous_bernoulli_log_normaliser(logits).flatten(1).sum(1)


def gaussian_nll(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, sigma: float = 0.1
) -> Float[Tensor, " b"]:
    """The negative log-density of a Gaussian of fixed deviation around the reconstruction, with its constants, in nats.

    ``sum((x - r)^2 / (2 sigma^2) + ln(sigma) + ln(2 pi) / 2)``. A density: it may be negative.
    """
    pixels = images[0].numel()
    return l2(output, images, context) / (2 * sigma**2) + pixels * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def l2(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``sum((x - r)^2)``: up to a constant, the nats of a Gaussian of variance 1/2."""
    return _error(output, images).square().flatten(1).sum(1)


def l1(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``sum(|x - r|)``: up to a constant, the nats of a Laplace distribution of scale 1."""
    return _error(output, images).abs().flatten(1).sum(1)


def charbonnier(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, eps: float = 1e-3
) -> Float[Tensor, " b"]:
    """``sum(sqrt((x - r)^2 + eps^2))``: ``l1`` that is round at zero (Charbonnier et al. 1994; of images Lai et al.
    2017, arXiv 1704.03915). An exact reconstruction costs ``eps`` a value.
    """
    return (_error(output, images).square() + eps**2).sqrt().flatten(1).sum(1)


def negative_log_likelihood(
    model: Autoencoder, output: Output, images: Float[Tensor, "b c h w"]
) -> Float[Tensor, " b"]:
    """``-log p(x | z)`` in nats, by the model's own likelihood; where that is a density, it may be negative.

    Raises:
        CompositionError: the model has no likelihood.
    """
    if output.params is None:
        raise CompositionError(f"{model.spec.name} gives images and no likelihood of them: use l1 or l2")
    return -model.likelihood.log_prob(output.params, images)


def cross_entropy(logits: Float[Tensor, "b c h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """``-sum(x ln p + (1 - x) ln(1 - p))`` with ``p = sigmoid(logits)``, in nats, exact for any finite logit.

    On images that are not binary it is no likelihood: its floor is not 0 but `entropy`.
    """
    logits = wide(logits)
    return F.binary_cross_entropy_with_logits(logits, images.to(logits), reduction="none").flatten(1).sum(1)


def entropy(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """``-sum(x ln x + (1 - x) ln(1 - x))`` in nats: the least cross-entropy that the images allow, 0 if binary."""
    images = wide(images)
    return (torch.special.entr(images) + torch.special.entr(1 - images)).flatten(1).sum(1)


# ln(l / tanh(l/2)) = ln 2 + sum over k of (-1)^(k+1) eta(2k) / k * (l / pi)^(2k), eta being Dirichlet's: four terms.
_SERIES = (1 / 12, -7 / 1440, 31 / 90720, -127 / 4838400)
# Below, autograd of the closed form is 1/l - 1/sinh(l), which cancels; at 0.5 both sides are right to 1e-6 in float32.
_SERIES_BELOW = 0.5


def continuous_bernoulli_log_normaliser(logits: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``log C`` of a continuous Bernoulli from its logit ``l``, elementwise.

    The paper's ``C(p) = 2 artanh(1 - 2p) / (1 - 2p)`` is ``l / tanh(l/2)`` at ``p = sigmoid(l)``: no ``1 - 2p`` to
    cancel near 1/2, and no ``log(1 - p)`` to overflow at the ends.
    """
    logits = wide(logits)
    near = logits.abs() < _SERIES_BELOW
    # The side that `where` does not take gets harmless numbers: an infinity there would make its gradient NaN.
    square = torch.where(near, logits, 0.0).square()
    series = torch.zeros_like(square)
    for coefficient in reversed(_SERIES):
        series = (series + coefficient) * square
    size = torch.where(near, 1.0, logits).abs()
    return torch.where(near, math.log(2) + series, size.log() - torch.tanh(size / 2).log())


def logits_of(output: Output) -> Float[Tensor, "b c h w"]:
    """The logits that a model gave.

    Raises:
        CompositionError: it gives none.
    """
    if output.logits is None:
        raise CompositionError("this is a likelihood of logits, which the model does not give: use l1 or l2")
    return output.logits


def _error(output: Output, images: Tensor) -> Tensor:
    reconstruction = wide(output.reconstruction)
    return reconstruction - images.to(reconstruction)


def wide(tensor: Tensor) -> Tensor:
    """Half precision raised to float32; float64 stays."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
