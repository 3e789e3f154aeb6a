"""The folder of a run: refused where it is another's, and taken only once the run can start."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aezoo.errors import TrainingError, is_text, shown
from aezoo.files import command_line, write_json
from aezoo.training.checkpoint import TRAINING
from aezoo.training.data import SKIPPED
from aezoo.training.log import LOG
from aezoo.training.pictures import CURVES, FOLDER, PROGRESS, RECONSTRUCTIONS
from aezoo.weights.folder import CARD, CONFIG, GOLDEN, METRICS, RECORD, STATE

_HEX = "[0-9a-f]"
_PICTURES = tuple(f"{FOLDER}/{name}" for name in (CURVES, PROGRESS, RECONSTRUCTIONS))
_WRITTEN = (CONFIG, STATE, GOLDEN, METRICS, CARD, LOG, *_PICTURES, SKIPPED)


def check(folder: Path, overwrite: bool = False) -> None:
    """Whether a new run may have a folder. Nothing is written.

    Raises:
        TrainingError: it holds a run and ``overwrite`` was not said, or files that a run would replace and that are no
            run's; or it cannot be written.
    """
    if not is_text(str(folder)):
        raise TrainingError(f"{shown(str(folder))} cannot be written down: its name is not UTF-8; choose another --out")
    refuse_links(folder)
    if (folder / RECORD).exists():
        if not overwrite:
            raise TrainingError(
                f"{folder} holds a run already: continue it with --resume {command_line(str(folder))}, "
                "replace it with --overwrite, or choose another --out"
            )
    elif taken := [name for name in (*_WRITTEN, TRAINING) if (folder / name).exists()]:
        raise TrainingError(f"{folder} holds {taken[0]}, and no run that may be replaced: choose another --out")
    elif overwrite and folder.is_dir() and any(folder.iterdir()):
        raise TrainingError(f"--overwrite replaces a run, and {folder} is none: choose another --out")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise TrainingError(f"{folder} cannot be written: {there} is {'read-only' if there.is_dir() else 'a file'}")


def check_apart(folder: Path, images: str) -> None:
    """Whether a run's folder lies outside that of its images, among which its pictures would be.

    Raises:
        TrainingError: it does not.
    """
    own, theirs = folder.expanduser().resolve(), Path(images).expanduser().resolve()
    above = [path for path in (own, *own.parents) if path.exists()]
    if theirs.exists() and any(path.samefile(theirs) for path in above):  # however it is written
        raise TrainingError(f"{folder} lies in the folder of the images, {images}: choose another --out")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder as this process's own for a while: a file beside it is locked, which a process that dies lets go of.

    Raises:
        TrainingError: another process is at a run in it.
    """
    whole = folder.resolve()  # however it is reached
    lock = FileLock(whole.parent / f".{whole.name}.running")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise TrainingError(f"another process is at the run in {folder}: let it end, or stop it first") from None
    except (OSError, NotImplementedError):  # nothing can be written or locked there: then nobody is told
        yield
        return
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere what is open cannot be removed, and goes by itself
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def refuse_links(folder: Path) -> None:
    """A run writes into its own folder, and nowhere that a link in it leads to.

    Raises:
        TrainingError: there is one.
    """
    inside = (folder / TRAINING).glob("*")  # trackers write there
    for path in (folder / TRAINING, folder / FOLDER, *inside):
        if path.is_symlink():
            raise TrainingError(f"{path} is a link: a run writes into its own folder alone")


def sweep(folder: Path) -> None:
    """Remove what a run that was killed while it wrote has left half written."""
    for name in (*_WRITTEN, RECORD, f"{TRAINING}/step-*"):
        path = folder / name
        for draft in path.parent.glob(f".{path.name}.{_HEX * 8}{path.suffix or '*'}"):
            draft.unlink(missing_ok=True)


def take(folder: Path, record: dict[str, Any], overwrite: bool = False) -> None:
    """Make a folder a run's: what an earlier run left goes, and the record is written.

    Raises:
        TrainingError: what `check` raises.
    """
    check(folder, overwrite)
    try:
        if overwrite:
            shutil.rmtree(folder / TRAINING, ignore_errors=True)
        (folder / TRAINING).mkdir(parents=True)  # of two runs that begin here at once one is told
        for name in _WRITTEN:  # and nothing that somebody laid beside them
            with contextlib.suppress(NotADirectoryError):  # a file of theirs, where pictures would go
                (folder / name).unlink(missing_ok=True)
    except FileExistsError:
        raise TrainingError(f"another run has just begun in {folder}: choose another --out") from None
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror or error}") from error
    sweep(folder)
    write_record(folder, record)


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a run.

    Raises:
        TrainingError: it cannot be written.
    """
    try:
        write_json(folder / RECORD, record)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror or error}") from error
