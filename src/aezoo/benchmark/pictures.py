"""Pictures that something else made of a task's images, and which is of which image.

Shapes: n images, c channels, h height, w width.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from aezoo.datasets.folder import ALL, open_folder
from aezoo.datasets.image_array import ImageArray
from aezoo.datasets.sources import ImageFiles
from aezoo.errors import DataError


def read_pictures(path: Path, images: ImageArray) -> UInt8[Tensor, "n c h w"]:
    """Pictures that were made of a task's images: a ``.npy`` or ``.npz`` file of all in their order, or a folder of
    files, each named as its image is, or of images without names with its number from 0 on.

    Raises:
        DataError: one is missing, cannot be read, or is of another size.
    """
    made, shape = open_folder(ALL, root=path), tuple(images.pixels.shape[1:])
    order = range(len(made))
    if isinstance(made, ImageFiles):
        keys = [_key(name) for name in made.names]
        places = {key: place for place, key in enumerate(keys)}
        wanted = picture_keys(images)
        if twice := {key for key, number in Counter(keys).items() if number > 1} & {*wanted}:
            first, second, *_ = (name for name, key in zip(made.names, keys, strict=True) if key in twice)
            raise DataError(f"{path} has two pictures of one image: {first} and {second}")
        if missing := [key for key in wanted if key not in places]:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise DataError(f"{path} has no picture of image {missing[0]}{more} of {len(images)}")
        order = [places[key] for key in wanted]
    elif len(made) != len(images):
        raise DataError(f"{path} has {len(made)} pictures; there are {len(images)} images")
    pictures = []
    for place in order:
        picture = made[place]
        if picture.shape != shape:
            raise DataError(f"{path}: a picture of shape {tuple(picture.shape)}; the images are {shape} (c, h, w)")
        pictures.append(picture)
    return torch.stack(pictures)


def picture_keys(images: ImageArray) -> list[str | int]:
    """What a picture of each image is called in a folder, without its ending."""
    return [_key(name) for name in images.names] if images.names else [*range(len(images))]


def _key(name: str) -> str | int:
    """What pictures and images are matched by: the name of the file without folder and ending, a number as one."""
    stem = os.path.splitext(os.path.basename(name))[0]
    return int(stem) if stem.isdecimal() else stem
