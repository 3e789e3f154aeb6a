"""Other harnesses' conventions, by name: which latent is decoded, and what of an image and its reconstruction is
compared (``aezoo eval --as``).

The same model differs between them by up to some tenths of a decibel, so a number of one stands beside numbers of the
same one alone. Each was read from its source, which the convention names.

Shapes: b images, c channels, h height, w width; images and reconstructions come in [0, 1] and float32, as the model has
them: a harness that clamps or rounds does that here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import OptionError
from aezoo.losses.structure import reflected, structural_similarity
from aezoo.metrics.evaluation import Metric
from aezoo.metrics.measured import Measured
from aezoo.metrics.reconstruction import decibels
from aezoo.specs import MetricSpec

Compare = Callable[[Tensor, Tensor], Tensor]
"""Images and their reconstructions ``(b, c, h, w)`` to a number of each ``(b,)``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Convention:
    """How a harness measures reconstructions.

    Attributes:
        name: for ``--as``.
        source: where it was read.
        z: the posterior's ``"mean"``, or one seeded ``"sample"`` of it.
        psnr: in decibels.
        ssim: of what it compares, where it measures that.
    """

    name: str
    source: str
    z: Literal["mean", "sample"]
    psnr: Compare
    ssim: Compare | None = None

    def metrics(self) -> list[Metric]:
        """Its metrics, named as in ``psnr[rae]``."""
        return [
            Metric(f"{kind}[{self.name}]", self._of(compare), spec, id=f"{self.name}/{kind}@1")
            for kind, compare, spec in (("psnr", self.psnr, _PSNR), ("ssim", self.ssim, _SSIM))
            if compare
        ]

    def _of(self, compare: Compare) -> Callable[[Measured], Tensor]:
        return lambda measured: compare(
            measured.images, (measured.mean if self.z == "mean" else measured.sampled).reconstruction
        )


def find_convention(name: str) -> Convention:
    """The convention of this name.

    Raises:
        OptionError: there is none.
    """
    if name not in CONVENTIONS:
        raise OptionError(f"no convention {name!r}; there are {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]


def _rounded(x: Tensor) -> Tensor:
    """``clamp(127.5 v + 128, 0, 255)`` cast to uint8, of v in [-1, 1]: the nearest level."""
    return (127.5 * (2 * x - 1) + 128).clamp(0, 255).floor()


def _truncated(x: Tensor) -> Tensor:
    """``clamp(x, 0, 1) * 255`` cast to uint8: the level below."""
    return (x.clamp(0, 1) * 255).floor()


def _signed_ssim(images: Tensor, reconstruction: Tensor) -> Tensor:
    """torchmetrics', which counts every pixel, of both in [-1, 1]: there luminance is another than in [0, 1]."""
    signed = [reflected((2 * x - 1).clamp(-1, 1)) for x in (images, reconstruction)]
    return structural_similarity(*signed, span=2.0)[0]


def _uniform_ssim(a: Float[Tensor, "b c h w"], b: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """With a uniform window of 7 pixels and sample covariances."""
    mean_a, mean_b, aa, bb, ab = (F.avg_pool2d(x.cpu().double(), 7, 1) for x in (a, b, a * a, b * b, a * b))
    unbiased = 49 / 48
    variances = unbiased * (aa - mean_a.square() + bb - mean_b.square())
    covariance = unbiased * (ab - mean_a * mean_b)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).flatten(1).mean(1)


_PSNR = MetricSpec(name="psnr", summary="Peak signal-to-noise ratio", unit="dB", better="higher")
_SSIM = MetricSpec(name="ssim", summary="Structural similarity", better="higher")

CONVENTIONS = {
    each.name: each
    for each in (
        Convention(
            name="lightningdit",
            source="https://github.com/hustvl/LightningDiT/blob/main/evaluate_tokenizer.py",
            z="sample",
            psnr=lambda images, made: decibels(_rounded(images), _rounded(made), 255.0),
            ssim=_signed_ssim,
        ),
        Convention(
            name="rae",
            source="https://github.com/bytetriper/RAE/blob/main/src/stage1_sample_ddp.py",
            z="mean",
            psnr=lambda images, made: decibels(_truncated(images), _truncated(made), 255.0),
        ),
        Convention(
            name="1d-tokenizer",
            source="https://github.com/bytedance/1d-tokenizer/blob/1c6df99c36bec7600ee02ff121b7b110dc7396d9/utils/train_utils.py",
            z="sample",
            psnr=lambda images, made: decibels(images, (made.clamp(0, 1) * 255).round() / 255),
        ),
        Convention(
            name="skimage",
            source="https://scikit-image.org/docs/stable/api/skimage.metrics.html",
            z="mean",
            psnr=decibels,
            ssim=_uniform_ssim,
        ),
    )
}
"""Every convention by its name."""
