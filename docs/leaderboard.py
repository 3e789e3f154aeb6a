"""Writes the tables of leaderboard.md from the results in ``benchmarks/results``: ``python docs/leaderboard.py``."""

from __future__ import annotations

from pathlib import Path

from aezoo.benchmark.results import read_results
from aezoo.benchmark.table import markdown

PAGE = Path(__file__).with_name("leaderboard.md")
RESULTS = PAGE.parents[1] / "benchmarks" / "results"
_MARK = "<!-- The tables below are written by `python docs/leaderboard.py`. -->\n"


def page(text: str) -> str:
    """The text of the page, its tables as the results say."""
    above, mark, _ = text.partition(_MARK)
    tables = [
        f"\n## {task.id}\n\n{task.summary}; {task.images:,} test images of {task.image}; baselines fitted to "
        f"{task.training_images:,}.\n\n{markdown(task, results)}\n"
        for task, results in read_results(RESULTS).items()
    ]
    return above + mark + "".join(tables)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
