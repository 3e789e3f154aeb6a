"""A study carried out: what is missing is trained, one trial after the other or several side by side."""

from __future__ import annotations

import signal
import time
import warnings

from aezoo.datasets.pipeline import open_dataset
from aezoo.errors import AezooWarning
from aezoo.studies import trials
from aezoo.studies.crew import Crew, Teller, interrupt
from aezoo.studies.state import State, Task
from aezoo.studies.trials import Finished
from aezoo.training.engine import handling

PAUSE = 0.5
"""Seconds after which it is seen again whether a trial is free that another command was at."""


class Watcher:
    """What is told of a study as it goes on. ``job`` says who trains: 0, 1, ..."""

    def begins(self, job: int, task: Task, left: list[Task]) -> None:
        """A trial comes; it and those that others are at are among the ones that are left."""

    def working(self, job: int, what: str, done: int, total: int) -> None:
        """While images are decoded or measured."""

    def step(self, job: int, done: int, steps: int, values: dict[str, float]) -> None:
        """After a step, or some of them; ``values`` are the last logged loss and terms."""

    def ends(self, job: int, task: Task, finished: Finished, left: list[Task]) -> None:
        """A trial is over; these are left."""


def carry_out(
    state: State,
    *,
    only: str = "",
    root: str = "",
    device: str = "auto",
    threads: int = 0,
    jobs: int = 1,
    watcher: Watcher | None = None,
) -> None:
    """Train what is missing. Stopped at any moment, it goes on from there when it is called again.

    What it writes does not depend on the number of jobs, where that of threads is the same. Two calls on one folder
    share the work.

    Args:
        state: what is there; it grows.
        only: the part to carry out; empty: all.
        root, device, threads: as in `aezoo.training.job.Job`; several jobs have one thread each where none is named.
        jobs: trials at a time. More than one are processes of their own: a script that asks for them needs an
            ``if __name__ == "__main__":``, as with ``multiprocessing``.
        watcher: is told of each trial.

    Raises:
        AezooError: images that are missing (before anything is trained), or what a run raises.
    """
    watcher, threads = watcher or Watcher(), threads or (1 if jobs > 1 else 0)
    left = state.tasks(only)
    for dataset in sorted({task.trial.recipe.dataset for task in left}):
        for split in ("train", "test"):
            open_dataset(dataset, split, root=root or None)
    if jobs > 1 and len(left) > 1:
        crew = Crew(min(jobs, len(left)), state.runs, root=root, device=device, threads=threads)
        with handling(signal.SIGTERM, interrupt), crew:
            _side_by_side(state, only, crew, watcher)
    else:
        _one_by_one(state, only, {"root": root, "device": device, "threads": threads}, watcher)


def _one_by_one(state: State, only: str, how: dict, watcher: Watcher) -> None:
    teller = Teller(lambda what, *given: getattr(watcher, what)(0, *given))
    while left := state.tasks(only):
        for task in filter(state.is_ready, left):
            watcher.begins(0, task, left)
            if finished := trials.carry_out(task.trial, state.runs, **how, watcher=teller):
                _take(state, only, 0, task, finished, watcher)
                break  # and look anew: a search that is over decides the rest
        else:
            watcher.working(0, "another command is at what is left", 0, 0)
            time.sleep(PAUSE)


def _side_by_side(state: State, only: str, crew: Crew, watcher: Watcher) -> None:
    busy: dict[int, Task] = {}
    elsewhere: dict[str, float] = {}  # trials that another command was at, and when
    while left := state.tasks(only):
        now = time.monotonic()
        taken = {task.trial.name for task in busy.values()}
        taken |= {name for name, seen in elsewhere.items() if now - seen < PAUSE}
        free = [task for task in left if state.is_ready(task) and task.trial.name not in taken]
        for job in sorted(crew.jobs - busy.keys())[: len(free)]:
            busy[job] = free.pop(0)
            watcher.begins(job, busy[job], left)
            crew.give(job, busy[job].trial)
        for job, what, *given in crew.hear(PAUSE):
            if what == "finished":
                _take(state, only, job, busy.pop(job), given[0], watcher)
            elif what == "elsewhere":
                elsewhere[busy.pop(job).trial.name] = time.monotonic()
            elif what == "failed":
                raise given[0]
            elif what == "warns":
                warnings.warn(given[0], AezooWarning, stacklevel=2)
            else:
                getattr(watcher, what)(job, *given)


def _take(state: State, only: str, job: int, task: Task, finished: Finished, watcher: Watcher) -> None:
    state.add(task.arm, finished)
    watcher.ends(job, task, finished, state.tasks(only))
