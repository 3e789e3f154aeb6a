"""The report that the documentation holds, which is of the study's first edition: it says what its numbers say."""

import json
import re
from pathlib import Path

import pytest

STORED = Path(__file__).resolve().parents[3] / "docs/study"
pytestmark = pytest.mark.skipif(not STORED.is_dir(), reason="the documentation is not here")


@pytest.fixture(scope="module")
def report():
    return json.loads((STORED / "report.json").read_text(encoding="utf-8"))


def verdict(low, high, claimed):
    """Of an interval, and what was written of a region: ``"< 0.5"``, ``"> 0"``, ``"649.5 to 2598"``."""
    edges = [float(edge) for edge in claimed.strip("<> ").split(" to ")]
    least, most = (
        edges if len(edges) == 2 else (edges[0], float("inf")) if ">" in claimed else (-float("inf"), edges[0])
    )
    if least < low and high < most:
        return "holds"
    return "does not hold" if high <= least or low >= most else "undecided"


def test_every_verdict_follows_from_its_interval(report):
    rows = [row for claim in report["claims"] for row in claim["rows"]]
    judged = [row for row in rows if row["claimed"]]
    assert [row["verdict"] for row in judged] == [verdict(*row["interval"], row["claimed"]) for row in judged]
    assert {row["verdict"] for row in judged} == {"holds", "does not hold", "undecided"}


def test_what_is_read_is_what_is_computed(report):
    text = (STORED / "report.md").read_text(encoding="utf-8")
    for claim in report["claims"]:
        for row in claim["rows"]:
            case, number = re.escape(row["case"]), re.escape(row["number"])
            said = rf"\| {row['claimed'] or ''} \| {row['verdict'] or ''} \|"
            assert re.search(rf"\| \| {case} \|.*{number} .* {said}", text), row["case"]
