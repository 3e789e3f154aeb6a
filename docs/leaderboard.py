"""Writes the tables of leaderboard.md from the results in ``benchmarks/results``: ``python docs/leaderboard.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from aezoo.benchmark.results import Result, read_results
from aezoo.benchmark.table import By, markdown, rows
from aezoo.benchmark.tasks import Task

PAGE = Path(__file__).with_name("leaderboard.md")
RESULTS = PAGE.parents[1] / "benchmarks" / "results"
_MARK = "<!-- The tables below are written by `python docs/leaderboard.py`. -->\n"


def first_of(task: Task, results: Sequence[Result]) -> str:
    """Of each budget of parameters and of multiply-accumulates the models that none of the same is before."""
    found = [row for by in get_args(By)[1:] for row in rows(task, results, by)]
    first = [row for row in found if row.result.kind == "model" and row.rank in ("1", "=1")]
    lines = [
        f"| {row.track} | {row.result.name}{' †' * row.is_own} | {row.skill or ''} | {row.psnr:.2f} | {row.ssim:.3f} |"
        for row in first
    ]
    return "\n".join(["| of models | first | skill | PSNR (dB) | SSIM |", "|---|---|--:|--:|--:|", *lines])


def page(text: str) -> str:
    """The text of the page, its tables as the results say."""
    above, mark, _ = text.partition(_MARK)
    tables = [
        f"\n## {task.id}\n\n{task.summary}; {task.images:,} test images of {task.image}; baselines fitted to "
        f"{task.training_images:,}.\n\n{markdown(task, results)}\n"
        f"\n{first_of(task, results)}\n"
        for task, results in read_results(RESULTS).items()
    ]
    return above + mark + "".join(tables)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
