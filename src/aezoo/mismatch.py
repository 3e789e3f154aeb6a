"""Whether images are like those that a model was trained on: a few numbers of the training images, stored with its
weights, against the same numbers of the images that it is given.

Each image counts as a point: the mean of each channel, the deviation of all its values, the root of its gradient's
energy, and its likeness to the mean training image. Distances are Mahalanobis' (1936), by the training images' own
covariance, at the model's own size: a larger picture is averaged down to it first.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.errors import DataError, warn

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder

FEWEST = 32
"""Training images, below which their covariance says too little."""
MOST_CHANNELS = 32
_FAR = 8.0  # the distance of one image: of 1,033 test photos of CelebA one is beyond, of sketches all (11 to 16)
_SHIFTED = 3.5  # the least distance of the mean of several: that of 4 test photos at random is 0.9, of 16 it is 0.5
_INVERTED = 2.0  # the same, where the negatives are nearer than half of it
_SEVERAL = 8
_CHECKED = 16  # images of a batch
_SIDE = 4  # pixels of a thumbnail
_LEAST = 0.01  # a deviation of the training images counts as at least that
_CONSTANT = 0.01  # the deviation of an image that shows nothing
_NAMES = ("mean", "deviation", "gradient", "likeness to the mean training image")


@dataclass(frozen=True)
class ImageStatistics:
    """What the training images of a model were like, ``c`` channels each.

    Attributes:
        count: of the images.
        thumbnail: their mean, averaged down to 4x4: (16 c), channel by channel and row by row.
        mean: of the images' points: (c + 3).
        covariance: of the points: (c + 3, c + 3).

    Raises:
        DataError: the sizes contradict each other, or a number is not finite.
    """

    count: int
    thumbnail: tuple[float, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        size, channels = len(self.mean), self.channels
        sizes = (len(self.thumbnail), *map(len, self.covariance))
        if channels < 1 or sizes != (_SIDE**2 * channels, *[size] * size):
            raise DataError("statistics of images: their sizes contradict each other")
        if not np.isfinite([*self.thumbnail, *self.mean, *sum(self.covariance, ())]).all():
            raise DataError("statistics of images: not all of them are finite")

    @classmethod
    def of(cls, batches: Iterable[Float[Tensor, "b c h w"]]) -> ImageStatistics | None:
        """Of training images in [0, 1]; None of fewer than 32, and of images of more than 32 channels."""
        rows = np.concatenate([_numbers(images).cpu().double().numpy() for images in batches])
        if len(rows) < FEWEST or rows.shape[1] > _SIDE**2 * MOST_CHANNELS + 2:
            return None
        thumbnail = np.round(rows[:, :-2].mean(0), 4)
        points = _points(rows, thumbnail)
        mean, covariance = (np.round(values, 7).tolist() for values in (points.mean(0), np.cov(points.T)))
        return cls(len(rows), tuple(thumbnail.tolist()), tuple(mean), tuple(map(tuple, covariance)))

    @property
    def channels(self) -> int:
        """Of the images."""
        return len(self.mean) - len(_NAMES) + 1

    def why_far(self, rows: np.ndarray) -> str:
        """Why images are far outside, from their numbers (b, 16 c + 2); empty where they are not."""
        points = self._points(rows)
        shifts = self._whitened(points)
        distance, limit = _length(shifts), max(_SHIFTED, _FAR / math.sqrt(len(rows)))
        shown, usual = _middle(points[:, -3]), self.mean[-3]
        is_constant = shown < _CONSTANT and usual - shown > 3 * self._deviations[-3]
        is_far = is_constant or distance > limit or _middle(np.linalg.norm(shifts, axis=1)) > _FAR
        if not is_far and not (len(rows) >= _SEVERAL and distance > _INVERTED):
            return ""
        swapped = rows.copy()
        swapped[:, :-2] = rows[:, :-2].reshape(len(rows), self.channels, -1)[:, ::-1].reshape(len(rows), -1)
        changes = {
            "inverted: give it 1 - images": _changed(rows, -1, 1),
            "[-1, 1] squeezed into [0, 1]: give it 2 * images - 1": _changed(rows, 2, -1),
            "divided by 255 twice: give it 255 * images": _changed(rows, 255, 0),
            "blue, green, red: give it images.flip(1)": swapped,
        }
        mended = {what: _length(self._whitened(self._points(changed))) for what, changed in changes.items()}
        best = min(mended, key=lambda what: mended[what])
        if not is_far and not best.startswith("inverted"):
            return ""
        if mended[best] < min(limit, distance / 2):
            return f"they look {best}"
        if not is_far:
            return ""
        return "each of them is of one value" if is_constant else self._another_domain(points.mean(0))

    def _another_domain(self, point: np.ndarray) -> str:
        """The number in which images differ most."""
        at = int(np.argmax(np.abs(point - self.mean) / self._deviations))
        name = _NAMES[max(0, at - self.channels + 1)]
        return f"their {name} is {point[at]:.2f}, in training {self.mean[at]:.2f} ± {self._deviations[at]:.2f}"

    def _points(self, rows: np.ndarray) -> np.ndarray:
        return _points(rows, np.array(self.thumbnail))

    @cached_property
    def _deviations(self) -> np.ndarray:
        return np.sqrt(np.maximum(np.diag(self.covariance), _LEAST**2))

    def _whitened(self, points: np.ndarray) -> np.ndarray:
        """Points as seen from the mean of the training images', in units of their deviation."""
        return (points - self.mean) @ self._whitening

    @cached_property
    def _whitening(self) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.covariance)
        return vectors / np.sqrt(np.maximum(values, _LEAST**2))


REASONS = ("range", "unlike")
"""What `alarm` warns of: values outside [0, 1]; images unlike those of the training."""


def alarm(model: Autoencoder, images: Float[Tensor, "b c h w"], known: Collection[str] = ()) -> str:
    """Warn of images that are out of range, or far from those that the model was trained on.

    Of the `REASONS` that are ``known`` already nothing is said. Returns the one that it warned of, or "".

    Nothing is said where values cannot be read: in a compiled, exported or traced graph, under ``torch.func.vmap``, of
    no images. In ``train()``, and of images smaller than the model's own, only the range is looked at.
    """
    # Reading values back would break a graph, and means nothing on the meta device.
    is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    if is_traced or images.is_meta:
        return ""
    statistics, size = model.statistics_of_images, model.image.size
    is_smaller = any(n < own for n, own in zip(images.shape[2:], size, strict=True))
    if model.training or is_smaller or "unlike" in known:
        statistics = None
    try:
        ends = torch.stack(images.detach().aminmax()).float()
        if statistics is None:
            low, high = ends.tolist()
            rows = np.empty((0, 0))
        else:  # read together: on an accelerator each reading waits for all that was asked for before
            few = images.detach()[:: math.ceil(len(images) / _CHECKED)]
            few = few.cpu() if few.device.type == "mps" else few  # which pools by whole shares alone
            few = few if few.shape[2:] == size else F.adaptive_avg_pool2d(few.float(), size)
            low, high, *numbers = torch.cat([ends.to(few.device), _numbers(few).flatten()]).tolist()
            rows = np.array(numbers).reshape(len(few), -1)
    except RuntimeError:  # no values to read: an empty batch, a fake tensor, inside torch.func.vmap
        return ""
    name, reason = model.spec.name, ""
    if not (low >= 0 and high <= 1):  # not a number counts as outside
        reason = "range"
        message = f"images lie in [{low:.3g}, {high:.3g}]; {name} takes [0, 1]: {_into_range(low, high)}"
    elif statistics and (why := statistics.why_far(rows)):
        reason = "unlike"
        message = f"images are not like those that {name} was trained on: {why}"
        if "give it" not in why:
            message += f"\nit makes little of another domain; 'aezoo train {name} --data FOLDER' trains one on yours"
    else:
        return ""
    if reason in known:
        return ""
    warn(message)
    return reason


def _into_range(low: float, high: float) -> str:
    """What is most likely to be done about values outside [0, 1]."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "what is not finite spoils every answer"
    if low >= 0 and 2 < high < 256:
        return "for 0 to 255, images / 255"
    if low >= -0.1 and high <= 1.1:
        return "for what is slightly outside, images.clamp(0, 1)"
    if low >= -1 and high <= 1:
        return "for -1 to 1, (images + 1) / 2"
    is_normalised = -10 < low < 0 and high < 10
    return "for normalised images, images * std + mean" if is_normalised else "model.preprocess(pictures) makes such"


def _numbers(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
    """Of each image its thumbnail (16 c), its deviation and the root of its gradient's energy."""
    images = images.float()
    squares = [images.diff(dim=dim).square().flatten(1).sum(1) for dim in (2, 3)]
    gradient = (squares[0] + squares[1]).div(images[0].numel()).sqrt()
    # A tenth of what std() takes.
    deviation = torch.linalg.vector_norm(images - images.mean((1, 2, 3), keepdim=True), dim=(1, 2, 3))
    rest = torch.stack([deviation / math.sqrt(images[0].numel()), gradient], 1)
    return torch.cat([F.adaptive_avg_pool2d(images, _SIDE).flatten(1), rest], 1)


def _changed(rows: np.ndarray, factor: float, offset: float) -> np.ndarray:
    """The numbers of ``factor * images + offset``."""
    return np.concatenate([factor * rows[:, :-2] + offset, abs(factor) * rows[:, -2:]], 1)


def _points(rows: np.ndarray, thumbnail: np.ndarray) -> np.ndarray:
    """Numbers of images to their points (b, c + 3); the likeness is the correlation with the mean thumbnail."""
    cells, mean = rows[:, :-2] - rows[:, :-2].mean(1, keepdims=True), thumbnail - thumbnail.mean()
    likeness = (cells @ mean) / np.maximum(np.linalg.norm(cells, axis=1) * np.linalg.norm(mean), 1e-3)
    means = rows[:, :-2].reshape(len(rows), -1, _SIDE**2).mean(2)
    return np.concatenate([means, rows[:, -2:], likeness[:, None]], 1)


def _middle(values: np.ndarray) -> float:
    return float(np.sort(values)[len(values) // 2])  # a tenth of what median() takes


def _length(shifts: np.ndarray) -> float:
    return float(np.linalg.norm(shifts.mean(0)))
