"""The metrics of an image and its reconstruction, and what they are given.

Shapes: b images, c channels, h height, w width. Each metric is one value an image. Those of a likelihood use one seeded
sample of the posterior, as training does; those of a picture use its mean, as a picture does.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from aezoo.autoencoder import Output
from aezoo.errors import CompositionError
from aezoo.losses.reconstruction import cross_entropy, entropy

_LEAST_MSE = 1e-10


@dataclass(kw_only=True, slots=True)
class Measured:
    """A batch and the model's answers to it, all float32.

    Attributes:
        images: in [0, 1].
        mean: the answer from the posterior's mean.
        sampled: the answer from one sample of the posterior; the same as ``mean`` where there is no posterior.
    """

    images: Float[Tensor, "b c h w"]
    mean: Output
    sampled: Output


def mse(measured: Measured) -> Float[Tensor, " b"]:
    """``mean((x - r)^2)`` over pixels, from the posterior's mean."""
    return (measured.mean.reconstruction - measured.images).square().flatten(1).mean(1)


def psnr(measured: Measured) -> Float[Tensor, " b"]:
    """``-10 log10(mse)`` in decibels, data range 1, from the posterior's mean.

    It stops at 100 dB (an error of 1e-5, a four-hundredth of an 8-bit grey level), so that an image reconstructed
    exactly does not make the average over images infinite. That average is not the PSNR of the average ``mse``.
    """
    return -10 * mse(measured).clamp(min=_LEAST_MSE).log10()


def bce(measured: Measured) -> Float[Tensor, " b"]:
    """The cross-entropy in nats, from a sample of the posterior."""
    return cross_entropy(_logits(measured.sampled), measured.images)


def bce_mean(measured: Measured) -> Float[Tensor, " b"]:
    """The cross-entropy in nats, from the posterior's mean."""
    return cross_entropy(_logits(measured.mean), measured.images)


def bce_excess(measured: Measured) -> Float[Tensor, " b"]:
    """``bce`` over its floor, the entropy of the image's own grey levels: 0 is an exact reconstruction."""
    return bce(measured) - entropy(measured.images)


def kl(measured: Measured) -> Float[Tensor, " b"]:
    """The divergence of the posterior from the prior in nats, raw: no weight, no free bits."""
    return measured.sampled.latent.terms["kl"].flatten(1).sum(1)


def elbo(measured: Measured) -> Float[Tensor, " b"]:
    """``-(bce + kl)``: a lower bound of ln p(x) in nats (Kingma & Welling 2014, arXiv 1312.6114, equation 3).

    Of binary images only: on others the cross-entropy is no likelihood.
    """
    return -(bce(measured) + kl(measured))


def _logits(output: Output) -> Tensor:
    if output.logits is None:
        raise CompositionError("the metric is a likelihood of logits, which this model does not give")
    return output.logits
