"""dSprites: white shapes on black, every combination of five factors (Matthey et al. 2017)."""

from __future__ import annotations

import contextlib

import numpy as np

from aezoo.datasets.sources import ImageRows, Root, digest, file_state, find_folder
from aezoo.datasets.splits import held_out
from aezoo.errors import DataError, one_line

SOURCE = "https://github.com/google-deepmind/dsprites-dataset"
PUBLISHED = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
GRID = "dsprites_grid.npz"
SIZES = (3, 6, 40, 32, 32)
"""Of shape, scale, orientation, x and y, in whose order the published rows count."""
STRIDES = (1, 1, 4, 2, 2)
"""Between the values of each factor that the grid keeps."""


class DSprites(ImageRows):
    """64x64 images, of which a tenth, the same whichever part is asked for, is the test split.

    The published images are 737,280: 3 shapes, 6 scales, 40 orientations, 32x32 places. The grid keeps every fourth
    orientation and every second place, 46,080 of them, so what is measured on it is not what is published.

    Args:
        split: ``"train"`` or ``"test"``.
        root: the folder that holds ``dsprites/``, or that folder.
        part: ``"grid"``, of ``dsprites_grid.npz`` or, where that is not there, of the published file; ``"full"``, that
            file. Either holds ``imgs`` (n, 64, 64) of 0 and 1 and ``latents_values`` (n, 5), or (n, 6) with the colour,
            which is always white.

    Raises:
        OptionError: another split.
        DataError: the files are not there, or hold something else.
    """

    factor_names = ("shape", "scale", "orientation", "x", "y")

    def __init__(self, split: str, root: Root = None, *, part: str = "grid") -> None:
        rows = np.arange(np.prod(SIZES)).reshape(SIZES)
        if part == "grid":
            rows = rows[tuple(slice(None, None, stride) for stride in STRIDES)]
        rows = rows.ravel()
        chosen = held_out("dsprites", [str(row) for row in rows], split)
        path, places = None, rows
        if part == "grid":
            with contextlib.suppress(DataError):
                path, places = find_folder("dsprites", GRID, root, SOURCE) / GRID, np.arange(len(rows))
        path = path or find_folder("dsprites", PUBLISHED, root, SOURCE) / PUBLISHED
        try:
            with np.load(path, allow_pickle=False) as held:
                pixels, factors = held["imgs"][places[chosen]], held["latents_values"][places[chosen], -5:]
        except Exception as error:  # zipfile, zlib and numpy each have their own
            raise DataError(f"dsprites: {path} is damaged: {one_line(error)}; anew: {SOURCE}") from error
        if pixels.shape[1:] != (64, 64) or pixels.max() > 1:
            raise DataError(f"dsprites: {path} holds {pixels.dtype} {pixels.shape}, not images of 64x64 in 0 and 1")
        fingerprint = digest("dsprites 1", part, split, path.name, file_state(path))
        super().__init__(255 * pixels[:, None].astype(np.uint8), fingerprint, factors=factors.astype(np.float32))
