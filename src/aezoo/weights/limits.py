"""How much a file may ask for. A model folder may be anyone's: what it costs is known before it is paid."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from aezoo.errors import WeightsError

SMALL = 2**20
"""Bytes of a file of text: a config, metrics, a card, a record."""
ITEMS = 1000
"""Of a list or object in such a file: tags, layers, options."""
ROWS = 2**16
"""Of a list or object of numbers alone: a metric may have one for each dimension of the latent."""
PARAMETERS = 2**29
"""Of a model that a folder asks for and no weights come with: 2 GB. ``create(describe(folder))`` knows no limit."""
WEIGHTS = 2**35
"""Bytes of the weights of a model."""
CHECKPOINT = 2**37
"""Bytes of a checkpoint: weights, their averages, an optimiser's two moments."""
LOG = 2**28
"""Bytes of the log of a run."""
GOLDEN = 2**28
"""Bytes of a model's answers to four images."""
UNASKED = 2**26
"""Bytes of them that are read before the model is looked at; more have to be what it is made of."""


def read(path: Path, most: int) -> bytes:
    """The bytes of a file that is one, and no larger than that: no pipe, no device.

    Raises:
        WeightsError: it is something else, or larger.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise WeightsError(f"{path} is no file")
        if state.st_size > most:
            raise WeightsError(f"{path} has {state.st_size:,} bytes, and {most:,} at most can be what it should hold")
        data = file.read(state.st_size + 1)
        if len(data) > state.st_size:  # it grows, or is one of the system's, without end
            raise WeightsError(f"{path} has more than the {state.st_size:,} bytes that it says it has")
        return data


def read_json(path: Path, most: int = ITEMS) -> Any:
    """What a file of JSON says, where no list or object in it has more than ``most`` items.

    Raises:
        WeightsError: as in `read`.
        ValueError: it is no JSON, or a list in it has no end.
        RecursionError: it is nested without end.
    """
    data = json.loads(read(path, SMALL))
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, list | dict) and len(value) > most:
            raise ValueError(f"a list of {len(value):,} items")
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return data
