"""The log of a run: ``metrics.jsonl``, one JSON object a line, and the trackers that were asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from aezoo.errors import warn
from aezoo.files import write_whole
from aezoo.plain import is_number

LOG = "metrics.jsonl"
Entry = dict[str, Any]


def is_entry(value: Any) -> bool:
    """Whether it is one, of a file that may hold anything: a step, a split, and numbers."""
    return (
        isinstance(value, dict)
        and type(value.get("step")) is int
        and isinstance(value.get("split"), str)
        and all(is_number(value[name]) or value[name] is None for name in value if name != "split")
    )


class Log:
    """Appends entries to the file and to ``history``, whose earlier entries (of a resumed run) it writes anew.

    A disk that is full costs lines until there is room again, and not the run.

    Args:
        path: of the file.
        accelerator: only its main process writes; it hands the entries to its trackers.
        history: the entries so far. Kept by the caller, who stores it with the state.
    """

    def __init__(self, path: Path, accelerator: Accelerator, history: list[Entry]) -> None:
        self.path, self.accelerator, self.history = path, accelerator, history
        self._is_behind = False
        self._survive(self._write_whole)

    def write(self, entry: Entry) -> None:
        """Append one entry: ``step``, ``split`` and numbers."""
        self.history.append(entry)
        self._survive(lambda: self._append(entry))
        numbers = {f"{entry['split']}/{key}": value for key, value in entry.items() if key not in ("step", "split")}
        self.accelerator.log(numbers, step=entry["step"])

    def _survive(self, write: Callable[[], None]) -> None:
        if not self.accelerator.is_main_process:
            return
        try:
            write()
        except OSError as error:
            if not self._is_behind:
                reason = error.strerror or error
                warn(f"{self.path} cannot be written ({reason}); the run goes on")
            self._is_behind = True

    def _write_whole(self) -> None:
        with write_whole(self.path) as draft:
            draft.write_text("".join(map(_line, self.history)), encoding="utf-8")
        self._is_behind = False

    def _append(self, entry: Entry) -> None:
        """Write the last entry, or where earlier ones could not be written all of them."""
        if self._is_behind:
            self._write_whole()
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
