"""Processes that train trials, each one at a time, and say how it goes.

They leave the terminal's process group: Ctrl-C reaches the command alone, as does SIGTERM, and it then asks each to
stop; that saves the step it is at. One whose command is gone ends with the next word that it cannot pass on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self

from aezoo.errors import AezooError, AezooWarning, TrainingError
from aezoo.studies import trials
from aezoo.studies.trials import Trial
from aezoo.training.engine import handling
from aezoo.training.steps import Watcher

_EVERY = 0.1  # seconds between two words on how far a run is
_PATIENCE = 20  # seconds in which a run has to save the step that it is at


class Teller(Watcher):
    """Passes on what is told of a run, as ``tell(what, *given)``, no oftener than ``every`` so many seconds."""

    def __init__(self, tell: Callable[..., None], every: float = 0.0) -> None:
        self._tell, self._every, self._told, self._last = tell, every, 0.0, ""

    def working(self, what: str, done: int, total: int) -> None:
        self._say("working", what, done, total, urgent=what != self._last)
        self._last = what

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        self._say("step", done, steps, values, urgent=done == steps)

    def _say(self, what: str, *given: Any, urgent: bool) -> None:
        if urgent or time.monotonic() - self._told >= self._every:
            self._told = time.monotonic()
            self._tell(what, *given)


class Crew:
    """So many processes. Within its ``with`` block they are there; whatever ends the block ends them.

    Args:
        count: how many.
        runs: the folder of the trials.
        root, device, threads: as in `aezoo.training.job.Job`.
    """

    def __init__(self, count: int, runs: Path, *, root: str, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        how = {"root": root, "device": device, "threads": threads}
        pipes = [context.Pipe() for _ in range(count)]
        self._ours = [ours for ours, _ in pipes]
        self._theirs = [theirs for _, theirs in pipes]
        self._processes = [
            context.Process(target=_work, args=(theirs, runs, how), daemon=True) for theirs in self._theirs
        ]
        self.jobs = frozenset(range(count))

    def __enter__(self) -> Self:
        with handling(signal.SIGINT, signal.SIG_IGN):  # for good: they are told by the command alone
            for process in self._processes:
                process.start()
        for theirs in self._theirs:  # so that ours end when a process does
            theirs.close()
        return self

    def __exit__(self, *error: object) -> None:
        if os.name == "nt" and error[0] is KeyboardInterrupt:  # it reached them too, and terminated they would not save
            for process in self._processes:
                process.join(_PATIENCE)
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(_PATIENCE)
            process.kill()
            process.join()
        for ours in self._ours:
            ours.close()

    def give(self, job: int, trial: Trial) -> None:
        """Have a trial trained by a process that has none."""
        with contextlib.suppress(OSError):  # it is gone, as `hear` will say
            self._ours[job].send(trial)

    def hear(self, seconds: float) -> Iterator[tuple[Any, ...]]:
        """What the processes say within so many seconds, as (job, what, *given).

        ``what`` is a method of `Teller`; ``"finished"`` with the `Finished`; ``"elsewhere"``: another command is at
        the trial; ``"failed"`` with the error; ``"warns"`` with a text.

        Raises:
            TrainingError: a process is gone.
        """
        for pipe in wait(self._ours, seconds):
            job = self._ours.index(pipe)  # pyright: ignore[reportArgumentType] - `wait` returns what it was given
            try:
                yield job, *self._ours[job].recv()
            except (EOFError, OSError):
                self._processes[job].join()
                code = self._processes[job].exitcode
                raise TrainingError(f"job {job + 1} ended by itself with exit code {code}: short of memory?") from None


def interrupt(number: int, frame: Any) -> None:
    """Answer a signal as Ctrl-C is answered."""
    raise KeyboardInterrupt


def _work(pipe: Connection, runs: Path, how: dict[str, Any]) -> None:
    """A process: trial in, words out."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    show = warnings.showwarning
    warnings.simplefilter("always", AezooWarning)  # what is said twice is for the command to decide

    def pass_on(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, AezooWarning):
            pipe.send(("warns", str(message)))
        else:
            show(message, category, *place, **more)

    warnings.showwarning = pass_on
    teller = Teller(lambda *words: pipe.send(words), _EVERY)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):  # the command is gone
        while True:
            trial = pipe.recv()
            try:
                finished = trials.carry_out(trial, runs, **how, watcher=teller)
            except AezooError as error:
                pipe.send(("failed", error))
                return
            except OSError as error:
                pipe.send(("failed", TrainingError(f"{trial.name}: {error.strerror or error}")))
                return
            pipe.send(("finished", finished) if finished else ("elsewhere",))
