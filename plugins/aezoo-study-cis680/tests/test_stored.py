"""The reports that the documentation holds: of the study as it is declared, and saying what their numbers say.

The verdicts are computed here again, from estimates and errors, all rows of the study as one family.
"""

import json
import re
from pathlib import Path

import pytest
from scipy import stats

from aezoo.studies.text import number
from aezoo_study_cis680.study import study

STORED = Path(__file__).resolve().parents[3] / "docs/study"
STUDIES = {"real": study(), "toyfaces": study(data="toyfaces")}
"""By the folder of the report."""
REPORTS = tuple(path.parent.name for path in sorted(STORED.glob("*/report.json")))
pytestmark = pytest.mark.skipif(not STORED.is_dir(), reason="the documentation is not here")


def numbers(name):
    return json.loads((STORED / name / "report.json").read_text(encoding="utf-8"))


def judged(name):
    """Claim and row of what has a verdict."""
    return [(claim, row) for claim in numbers(name)["claims"] for row in claim["rows"] if row.get("verdict")]


def edges(claimed):
    """Of ``"< 0.5"``, ``"> 0"`` and ``"649.5 to 2598"``."""
    return [float(edge) for edge in claimed.strip("<> ").split(" to ")]


def p_of(row):
    """By bisection: the p whose margin, by Student's t of each part of the variance, reaches the nearest edge."""
    distance = min(abs(row["estimate"] - edge) for edge in edges(row["claimed"]))
    if not row["error"]:
        return 2.0 ** -min(part["freedom"] for part in row["parts"])
    low, high = -300.0, 0.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        squares = [part["variance"] * stats.t.isf(10**middle / 2, part["freedom"]) ** 2 for part in row["parts"]]
        low, high = (middle, high) if sum(squares) > distance**2 else (low, middle)
    return 10**high


def is_inside(row):
    found, bounds = row["estimate"], edges(row["claimed"])
    if len(bounds) == 2:
        return bounds[0] < found < bounds[1]
    return found > bounds[0] if ">" in row["claimed"] else found < bounds[0]


def verdicts(name, rows):
    """Holm's, of the family of all rows of the study."""
    family = sum(len(claim.rows) for claim in STUDIES[name].claims)
    order, said, rejecting = sorted(rows, key=p_of), {}, True
    for rank, row in enumerate(order):
        rejecting = rejecting and p_of(row) * (family - rank) <= 0.05
        said[id(row)] = ("holds" if is_inside(row) else "does not hold") if rejecting else "undecided"
    return [said[id(row)] for row in rows]


def test_there_are_reports():
    assert REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_every_verdict_follows_from_its_numbers(name):
    rows = [row for _, row in judged(name)]
    assert [row["verdict"] for row in rows] == verdicts(name, rows)


@pytest.mark.parametrize("name", REPORTS)
def test_it_is_of_the_study_as_it_is_declared(name):
    stored, declared = numbers(name), STUDIES[name]
    assert [claim["number"] for claim in stored["claims"]] == [claim.number for claim in declared.claims]
    for claim, now in zip(stored["claims"], declared.claims, strict=True):
        for row, of in zip(claim["rows"], now.rows, strict=True):
            assert (row["case"], row["number"]) == (of.case, of.number)
            assert row.get("claimed", str(of.region)) == str(of.region)
    assert set(stored["arms"]) == {arm.name for arm in declared.arms}
    for arm in declared.arms:
        found = stored["arms"][arm.name]
        rate = found["recipe"]["lr"]
        assert arm.search or rate == arm.recipe.lr
        seeds = [seed for seed in range(arm.seeds) if seed not in found["diverged"]]
        assert [run["folder"] for run in found["runs"]] == [arm.trial(seed, rate).name for seed in seeds]


@pytest.mark.parametrize("name", REPORTS)
def test_what_is_read_is_what_is_computed(name):
    text = (STORED / name / "report.md").read_text(encoding="utf-8")
    for _, row in judged(name):
        low, high = row["interval"]
        said = f"{row['number']} {number(row['estimate'])} [{number(low)}, {number(high)}]"
        assert re.search(rf"\| \| {re.escape(row['case'])} \| .*{re.escape(said)}.* \| {row['verdict']} \|", text), row


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_of_claims_says_what_the_report_says(name):
    """Each of its rows names a claim, and in the report's column the verdicts of it."""
    page = (STORED / "claims.md").read_text(encoding="utf-8")
    for number_of, _claim, *cells in re.findall(r"^\| (\d+) \| (.*) \| (.*) \| (.*) \|$", page, re.MULTILINE):
        said = {row["verdict"] for claim, row in judged(name) if claim["number"] == int(number_of)}
        assert set(re.findall(r"\*\*([a-z ]+)\*\*", cells[list(STUDIES).index(name)])) == said, number_of
    assert {claim["number"] for claim, _ in judged(name)} == {int(n) for n in re.findall(r"^\| (\d+) \|", page, re.M)}


def test_the_short_page_says_of_each_claim_what_the_report_says_too():
    page = (STORED / "index.md").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^\| (\d+) \| .* \| (.*) \|$", page, re.MULTILINE))
    assert [*map(int, lines)] == [claim["number"] for claim in numbers("real")["claims"]]
    for number_of, line in lines.items():
        said = {row["verdict"] for claim, row in judged("real") if claim["number"] == int(number_of)}
        assert set(re.findall(r"\*\*([a-z ]+)\*\*", line)) == said, number_of


def test_the_page_of_claims_counts_what_both_reports_agree_on():
    both = [[row.get("verdict") for claim in numbers(name)["claims"] for row in claim["rows"]] for name in STUDIES]
    pairs = list(zip(*both, strict=True))
    assert {"holds", "does not hold"} not in [{*pair} for pair in pairs]
    same = sum(one == other is not None for one, other in pairs)
    few = pairs.count((None, None))
    page = " ".join((STORED / "claims.md").read_text(encoding="utf-8").split())
    assert (
        f"Of the {len(pairs)} numbers none has the opposite verdict on drawn faces: {same} have the same one, " in page
    )
    assert f"{len(pairs) - same - few} are undecided on one side, and of {few} too few runs are alive on either" in page
