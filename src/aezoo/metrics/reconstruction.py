"""The metrics of an image and its reconstruction.

Shapes: b images, c channels, h height, w width. Each metric is one value an image. Those of a likelihood use one seeded
sample of the posterior, as training does; those of a picture use its mean, as a picture does.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.losses.reconstruction import cross_entropy, entropy, logits_of, negative_log_likelihood
from aezoo.losses.structure import multiscale_similarity, structural_similarity
from aezoo.metrics.measured import Measured

_LEAST_MSE = 1e-10


def mse(measured: Measured) -> Float[Tensor, " b"]:
    """``mean((x - r)^2)`` over pixels, from the posterior's mean."""
    return (measured.mean.reconstruction - measured.images).square().flatten(1).mean(1)


def psnr(measured: Measured) -> Float[Tensor, " b"]:
    """``-10 log10(mse)`` in decibels, data range 1, from the posterior's mean.

    It stops at 100 dB (an error of 1e-5, a four-hundredth of an 8-bit grey level), so that an image reconstructed
    exactly does not make the average over images infinite. That average is not the PSNR of the average ``mse``.
    """
    return decibels(measured.mean.reconstruction, measured.images)


def decibels(a: Float[Tensor, "b c h w"], b: Float[Tensor, "b c h w"], span: float = 1.0) -> Float[Tensor, " b"]:
    """``10 log10(span^2 / mse)`` of images whose values span that; of equal ones 100."""
    error = (a - b).square().flatten(1).mean(1) / span**2
    return -10 * error.clamp(min=_LEAST_MSE).log10()


class PooledPsnr:
    """``-10 log10`` of the mean squared error over all pixels of all images, in decibels: another number than the mean
    of the images' `psnr`, at most as high. It stops at 100 dB too.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.errors: list[Tensor] = []

    def update(self, reconstruction: Float[Tensor, "b c h w"], images: Float[Tensor, "b c h w"]) -> None:
        """Take a batch in."""
        self.errors.append((reconstruction - images).square().flatten(1).mean(1).cpu().double())

    def compute(self) -> float:
        """Of all images that were taken in."""
        return -10 * torch.cat(self.errors).mean().clamp(min=_LEAST_MSE).log10().item()


def mae(measured: Measured) -> Float[Tensor, " b"]:
    """``mean(|x - r|)`` over pixels, from the posterior's mean."""
    return (measured.reconstruction - measured.images).abs().flatten(1).mean(1)


def ssim(measured: Measured) -> Float[Tensor, " b"]:
    """`structural_similarity` from the posterior's mean (Wang et al. 2004, DOI 10.1109/TIP.2003.819861).

    Raises:
        CompositionError: the images are smaller than the window.
    """
    return structural_similarity(measured.reconstruction, measured.images)[0]


def ms_ssim(measured: Measured, *, bordered: bool = False) -> Float[Tensor, " b"]:
    """`multiscale_similarity` from the posterior's mean (Wang et al. 2003, DOI 10.1109/ACSSC.2003.1292216).

    With ``bordered`` it is torchmetrics', without it the term's of the same name.

    Raises:
        CompositionError: the images are smaller than the window.
    """
    return multiscale_similarity(measured.reconstruction, measured.images, bordered=bordered)


def bce(measured: Measured) -> Float[Tensor, " b"]:
    """The cross-entropy in nats, from a sample of the posterior."""
    return cross_entropy(logits_of(measured.sampled), measured.images)


def bce_mean(measured: Measured) -> Float[Tensor, " b"]:
    """The cross-entropy in nats, from the posterior's mean."""
    return cross_entropy(logits_of(measured.mean), measured.images)


def bce_excess(measured: Measured) -> Float[Tensor, " b"]:
    """``bce`` over its floor, the entropy of the image's own grey levels: 0 is an exact reconstruction."""
    return bce(measured) - entropy(measured.images)


def nll(measured: Measured) -> Float[Tensor, " b"]:
    """``-log p(x | z)`` in nats by the model's own likelihood, from a sample of the posterior."""
    return negative_log_likelihood(measured.model, measured.sampled, measured.images)


def kl(measured: Measured) -> Float[Tensor, " b"]:
    """The divergence of the posterior from the prior in nats, raw: no weight, no free bits."""
    return measured.sampled.latent.terms["kl"].flatten(1).sum(1)


def elbo(measured: Measured) -> Float[Tensor, " b"]:
    """``-(nll + kl)``: a lower bound of ln p(x) in nats (Kingma & Welling 2014, arXiv 1312.6114, equation 3).

    Only of images that the model's likelihood is one of: cross-entropy is none of grey images.
    """
    return -(nll(measured) + kl(measured))
