"""What a person sees of a study: what there is to do, how far it is, and what came of its claims."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

import click

from aezoo.cli import console
from aezoo.cli.console import Column
from aezoo.studies.report import NUMBERS, REPORT, Report
from aezoo.studies.state import State, Task
from aezoo.studies.text import duration, measured, verdict
from aezoo.studies.trials import Finished
from aezoo.studies.work import Watcher
from aezoo.training import bars


def say_plan(state: State, only: str, jobs: int) -> None:
    """Say how many runs there are to do and to find, and how long they should take."""
    study, tasks = state.study, state.tasks(only)
    for part in study.parts:
        if only in ("", part.name):
            left = [task for task in tasks if task.arm.part == part.name]
            total = sum(arm.seeds + len(arm.search) for arm in study.arms_of(part.name))
            seconds = state.seconds_left(left)
            if not left:
                says = "nothing to train"
            elif seconds is not None:
                says = f"the rest takes about {duration(seconds / jobs)} at the pace of those"
            else:
                says = f"all of them take {part.cost} with one thread" if part.cost else "how long is not known yet"
            click.echo(f"{part.name}: {total} runs, {total - len(left)} of them there; {says}")


class Screen(Watcher):
    """A bar of the runs and one of what each job is at, on a terminal; elsewhere a line a run."""

    def __init__(self, state: State, jobs: int) -> None:
        self._state, self._jobs = state, jobs
        self._progress = bars.progress()
        self._all = self._progress.add_task("runs", total=None)
        self._each = [self._progress.add_task("", total=None, visible=False) for _ in range(jobs)]
        self._began = [time.monotonic()] * jobs
        self._done = self._total = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begins(self, job: int, task: Task, left: list[Task]) -> None:
        self._total = self._done + len(left)
        self._began[job] = time.monotonic()
        self._progress.update(self._all, total=self._total, completed=self._done, notes=[self._left(left)])
        steps = task.trial.recipe.steps
        self._progress.reset(
            self._each[job], total=steps, description=_label(task), visible=True, notes=["reading images"]
        )

    def ends(self, job: int, task: Task, finished: Finished, left: list[Task]) -> None:
        self._done += 1
        self._progress.update(self._all, completed=self._done, notes=[self._left(left)])
        self._progress.update(self._each[job], visible=False)
        if not console.is_terminal():
            split = "validation" if task.trial.recipe.validation else "test"
            took = duration(time.monotonic() - self._began[job])
            says = f"[{self._done}/{self._total}] {_label(task)}: {took}, {split} loss {finished.loss(split):.4g}"
            console.note("; ".join(filter(None, (says, self._left(left)))))

    def step(self, job: int, done: int, steps: int, values: dict[str, float]) -> None:
        notes = [f"{name} {value:.4g}" for name, value in values.items()]
        self._progress.update(self._each[job], completed=done, notes=notes)

    def working(self, job: int, what: str, done: int, total: int) -> None:
        self._progress.update(self._each[job], notes=[what])

    def _left(self, left: list[Task]) -> str:
        seconds = self._state.seconds_left(left)
        return f"about {duration(seconds / self._jobs)} left" if seconds else ""


def _label(task: Task) -> str:
    recipe = task.trial.recipe
    return f"{task.trial.arm}, seed {recipe.seed}"


def show(state: State, report: Report, out: Path) -> None:
    """Print the claims, and where everything is."""
    rows, heads = [], []
    for claim, found in report.claims:
        heads.append(len(rows))
        runs = any(not each.missing for each in found)
        rows.append([str(claim.number), claim.says, "", "" if runs else "not run yet"])
        rows += [["", each.row.case, measured(each), verdict(state, each)] for each in found if runs]
    columns = [Column("#"), Column("claim", wraps=True), Column("measured [95 %]", wraps=True), Column("verdict")]
    console.table(columns, rows, headings=heads)
    figures = [str(out / "figures" / figure.file) for figure in report.figures]
    console.facts(
        [
            ("report", str(out / REPORT)),
            ("numbers", str(out / NUMBERS)),
            ("figures", ", ".join(figures)),
        ]
    )
