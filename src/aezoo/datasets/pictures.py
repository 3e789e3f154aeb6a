"""Pictures: whatever holds one becomes uint8 (c, h, w), and is then fitted to the images of a model."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
from collections.abc import Iterator
from typing import IO

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from aezoo.errors import DataError, one_line, shown, warn
from aezoo.plain import ImageSpec

Picture = str | os.PathLike[str] | bytes | Image.Image | np.ndarray | Tensor
"""A path, the bytes of a file, a PIL image, an array (h, w), (h, w, c) or (c, h, w), or a tensor of such a shape."""
HEIF = (".heic", ".heif", ".hif")
"""What pictures of phones end with that Pillow reads with help alone."""
# Pillow names these but decodes them only with outside help; for EPS that is an interpreter run on the file. What is
# inside an IPTC file it opens as anything, EPS too.
NOT_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
HEIF_HELP = "'pip install pillow-heif' reads them"


def read_picture(picture: Picture) -> UInt8[Tensor, "c h w"]:
    """The pixels of a picture, grey (one channel) or RGB, turned as its EXIF orientation says.

    Alpha is laid over white. 16-bit greys are divided by 257; arrays are uint8, bool, or floats in [0, 1].

    Raises:
        DataError: the file cannot be read; the array has another shape, type or range.
    """
    if isinstance(picture, str | os.PathLike):
        if os.fspath(picture).lower().endswith(HEIF):
            reads_heif()
        if os.path.exists(picture) and not os.path.isfile(picture):  # a pipe would be waited for
            raise DataError(f"cannot read {os.fspath(picture)}: it is no file")
        return _decode(picture, os.fspath(picture))
    if isinstance(picture, bytes):
        reads_heif()
        return _decode(io.BytesIO(picture), f"a picture of {len(picture):,} bytes")
    if isinstance(picture, Image.Image):
        with _decoding("the picture"):  # of an opened file, which is decoded here
            return _from_pil(picture)
    array = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else picture
    if not isinstance(array, np.ndarray):
        raise DataError(f"{shown(picture)} is no picture: give a path, a PIL image, an array or a tensor")
    return torch.tensor(stack_pixels(array[None], "the picture")[0])  # a copy: the array is another's


def stack_pixels(array: np.ndarray, name: str) -> np.ndarray:
    """Many pictures of one size, (n, h, w), (n, h, w, c) or (n, c, h, w), as uint8 (n, 1 or 3, h, w).

    Bytes of 0 and 1 alone, as files of black and white pictures have them, are what bools are, with a warning.

    Raises:
        DataError: another shape, a type other than uint8, bool or float, floats outside [0, 1].
    """
    if not all(array.shape):
        raise DataError(f"{name}: images of shape {array.shape}: there is nothing in them")
    # Which axis is the channels'? One of 1 or 3 before one of 2 or 4 (with alpha), the last before the first.
    likely = [axis for some in ((1, 3), (2, 4)) for axis in (3, 1) if array.ndim == 4 and array.shape[axis] in some]
    if array.ndim == 3:
        stack = array[:, None]
    elif likely:
        stack = np.moveaxis(array, likely[0], 1)
    else:
        raise DataError(
            f"{name}: images of shape {array.shape[1:]}; give (h, w), (h, w, c) or (c, h, w) with 1 to 4 channels"
        )
    if stack.dtype == np.uint8 and stack.size and stack.max() == 1:
        warn(f"{name}: bytes of 0 and 1 alone are read as black and white, not as two shades of black of 256")
        stack = stack.astype(bool)
    if stack.dtype == bool:
        stack = stack.astype(np.uint8) * np.uint8(255)
    elif np.issubdtype(stack.dtype, np.floating):
        if stack.size and not (stack.min() >= 0 and stack.max() <= 1):  # a NaN fails too
            raise DataError(f"{name}: floats from {stack.min():.3g} to {stack.max():.3g}; give [0, 1], or uint8")
        stack = np.rint(stack.astype(np.float32) * 255).astype(np.uint8)
    elif stack.dtype != np.uint8:
        raise DataError(f"{name}: values of type {stack.dtype}; give uint8, bool, or floats in [0, 1]")
    if stack.shape[1] in (2, 4):
        colour, alpha = stack[:, :-1].astype(np.uint32), stack[:, -1:].astype(np.uint32)
        stack = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(stack)


def fit(picture: UInt8[Tensor, "c h w"], image: ImageSpec) -> UInt8[Tensor, "c2 h2 w2"]:
    """Crop a picture to the images' aspect ratio around its centre, make it grey or RGB, resize it.

    Grey is ITU-R 601. Resizing is Pillow's antialiased bilinear filter, whose integers come out the same on every
    machine. A picture that has the size and the channels already keeps every bit.

    Raises:
        DataError: the picture is not uint8 (c, h, w), or has channels that cannot become the images'.
    """
    if not isinstance(picture, Tensor) or picture.dtype != torch.uint8 or picture.ndim != 3:
        given = f"{picture.dtype} {tuple(picture.shape)}" if isinstance(picture, Tensor) else type(picture).__name__
        raise DataError(f"a picture is a tensor, uint8 (c, h, w), not {given}")
    channels, height, width = picture.shape
    high, wide = image.size
    crop_height = min(height, max(1, round(width * high / wide)))
    crop_width = min(width, max(1, round(height * wide / high)))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    if channels != image.channels and {channels, image.channels} != {1, 3}:
        raise DataError(f"a picture of {channels} channels cannot become an image of {image.channels}: 1 and 3 can")
    # NumPy, not torch: on pictures this small, threads cost more than they bring.
    pixels = picture.numpy()[:, top : top + crop_height, left : left + crop_width]
    if channels > image.channels:
        red, green, blue = pixels.astype(np.uint32)
        pixels = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)[None]
    if pixels.shape[1:] != image.size:
        planes = [Image.fromarray(plane).resize((wide, high), Image.Resampling.BILINEAR) for plane in pixels]
        pixels = np.stack([np.asarray(plane) for plane in planes])
    return torch.from_numpy(np.repeat(pixels, image.channels // len(pixels), axis=0))


def cut(picture: UInt8[Tensor, "c h w"], channels: int, multiple: int) -> UInt8[Tensor, "c2 h2 w2"]:
    """A picture at its own size, but for edges that are cut to make height and width multiples; grey or RGB.

    Raises:
        DataError: it is smaller than that, or as in `fit`.
    """
    height, width = (n // multiple * multiple for n in picture.shape[1:])
    if not height or not width:
        by = "x".join(map(str, picture.shape[1:]))
        raise DataError(f"a picture of {by} pixels is too small: {multiple}x{multiple} is the least")
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    return fit(picture[:, top : top + height, left : left + width], ImageSpec((height, width), channels))


def formats() -> list[str]:
    """What Pillow opens a file as: whatever it decodes by itself."""
    Image.init()
    return [name for name in Image.OPEN if name not in NOT_PICTURES]


def _decode(file: str | os.PathLike[str] | IO[bytes], name: str) -> Tensor:
    with _decoding(name), Image.open(file, formats=formats()) as opened:
        if (most := Image.MAX_IMAGE_PIXELS) and opened.width * opened.height > most:
            size = f"{opened.width}x{opened.height} pixels"
            raise DataError(f"{size} are more than {most:,}: PIL.Image.MAX_IMAGE_PIXELS is the limit")
        return _from_pil(opened)


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # on a damaged file Pillow's decoders raise nearly everything
        raise DataError(f"cannot read {name}: {_cause(error, name)}") from error


def _from_pil(image: Image.Image) -> Tensor:
    if image.mode == "I" and image.format == "TIFF":
        raise DataError("whole numbers of 32 bits, of which no range is known: store 8 or 16")
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return read_picture(np.array(image))
    if image.mode.startswith("I"):  # "I" is how some Pillow versions open a 16-bit file
        values = np.array(image).astype(np.int64)
        return torch.from_numpy(((values + 128) // 257).clip(0, 255).astype(np.uint8))[None]
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = torch.from_numpy(np.array(image.convert(mode)))
    return pixels[None] if mode == "L" else pixels.permute(2, 0, 1).contiguous()


@functools.cache
def reads_heif() -> bool:
    """Whether HEIC files can be read: they are where the package pillow-heif is installed."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def _cause(error: Exception, path: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        return HEIF_HELP if path.lower().endswith(HEIF) and not reads_heif() else "it is no image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(error)
