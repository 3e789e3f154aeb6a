"""The benchmarks of ``benchmarks/``: contenders in turn, and the page that is written from what they measured."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
ALTERNATING = runpy.run_path(str(ROOT / "benchmarks/alternating.py"))
SCRIPT = """
import alternating
def run(name):
    return lambda number: {"images/s": name * 10.0 ** number}
made = {"aezoo": (6, ()), "theirs": (3, ()), "away": (1, ("no-such-thing",))}
made = {name: alternating.Contender(run=run(base), needs=needs) for name, (base, needs) in made.items()}
case = alternating.Case(title="t", measures=("images/s",), contenders=made)
alternating.answer("Q?\\n\\nHow\\nso.\\n\\n    usage", [case], alternating.parser("", rounds=2).parse_args())
"""


def case(theirs, less=False):
    rounds = [[{"s": value} for value in values] for values in ((4.0, 6.0, 8.0), theirs)]
    rows = [{"about": "", "why": why, "rounds": each} for why, each in zip(("", "as it skips it"), rounds, strict=True)]
    return {
        "title": "t",
        "measures": ["s"],
        "less": less,
        "contenders": dict(zip(("aezoo", "theirs"), rows, strict=True)),
    }


def test_a_lead_is_paired_and_over_one_where_aezoo_is_better():
    theirs = (2.0, 12.0, 4.0)
    assert ALTERNATING["leads"](case(theirs), "theirs", "s") == [2.0, 0.5, 2.0]
    assert ALTERNATING["leads"](case(theirs, less=True), "theirs", "s") == [0.5, 2.0, 0.5]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ((2.0, 3.0, 4.0), "ahead of theirs (2.00 times)"),
        ((1.0, 3.0, 9.0), "not told apart from theirs (2.00 times)"),
        ((8.0, 12.0, 16.0), "behind theirs (0.50 times, as it skips it)"),
        ((), "alone"),
    ],
)
def test_the_verdict_is_what_the_rounds_show(theirs, said):
    assert ALTERNATING["verdict"](case(theirs), "s", 1) == f"**s**: aezoo is {said}."


def test_of_many_comparisons_each_has_to_show_more():
    lead = (1.10, 1.11, 1.12)
    p = stats.ttest_1samp(np.log(lead), 0).pvalue
    for judged, said in ((int(0.05 / p), "ahead of"), (int(0.05 / p) + 1, "not told apart from")):
        assert ALTERNATING["place"](lead, judged) == said
        assert ALTERNATING["place"]([1 / each for each in lead], judged) == said.replace("ahead of", "behind")
    assert ALTERNATING["place"]((2.0,), 1) == "not told apart from"


def test_contenders_take_turns_at_being_first():
    turned = [ALTERNATING["_turned"](["a", "b", "c"], number) for number in range(4)]
    assert ["".join(names) for names in turned] == ["abc", "bca", "cab", "abc"]


def test_contenders_run_in_turn_and_one_that_is_not_installed_is_a_row(python, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = python("script.py", "--json", "found.json", path=ROOT / "benchmarks", cwd=tmp_path)
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["question"], found["how"], found["rounds"]) == ("Q?", "How so.", 2)
    rows = found["cases"][0]["contenders"]
    assert {name: [each["images/s"] for each in row["rounds"]] for name, row in rows.items()} == {
        "aezoo": [6, 60],
        "theirs": [3, 30],
        "away": [],
    }
    assert "| away | not installed |  |" in done.stdout


def test_the_page_is_what_the_results_say():
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(ROOT / "docs/benchmarks.py"))["page"]
    assert page(text) == text, "docs/benchmarks.md is not what the results say: python docs/benchmarks.py writes it"
