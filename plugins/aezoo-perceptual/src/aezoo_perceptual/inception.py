"""The metrics ``fid`` (Heusel et al. 2017, arXiv 1706.08500) and ``kid`` (Binkowski et al. 2018, arXiv 1801.01401) of
images and their reconstructions, in the features that the literature has them in.

Shapes: b images ``(c, h, w)`` in [0, 1], c being 1 or 3; n of them in all, d features of each.
"""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo._torchvision import torchvision  # noqa: F401  # torch-fidelity imports it too: here it is made to import
from aezoo.errors import CompositionError, DataError, WeightsError
from aezoo.metrics.frechet import Moments, frechet
from aezoo.plain import ImageSpec

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PROTOCOL = {"network": "inception-2015-12-05", "sha256": SHA256, "resize": "299x299-bilinear-tensorflow1"}
"""What a number of its features depends on."""
FEWEST = 10_000
"""Images that FID takes at least: it is biased by how many there are (Binkowski et al. 2018, section 4)."""
SUBSET = 1000
"""Images in a subset of KID, as in the paper."""
_BLOCK = 512  # images whose kernel with as many others is held at once


class Inception(nn.Module):
    """Images to the 2,048 features before the classifier of the Inception network of TensorFlow, of 2015.

    The network is torch-fidelity's port, which resizes to 299x299 as TensorFlow 1 did. It takes bytes: images are
    clamped and rounded to 256 levels. Grey ones are three equal colours. Of an image with a NaN, which no byte is, all
    features are NaN.

    Args:
        image: the images.
        weights: the file of its weights; "" for where torch keeps what it downloads.

    Raises:
        CompositionError: the images have neither one nor three channels.
        WeightsError: torch-fidelity is not installed; or the file is missing, or another one.
    """

    def __init__(self, image: ImageSpec, weights: str) -> None:
        super().__init__()
        if image.channels not in (1, 3):
            raise CompositionError(f"the Inception network takes 1 or 3 channels, not {image.channels}")
        self.network = network(weights).eval()  # in torch-fidelity 0.3 it is not by itself

    def train(self, mode: bool = True) -> Self:
        """As of any module; but it stays in ``eval()``."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        levels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
        (features,) = self.network(levels.expand(-1, 3, -1, -1))
        return features.masked_fill(images.flatten(1).isnan().any(1, keepdim=True), math.nan)


def network(weights: str) -> nn.Module:
    """torch-fidelity's: bytes ``(b, 3, h, w)`` to a tuple of the features ``(b, 2048)``. Arguments and errors are those
    of `Inception`.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise WeightsError("fid and kid need torch-fidelity: pip install 'aezoo-perceptual[fid]'") from error
    path = Path(weights).expanduser() if weights else Path(torch.hub.get_dir(), "checkpoints", URL.rpartition("/")[2])
    advice = f"put {URL} there, or say where it is: weights='FILE'"
    if not path.is_file():
        raise WeightsError(f"the weights of the Inception network are missing: no file {path}\n{advice}")
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise WeightsError(
            f"{path} is damaged, or another file: its sha256 is {found:.8}..., not {SHA256:.8}...\n{advice}"
        )
    # Its class reads a file itself, as a pickle that may run anything: it is given what was read without that.
    read = io.BytesIO()
    torch.save(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), read)
    read.seek(0)
    with torch.random.fork_rng(devices=[]):  # its first weights are drawn at random
        return FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=read)


class Fid(nn.Module):
    """The Frechet distance of the features of images and of their reconstructions, what is called rFID.

    Args:
        image, weights: as of `Inception`.

    Raises:
        CompositionError, WeightsError: as `Inception`.
    """

    protocol = PROTOCOL

    def __init__(self, image: ImageSpec, *, weights: str = "") -> None:
        super().__init__()
        self.features = Inception(image, weights)
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.moments = (Moments(), Moments())

    def update(self, images: Float[Tensor, "b c h w"], reconstruction: Float[Tensor, "b c h w"]) -> None:
        """Take a batch in."""
        for moments, pictures in zip(self.moments, (images, reconstruction), strict=True):
            moments.update(self.features(pictures))

    def compute(self) -> float:
        """Of all images that were taken in.

        Raises:
            DataError: they are fewer than `FEWEST`.
        """
        if (n := self.moments[0].n) < FEWEST:
            raise DataError(f"fid of {n:,} images is biased, and refused under {FEWEST:,}: measure kid, which is not")
        return frechet(*self.moments)


class Kid(nn.Module):
    """The squared discrepancy (MMD) of the features of images and of their reconstructions, without bias.

    Args:
        image, weights: as of `Inception`.
        subsets: 0 for all pairs of the set; else the mean over so many subsets of `SUBSET` images.
        seed: of the subsets.

    Raises:
        CompositionError, WeightsError: as `Inception`.
    """

    protocol = PROTOCOL

    def __init__(self, image: ImageSpec, *, subsets: int = 0, seed: int = 0, weights: str = "") -> None:
        super().__init__()
        self.features, self.subsets, self.seed = Inception(image, weights), subsets, seed
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.seen: tuple[list[Tensor], list[Tensor]] = ([], [])

    def update(self, images: Float[Tensor, "b c h w"], reconstruction: Float[Tensor, "b c h w"]) -> None:
        """Take a batch in."""
        for rows, pictures in zip(self.seen, (images, reconstruction), strict=True):
            rows.append(self.features(pictures).cpu())

    def compute(self) -> float:
        """Of all images that were taken in.

        Raises:
            DataError: it is one image, or they are fewer than a subset has.
        """
        x, y = map(torch.cat, self.seen)
        if len(x) < (least := SUBSET if self.subsets else 2):
            raise DataError(f"kid(subsets={self.subsets}) takes {least:,} images or more, not {len(x):,}")
        generator = torch.Generator().manual_seed(self.seed)
        draws = [torch.randperm(len(x), generator=generator)[:SUBSET] for _ in range(self.subsets)]
        values = [discrepancy(x[rows], y[rows]) for rows in draws] or [discrepancy(x, y)]
        return sum(values) / len(values)


def discrepancy(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> float:
    """The mean over i != j of ``k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)``, k being ``(a.b / d + 1)^3``
    (the U-statistic of Gretton et al. 2012, JMLR 13, lemma 6).

    An image meets no reconstruction of itself: as these depend on each other, the mean over all pairs of images and
    reconstructions would be too low, of equal ones below zero.
    """
    blocks = list(zip(x.split(_BLOCK), y.split(_BLOCK), strict=True))
    total = 0.0
    for i, (a, b) in enumerate(blocks):
        for j, (c, d) in enumerate(blocks[: i + 1]):  # each pair once: the kernel is symmetric
            values = _kernel(a, c) + _kernel(b, d) - _kernel(a, d) - _kernel(b, c)
            total += (values.tril(-1) if i == j else values).sum().item()
    return 2 * total / (len(x) * (len(x) - 1))


def _kernel(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (a.double() @ b.double().mT / a.shape[1] + 1).pow(3)
