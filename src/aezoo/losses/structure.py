"""Errors that see more than one pixel: structural similarity, of one scale and of several, and the spectrum.

Shapes: b images, c channels, h height, w width. A similarity is at most 1: what is lacking of it is multiplied by
``c * h * w``, so that it weighs against a sum over pixels as if it were one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.context import Context
from aezoo.losses.reconstruction import wide
from aezoo.modes import in_float32

WINDOW, SIGMA = 11, 1.5
"""Pixels of the Gaussian window's side, and its deviation (Wang et al. 2004)."""
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of five scales, finest first (Wang et al. 2003, section 3.2)."""
_LEAST = 1e-6  # below, a power of less than 1 has no useful gradient


def ssim(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``c*h*w * (1 - SSIM)``, of `structural_similarity` (Wang et al. 2004, DOI 10.1109/TIP.2003.819861).

    Raises:
        CompositionError: the images are smaller than the window.
    """
    return images[0].numel() * (1 - structural_similarity(*_both(output, images))[0])


def ms_ssim(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """``c*h*w * (1 - MS-SSIM)``, of `multiscale_similarity` (Wang et al. 2003, DOI 10.1109/ACSSC.2003.1292216).

    Raises:
        CompositionError: the images are smaller than the window.
    """
    return images[0].numel() * (1 - multiscale_similarity(*_both(output, images)))


def focal_frequency(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, alpha: float = 1.0
) -> Float[Tensor, " b"]:
    """``sum(w |F(r - x)|^2)`` over the frequencies of an orthonormal Fourier transform (Jiang et al. 2021, arXiv
    2012.12821). The weight w, ``|F(r - x)|^alpha`` over its largest in each channel, is a constant to the gradient.

    With ``alpha=0`` it is ``l2``, by Parseval.
    """
    reconstruction, images = _both(output, images)
    size = torch.fft.fft2(reconstruction - images, norm="ortho").abs()
    weight = size.detach() ** alpha
    weight = weight / weight.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    return (weight * size.square()).flatten(1).sum(1)


def structural_similarity(
    a: Float[Tensor, "b c h w"], b: Float[Tensor, "b c h w"], span: float = 1.0
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """SSIM of each image, and its part without luminance (contrast and structure): means over channels and the places
    where the window fits. Values span ``span``; population covariance.

    Raises:
        CompositionError: the images are smaller than the window.
    """
    if min(a.shape[-2:]) < WINDOW:
        size = "x".join(map(str, a.shape[-2:]))
        raise CompositionError(f"structural similarity needs {WINDOW} pixels a side; the images are {size}")
    mean_a, mean_b, aa, bb, ab = (_blur(x) for x in (a, b, a * a, b * b, a * b))
    variance = aa - mean_a.square() + bb - mean_b.square()
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    structure = (2 * (ab - mean_a * mean_b) + c2) / (variance + c2)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return (luminance * structure).flatten(1).mean(1), structure.flatten(1).mean(1)


def multiscale_similarity(
    a: Float[Tensor, "b c h w"], b: Float[Tensor, "b c h w"], *, bordered: bool = False
) -> Float[Tensor, " b"]:
    """MS-SSIM of each image, over as many of five scales as the window fits into: of 64 pixels three, their exponents
    scaled to a sum of 1. A scale that is negative counts as 1e-6 and has no gradient. With ``bordered`` the last scale
    counts every pixel, the images reflected beyond their border.

    Raises:
        CompositionError: the images are smaller than the window.
    """
    scales = sum(min(a.shape[-2:]) >> scale >= WINDOW for scale in range(len(SCALES))) or 1
    product = torch.ones((), dtype=a.dtype, device=a.device)
    for scale, exponent in enumerate(SCALES[:scales]):
        last = scale == scales - 1
        whole, structure = structural_similarity(*((reflected(a), reflected(b)) if last and bordered else (a, b)))
        product = product * (whole if last else structure).clamp(min=_LEAST) ** (exponent / sum(SCALES[:scales]))
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return product


def reflected(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h_ w_"]:
    """Images with so much of themselves mirrored around them that the window fits at every pixel."""
    return F.pad(x, (WINDOW // 2,) * 4, mode="reflect")


def _blur(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h_ w_"]:
    """The mean in a Gaussian window, where it fits."""
    place = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    line = torch.softmax(-place.square() / (2 * SIGMA**2), dim=0)
    channels = x.shape[1]
    down, across = (line.view(1, 1, *side).expand(channels, -1, -1, -1) for side in ((-1, 1), (1, -1)))
    with in_float32(x):
        return F.conv2d(F.conv2d(x, down, groups=channels), across, groups=channels)


def _both(output: Output, images: Tensor) -> tuple[Tensor, Tensor]:
    reconstruction = wide(output.reconstruction)
    return reconstruction, images.to(reconstruction)
