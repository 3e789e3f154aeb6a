"""Checkpoints: the state of a run, written whole, named by what they hold, read back only when every byte is right."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
from pathlib import Path
from typing import Any

import torch

from aezoo.errors import first_line, warn
from aezoo.files import write_whole
from aezoo.weights import limits

TRAINING = "training"
"""The folder of a run's checkpoints, within its own."""
_NAME = re.compile(r"step-(\d+)-([0-9a-f]{16})\.pt")
KEPT = 2
"""How many checkpoints stay: should the newest be damaged, the one before it costs one interval."""


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write the state after ``step`` steps as ``step-<step>-<digest>.pt`` and remove all but the newest `KEPT`.

    Others of this step and of later ones are removed too: they are damaged, or the run would have gone on from there.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    written = folder / f"step-{step:09d}-{_digest(data)}.pt"
    with write_whole(written) as draft:
        draft.write_bytes(data)
    there = find(folder)
    earlier = [path for path in there if int(path.name.split("-")[1]) < step]
    for path in {*there} - {written, *earlier[: KEPT - 1]}:
        path.unlink(missing_ok=True)


def find(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest first."""
    return sorted((path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name)), reverse=True)


def load_newest(folder: Path) -> dict[str, Any] | None:
    """The state of the newest checkpoint that is whole; None where there is none.

    A damaged one is passed over with a warning.
    """
    for path in find(folder):
        match = _NAME.fullmatch(path.name)
        assert match
        try:
            data = limits.read(path, limits.CHECKPOINT)
            if _digest(data) != match[2]:
                raise ValueError("its bytes do not have the digest in its name")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:  # torch's message says how to run it all the same
            warn(f"checkpoint {path} holds more than tensors, and is passed over")
        except Exception as error:  # a pickle of anyone's may fail in any way, and runs nothing
            warn(f"checkpoint {path} is damaged and passed over: {first_line(error)}")
    return None


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
