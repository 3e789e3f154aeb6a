"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aezoo.errors import OptionError, shown


def path_of(given: Any, what: str) -> Path:
    """A path that a caller gives.

    Raises:
        OptionError: it is none.
    """
    if not isinstance(given, str | os.PathLike) or "\0" in os.fspath(given):
        raise OptionError(f"{what}={shown(given)} is no path: give text or a Path")
    return Path(os.path.expanduser(given))


def command_line(*words: str) -> str:
    """Words as a shell of this system takes them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; it takes the name of ``path`` when the block ends well.

    A crash or a full disk leaves what was there before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield draft
        with draft.open("r+b") as file:  # Windows syncs none that is open for reading alone
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """As `write_whole`, for a folder: what was there before is replaced when the block ends well, and not before."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    old = draft.with_name(f"{draft.name}.old")
    draft.mkdir(parents=True)
    try:
        yield draft
        if path.exists():
            os.replace(path, old)
        os.replace(draft, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.replace(old, path)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if path.exists():  # what was there before is all that there is, where it could not be put back
            shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as readable JSON."""
    with write_whole(path) as draft:
        draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
