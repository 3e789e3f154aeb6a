import dataclasses
import json
import re

import pytest

from aezoo.studies import Claim, Figure, Region, Values, difference, gap
from aezoo.studies.drawings import draw_pictures
from aezoo.studies.markdown import _arms
from aezoo.studies.report import write_report
from aezoo.studies.state import look
from aezoo.studies.work import carry_out

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def above(arm, first, second, case):
    sources = Values(arm, "test", first), Values(arm, "test", second)
    return difference(*sources, case=case, names=(first, second), region=Region(low=0))


CLAIMS = (
    Claim(
        number=1,
        says="Up is up",
        rule="it is",
        rows=(
            above("one", "bce", "kl", "high"),
            above("one", "kl", "bce", "low"),
            gap("two", "mse", case="second", region=Region(low=0)),
        ),
    ),
    Claim(number=2, says="Errors are small", rule="of course", rows=(above("one", "bce", "mse", ""),)),
)


def pictures(drawing):
    says = draw_pictures(drawing, "one")
    return f"Figure 1. Of {says}." if says else ""


@pytest.fixture
def whole(study):
    """Claims, two figures, a section: of two arms, one of which is not run."""
    return dataclasses.replace(
        study,
        introduction="It is small.",
        remarks="It differs.",
        claims=CLAIMS,
        figures=(Figure(file="1.png", draw=pictures), Figure(file="2.png", draw=lambda drawing: "")),
        sections=(lambda state: f"## Runs\n\n{len(state.arms)}", lambda state: ""),
    )


@pytest.fixture
def state(whole, copied):
    return look(whole, copied("one"))


def test_a_report_of_a_part_says_what_is_missing(state, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/2.png").touch()
    written = write_report(state, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("# A small study\n\nIt is small. Where a verdict is given, it is computed from")
    assert "| toy | drawn faces | 12 | 12 | 2 of 6 | 2 |\n\nIt differs.\n\n## In short" in text
    assert "| 1 | Up is up | **holds**: high<br>**does not hold**: low<br>**not run yet**: second |" in text
    assert "| 2 | Errors are small | **holds** |" in text
    assert "| | second | needs two | > 0 |  | not run yet |" in text
    assert "![Figure 1. Of train and test.](figures/1.png)\n\n*Figure 1. Of train and test.*" in text
    assert (
        "\n\n## Runs\n\n1\n\n## Protocol\n\n- Adam with betas 0.5 and 0.999, batch 4, a constant rate of 0.001" in text
    )
    assert "- 2 runs took " in text
    assert [figure.file for figure in written.figures] == ["1.png"]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["1.png"]


def test_every_number_is_written(state, tmp_path):
    write_report(state, tmp_path)
    numbers = json.loads((tmp_path / "report.json").read_text())
    found = json.loads((state.arms["one"][0].folder / "metrics.json").read_text())["test"]
    row = numbers["claims"][1]["rows"][0]
    assert row["by_seed"][0] == pytest.approx(found["bce"] - found["mse"], rel=1e-5)
    assert row["interval"][0] < row["estimate"] < row["interval"][1]
    assert (row["images"], row["seeds"], row["verdict"], row["claimed"]) == ({"test": 12}, [0, 1], "holds", "> 0")
    assert 0 < row["p"] < 0.05
    assert numbers["claims"][0]["rows"][2]["missing"] == ["two"]
    runs = numbers["arms"]["one"]["runs"]
    assert runs[0]["marks"]["6"]["test/mse"] == pytest.approx(found["mse"])
    assert [run["seed"] for run in runs] == [0, 1]
    assert list(runs[0]["marks"]) == ["3", "6"]
    assert numbers["figures"] == {"1.png": "Figure 1. Of train and test."}


def test_a_number_of_one_split_alone_is_written(state, tmp_path):
    values = state.arms["one"][0]._marks(6)
    values["test/nll_is[mc_error]"] = values["test/mse"][:1]
    write_report(state, tmp_path)
    marks = json.loads((tmp_path / "report.json").read_text())["arms"]["one"]["runs"][0]["marks"]
    assert [[name for name in marks[mark] if "nll" in name] for mark in marks] == [[], ["test/nll_is[mc_error]"]]


def test_what_is_no_number_is_none_in_json(state, tmp_path):
    for seed in (0, 1):
        state.arms["one"][seed]._marks(6)["test/mse"][0] = float("nan")
        state.arms["one"][seed]._marks(6)["test/kl"][0] = float("inf")
    write_report(state, tmp_path)

    def refuse(name):
        raise AssertionError(name)

    numbers = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    assert numbers["claims"][1]["rows"][0]["estimate"] is None
    assert numbers["claims"][0]["rows"][0]["means"]["kl"] is None


def test_searches_are_shown(study, tmp_path):
    state = look(study.with_seeds(1), tmp_path)
    carry_out(state)
    write_report(state, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert re.search(r"\| Two \| 0.03 \| [\d.]+ \| 1 \| chosen \|", text)
    assert "After 3 steps, seed 0; 25 % of the training images are held out in a fold, by person where" in text
    assert "## Claims" not in text


def test_a_quick_report_gives_no_verdict(whole, state, tmp_path):
    write_report(look(dataclasses.replace(whole, quick=True), tmp_path), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "quick: no verdicts" in text
    assert "## In short" not in text
    assert "holds**" not in text


def test_a_report_of_nothing_is_one(whole, tmp_path):
    written = write_report(look(whole, tmp_path), tmp_path)
    assert written.figures == ()
    assert "| toy | drawn faces |  |  | 0 of 6 | 2 |" in (tmp_path / "report.md").read_text()


def test_pictures_that_may_not_be_shown_are_left_out(state, tmp_path):
    assert [figure.file for figure in write_report(state, tmp_path).figures] == ["1.png"]
    assert write_report(state, tmp_path, pictures="none").figures == ()
    assert not list((tmp_path / "figures").iterdir())


def test_a_dead_seed_is_not_in_the_table(done):
    alive, dead = done.arms["one"].values()
    expected = f"{alive.values('test', 'mse', whole=True).mean():.4f}"
    dead.warnings["dead"] = "no pixel changes"
    assert expected in next(line for line in _arms(done, done.study.parts[0]).splitlines() if "One" in line)
