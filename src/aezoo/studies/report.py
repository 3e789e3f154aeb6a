"""The report of a study: ``report.md`` for a reader, ``report.json`` with every number, ``figures/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aezoo.files import write_json, write_whole
from aezoo.studies.drawings import Drawn, Pictures, draw
from aezoo.studies.markdown import markdown
from aezoo.studies.numbers import numbers
from aezoo.studies.published import measure_others
from aezoo.studies.state import State
from aezoo.studies.verdicts import Judged, judge_all

REPORT, NUMBERS = "report.md", "report.json"


@dataclass(frozen=True)
class Report:
    """What was written: the claims with what was found of each, and the figures."""

    claims: Judged
    figures: tuple[Drawn, ...]


def write_report(state: State, out: Path, *, pictures: Pictures = "own", root: str = "") -> Report:
    """Write it from the trials that are finished.

    Args:
        state: what is there; what is measured beside the arms is added.
        out: of the study.
        pictures, root: as in `aezoo.studies.drawings.Drawing`.

    Raises:
        DataError: images to draw or to measure on are missing.
    """
    measure_others(state, out, root)
    report = Report(judge_all(state), draw(state, out, pictures=pictures, root=root))
    with write_whole(out / REPORT) as draft:
        draft.write_text(markdown(state, report.claims, report.figures, NUMBERS), encoding="utf-8")
    write_json(out / NUMBERS, numbers(state, report.claims, report.figures))
    return report
