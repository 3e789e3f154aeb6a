"""Anyone's images: a folder of files, or one array in an ``.npy`` or ``.npz`` file."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from aezoo.datasets.pictures import HEIF, HEIF_HELP, NOT_PICTURES, reads_heif, stack_pixels
from aezoo.datasets.sources import ImageFiles, ImageRows, Known, Root, digest, file_state, rows_of
from aezoo.datasets.splits import held_out, no_such_split, on_this_side
from aezoo.errors import DataError, OptionError, one_line, warn
from aezoo.files import command_line

SPLITS = ("train", "val", "test")
ALL = "all"
"""The split that is everything there is, unsplit."""
ARRAYS = (".npy", ".npz")
_KEYS = ("images", "imgs", "x")


def open_folder(split: str, root: Root = None, *, seed: int = 0) -> ImageFiles | ImageRows:
    """The images of a split.

    A folder is read with its subfolders. Where it has at least two of the subfolders train, val and test, those are
    the splits; else a tenth, chosen by a hash of the seed and the relative name (in an array the row), is test. The
    split ``"all"`` is the folder or array as it is.

    Where every image lies in a subfolder (of its split), and there are at least two of these, they are the classes,
    numbered in alphabetical order: ``cats/a.jpg``, ``dogs/old/b.jpg``.

    Args:
        split: ``"train"`` or ``"test"``, or what the folder has; or ``"all"``.
        root: the folder, or the ``.npy`` or ``.npz`` file: images (n, h, w), (n, h, w, c) or (n, c, h, w) of uint8,
            bool, or floats in [0, 1]; in an ``.npz`` as ``images``, ``imgs`` or ``x``, or the only such array. Beside
            them there may be ``labels`` or ``y``, whole numbers (n,) or (n, k), and ``factors``, numbers (n, f).
        seed: of the held-out tenth.

    Raises:
        OptionError: a split that it does not have.
        DataError: no such path, no image in it, or an array of another form.
    """
    if root is None:
        raise DataError("folder: which one? give its path as the dataset (./my_photos, faces.npz), or --root")
    path = Path(os.path.expanduser(root))
    if path.suffix.lower() in ARRAYS and path.is_file():
        array, labels, factors = _read_arrays(path)
        pixels = stack_pixels(array, str(path))
        rows = [str(row) for row in range(len(pixels))]
        chosen = slice(None) if split == ALL else held_out(str(path), rows, split, seed)
        fingerprint = digest("array 2", os.path.realpath(path), file_state(path), split, seed)
        labels, factors = (None if each is None else each[chosen] for each in (labels, factors))
        return ImageRows(pixels[chosen], fingerprint, labels, factors)
    if not path.is_dir():
        raise DataError(f"folder: {path} is no folder and no .npy or .npz file")
    there = os.listdir(path)  # as they are written, on every file system
    own = [name for name in SPLITS if name in there and (path / name).is_dir()]
    has_splits = len(own) > 1
    if has_splits and split != ALL:
        if split not in own:
            way_out = f"; {command_line('ln', '-s', 'val', str(path / split))} makes val one" if split == "test" else ""
            raise OptionError(f"{no_such_split(str(path), split, own)}{way_out}")
        every = {name: _files(path / name) for name in own}
        folder, identity = path / split, f"folder 1 {split}"
        names, others = every[split]
    else:
        every = {"": _files(path)}
        folder, identity = path, f"folder 1 {split} {seed}"
        names, others = every[""]
    if not names:
        there = f"; {named_by_kind(others)} cannot be read" if others else ""
        raise DataError(f"folder: no image in {folder} or its subfolders (.png, .jpg, ...: what Pillow reads){there}")
    if folder == path and split != ALL:
        names = [names[index] for index in held_out(str(path), names, split, seed)]
        others = {name: why for name, why in others.items() if on_this_side(name, split, seed)}
    skipped = {str(folder / name): why for name, why in others.items()}
    # Over all splits, so that a class has one number: one of them may lack a class.
    tops = sorted({name.split("/")[0] if "/" in name else "" for images, _ in every.values() for name in images})
    if len(tops) < 2 or "" in tops or (has_splits and split == ALL):
        return ImageFiles(folder, names, identity, skipped=skipped)
    number = {top: index for index, top in enumerate(tops)}
    labels = [number[name.split("/")[0]] for name in names]
    return ImageFiles(folder, names, f"{identity} {tops}", labels, tops, skipped)


def named_by_kind(skipped: Mapping[str, str]) -> str:
    """Files that are not read, counted by how they end: ``"5 .heic (how they are read), 2 .mov"``."""
    kinds = Counter(os.path.splitext(name)[1].lower() or "without an ending" for name in skipped)
    said = [f"{n} {kind}" + (f" ({HEIF_HELP})" if kind in HEIF else "") for kind, n in kinds.most_common()]
    return ", ".join(said)


def _files(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The relative names of the images under a folder, sorted, and of the other files, with the reason.

    Hidden files are neither. Links to folders are followed, each folder once.
    """
    found, seen = [], set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [(Path(parent) / name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    endings = {name: os.path.splitext(name)[1].lower() for name in sorted(found)}
    if set(HEIF) & set(endings.values()):
        reads_heif()
    formats = Image.registered_extensions()
    known = {suffix for suffix, name in formats.items() if name in Image.OPEN and name not in NOT_PICTURES}
    others = {
        name: HEIF_HELP if ending in HEIF else f"no image that Pillow reads ({ending or 'without an ending'})"
        for name, ending in endings.items()
        if ending not in known
    }
    return [name for name in endings if name not in others], others


def _read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """The images, and in an ``.npz`` their labels and factors, where it has any."""
    try:
        _check_memory(path)
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded, None, None
        with loaded:
            return _read_members(path, loaded)
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own errors for a damaged file
        said = one_line(error)
        cause = "it holds Python objects" if "Python objects" in said or "allow_pickle" in said else said
        raise DataError(f"cannot read {path}: {cause}; save plain arrays with numpy.save or numpy.savez") from error


def _read_members(path: Path, loaded: np.lib.npyio.NpzFile) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    named = [key for key in _KEYS if key in loaded] or (loaded.files if len(loaded.files) == 1 else [])
    if named:
        stacks = [np.asanyarray(loaded[named[0]])]  # a member that is no array is bytes
    else:
        stacks = [array for array in (loaded[key] for key in loaded.files) if array.ndim in (3, 4)]
    if len(stacks) != 1:
        held = ", ".join(loaded.files[:5]) or "nothing"
        raise DataError(f"{path} holds {held}: name the array of images one of {', '.join(_KEYS)}")
    n = len(stacks[0]) if stacks[0].ndim else 0
    return stacks[0], _known(path, loaded, n, "labels", "y"), _known(path, loaded, n, "factors")


_COPIES = 3  # of an array that are held at once, while its values become bytes and those of a split are taken


def _check_memory(path: Path) -> None:
    """Whether there is room for what an array holds, which a few compressed bytes may say anything of.

    Raises:
        DataError: there is not.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    else:
        size = np.load(path, mmap_mode="r", allow_pickle=False).nbytes
    free = psutil.virtual_memory().available
    if _COPIES * size > free:
        needed = f"{size / 1e9:.1f} GB of arrays, and takes {_COPIES} times as much"
        raise DataError(f"{path} holds {needed}: {free / 1e9:.1f} GB of memory are free")


def _known(path: Path, loaded: Mapping[str, np.ndarray], n: int, what: Known, *more: str) -> np.ndarray | None:
    """The labels or factors of n images, under their own key or another. Images are of use without them."""
    for key in (what, *more):
        if key in loaded:
            try:
                return rows_of(what, loaded[key], n)
            except Exception as error:  # of another form, Python objects, or damaged
                warn(f"{path}: {key!r} is left out: {error}")
    return None
