"""Toy faces: the built-in dataset of procedurally drawn faces, with the factors each face was drawn from.

Nothing to download and nothing borrowed: every pixel is computed from :data:`FACTORS`, so the pictures may be
published, and a metric of disentanglement knows the truth. ``sketch`` is black and white like thresholded drawings
of faces, ``shaded`` is grey like small centre crops of photographs, ``colour`` is the same faces in colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from aezoo.datasets import _faces, _hashing
from aezoo.datasets.splits import no_such_split
from aezoo.errors import DataError, OptionError

# Raised whenever a change to the drawing moves a pixel: caches and golden tensors are keyed by it.
DRAWING_VERSION = 1

STYLES = ("sketch", "shaded", "colour")
SPLITS = {"train": 2000, "test": 500}  # images a split has unless told otherwise
SMALLEST = 28  # pixels; below it the eyes are blots

_CHUNK = 16  # faces drawn at a time: the working arrays then stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Factor:
    """One ground-truth factor of a face: drawn uniformly from [``low``, ``high``], independently of the others."""

    name: str
    low: float
    high: float
    help: str


# Left and right are those of the picture. Lengths are relative to the average face.
FACTORS: tuple[Factor, ...] = (
    Factor("face_width", 0.90, 1.08, "width of the head"),
    Factor("jaw", 0.0, 1.0, "from a pointed chin to a square jaw"),
    Factor("hair_length", 0.0, 1.0, "from cropped above the ears to below the shoulders"),
    Factor("fringe", 0.0, 1.0, "from a high forehead to hair on the brows; a sketch shows little of the lowest third"),
    Factor("parting", -1.0, 1.0, "where the hair parts, left to right: it sweeps to the other side"),
    Factor("hair_tone", 0.0, 1.0, "from black hair to fair; in the sketch, how many strands are left white"),
    Factor("skin_tone", 0.0, 1.0, "from dark skin to fair; in the sketch, from heavy ink to light"),
    Factor("brow_angle", -16.0, 16.0, "slope of the brows in degrees, from worried to frowning"),
    Factor("brow_weight", 0.0, 1.0, "from thin brows to bushy"),
    Factor("eye_openness", 0.0, 1.0, "from narrowed eyes to wide open"),
    Factor("eye_spacing", 0.94, 1.06, "distance between the eyes"),
    Factor("gaze", -1.0, 1.0, "where the eyes look, left to right"),
    Factor("nose_length", 0.88, 1.12, "length of the nose"),
    Factor("nose_width", 0.75, 1.3, "width of the nose"),
    Factor("mouth_width", 0.85, 1.2, "width of the mouth"),
    Factor("mouth_curve", -0.4, 1.0, "from corners down to a smile"),
    Factor("mouth_openness", 0.0, 1.0, "from closed lips to an open mouth"),
    Factor("head_turn", -14.0, 14.0, "turn of the head in degrees, left to right; the eyes stay centred"),
    Factor("light", -45.0, 45.0, "where the light comes from in degrees, left to right; 0 is from above the camera"),
    Factor("background", 0.0, 1.0, "from a dark background to a bright one"),
)


HUES: tuple[Factor, ...] = (
    Factor("skin_hue", 0.0, 1.0, "from sallow skin to ruddy"),
    Factor("hair_hue", 0.0, 1.0, "from ashen hair to red"),
    Factor("eye_hue", 0.0, 1.0, "from brown eyes over green to blue"),
    Factor("background_hue", 0.0, 1.0, "a turn of the colour wheel, from red to red"),
    Factor("clothes_hue", 0.0, 1.0, "a turn of the colour wheel, from red to red"),
)
"""The factors that a face in colour has beside :data:`FACTORS`."""


class ToyFaces:
    """Faces drawn from :data:`FACTORS`: uint8 images (1, size, size), each a function of (seed, split, index) alone.

    In colour they are (3, size, size), and drawn from :data:`HUES` too; made grey, they are the shaded faces.

    Args:
        split: ``"train"`` or ``"test"``: two streams with no face in common.
        style: ``"sketch"`` (0 or 255 only), ``"shaded"`` (grey) or ``"colour"``.
        count: Images in the split; 2000 to train and 500 to test by default. More only lengthens the stream.
        test_count: Images in the test split, where they are not as many.
        seed: Another seed gives other faces.
        size: Height and width in pixels, 28 or more. The same face is drawn at every size.

    Raises:
        OptionError: For an unknown split or style, a negative count or seed, or a size under 28.
    """

    def __init__(
        self,
        split: str = "train",
        *,
        style: str = "sketch",
        count: int | None = None,
        test_count: int | None = None,
        seed: int = 0,
        size: int = 64,
    ) -> None:
        if split not in SPLITS:
            raise no_such_split("toyfaces", split, SPLITS)
        if style not in STYLES:
            raise OptionError(f"toyfaces has no style {style!r}; it has {', '.join(STYLES)}")
        if size < SMALLEST:
            raise OptionError(f"toyfaces are drawn at {SMALLEST} pixels or more, not at {size}")
        count = test_count if test_count is not None and split == "test" else count
        if count is not None and count < 0:
            raise OptionError(f"toyfaces: count must be 0 or more, not {count}")
        if not 0 <= seed < 2**63:
            raise OptionError(f"toyfaces: seed must be from 0 to 2**63 - 1, not {seed}")
        self.split, self.style, self.seed, self.size = split, style, seed, size
        self.count = SPLITS[split] if count is None else count
        self.drawn_from = (*FACTORS, *HUES) if style == "colour" else FACTORS

    @property
    def fingerprint(self) -> str:
        """Changes whenever the pixels would: what a cache of them is keyed by."""
        drawn = f"{self.style}-{self.split}-count{self.count}-seed{self.seed}-size{self.size}"
        return f"toyfaces-v{DRAWING_VERSION}-{drawn}"

    @property
    def factor_names(self) -> tuple[str, ...]:
        """The names of the factors, in their order."""
        return tuple(factor.name for factor in self.drawn_from)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> torch.Tensor:
        """The image at ``index`` (negative: from the end) as a uint8 tensor (c, size, size)."""
        return torch.from_numpy(self.images([index])[0])

    def images(self, indices: Iterable[int]) -> np.ndarray:
        """The images at ``indices``, uint8 (n, c, size, size)."""
        return self.render(self.factors(indices))

    def factors(self, indices: Iterable[int]) -> np.ndarray:
        """The factors of the images at ``indices``, float64 (n, d), in the order of `factor_names`.

        Raises:
            IndexError: For an index outside the split.
        """
        asked = np.asarray(indices if isinstance(indices, np.ndarray) else list(indices), dtype=np.int64)
        index = np.where(asked < 0, asked + self.count, asked)
        if ((index < 0) | (index >= self.count)).any():
            raise IndexError(f"toyfaces {self.split} has {self.count} images, asked for {asked.min()} to {asked.max()}")
        stream = _hashing.mix(np.uint64(self.seed), np.uint64(list(SPLITS).index(self.split)))
        face = _hashing.mix(stream, index.astype(np.uint64))
        uniform = _hashing.uniform(face[:, None], np.arange(len(self.drawn_from), dtype=np.uint64))
        low, high = self._bounds()
        return low + (high - low) * uniform

    def render(self, factors: np.ndarray) -> np.ndarray:
        """Draw faces: ``factors`` (n, d), in the order of `factor_names`, to uint8 images (n, c, size, size).

        Equal factors give equal pixels: the ragged edges and the strands of hair follow from the factors too.

        Raises:
            DataError: When the number of factors is wrong, or a value lies outside its range.
        """
        factors, declared = np.asarray(factors, dtype=np.float64), self.drawn_from
        if factors.ndim != 2 or factors.shape[1] != len(declared):
            raise DataError(f"toyfaces are drawn from factors (n, {len(declared)}), not from shape {factors.shape}")
        low, high = self._bounds()
        outside = ~((factors >= low) & (factors <= high))  # a NaN is outside too
        if outside.any():
            row, column = np.argwhere(outside)[0]
            given, factor = factors[row, column], declared[column]
            raise DataError(f"toyfaces: {factor.name} must be from {factor.low:g} to {factor.high:g}, not {given:g}")
        images = np.empty((len(factors), 3 if self.style == "colour" else 1, self.size, self.size), np.uint8)
        for start in range(0, len(factors), _CHUNK):
            chunk = factors[start : start + _CHUNK]
            named = {factor.name: chunk[:, i].copy() for i, factor in enumerate(declared)}
            # The noise is that of the face, whatever its colours.
            key = _hashing.hash_rows(chunk[:, : len(FACTORS)])
            images[start : start + _CHUNK] = _faces.draw(named, self.style, self.size, key)
        return images

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([f.low for f in self.drawn_from]), np.array([f.high for f in self.drawn_from])
