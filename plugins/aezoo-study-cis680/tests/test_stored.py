"""The report that the documentation holds, against the study as it is declared."""

import json
import re
from pathlib import Path

import pytest

from aezoo.studies import Region
from aezoo.studies.statistics import Interval, verdict
from aezoo_study_cis680.study import study

STORED = Path(__file__).resolve().parents[3] / "docs/study"
pytestmark = pytest.mark.skipif(not STORED.is_dir(), reason="the documentation is not here")


@pytest.fixture(scope="module")
def full():
    return study()


@pytest.fixture(scope="module")
def report():
    return json.loads((STORED / "report.json").read_text(encoding="utf-8"))


def region(text):
    """What was written of a region: ``"< 0.5"``, ``"> 0"``, ``"649.5 to 2598"``."""
    if text[0] in "<>":
        return Region(**{{"<": "high", ">": "low"}[text[0]]: float(text[1:])})
    return Region(*map(float, text.split(" to ")))


def test_every_verdict_follows_from_its_interval(report, full):
    rows = [row for claim in report["claims"] for row in claim["rows"]]
    judged = [row for row in rows if row["claimed"]]
    for row in judged:
        needed = full.part(row["part"]).needed
        found = verdict(
            Interval(row["estimate"], *row["interval"]), region(row["claimed"]), seeds=len(row["seeds"]), needed=needed
        )
        assert found == row["verdict"], row
    assert {row["verdict"] for row in judged} == {"holds", "does not hold", "undecided"}
    assert len(judged) == 37
    assert [row["verdict"] for row in rows if not row["claimed"]] == [None] * (len(rows) - len(judged))


def test_its_claims_are_those_of_the_study(report, full):
    def of(claim):
        return [(row.case, row.number, str(row.region) if row.region else None) for row in claim.rows]

    for stored, claim in zip(report["claims"], full.claims, strict=True):
        assert (stored["number"], stored["says"], stored["rule"]) == (claim.number, claim.says, claim.rule)
        assert [(row["case"], row["number"], row["claimed"]) for row in stored["rows"]] == of(claim)


def test_its_runs_are_found_again(report, full):
    assert list(report["arms"]) == [arm.name for arm in full.arms]
    for arm in full.arms:
        stored = report["arms"][arm.name]
        trials = [arm.trial(seed, stored["recipe"]["lr"]) for seed in range(arm.seeds)]
        assert [run["folder"] for run in stored["runs"]] == [trial.name for trial in trials]
        facts = (arm.label, arm.part, arm.summary.parameters, arm.summary.macs, arm.depth)
        assert facts == tuple(stored[name] for name in ("label", "part", "parameters", "macs", "depth"))


def test_what_is_read_is_what_is_computed(report):
    text = (STORED / "report.md").read_text(encoding="utf-8")
    for claim in report["claims"]:
        for row in claim["rows"]:
            case, number = re.escape(row["case"]), re.escape(row["number"])
            said = rf"\| {row['claimed'] or ''} \| {row['verdict'] or ''} \|"
            assert re.search(rf"\| \| {case} \|.*{number} .* {said}", text), row["case"]
