import dataclasses
import re
from pathlib import Path

import pytest

import aezoo.studies
from aezoo.errors import CompositionError, OptionError, PluginError, UnknownNameError
from aezoo.studies import (
    Claim,
    Figure,
    Part,
    PerRun,
    Published,
    Region,
    Study,
    Values,
    alone,
    difference,
    open_study,
    ratio,
)


def claim(*rows, number=1):
    return Claim(number=number, says="Up is up", rule="it is", rows=rows)


def row(first, second, *, case=""):
    return difference(first, second, case=case, names=("a", "b"), region=Region(low=0))


ONE, TWO = Values("one", "test", "mse"), Values("two", "test", "mse")
GOOD = row(ONE, TWO)
AWAY = Published(name="away", model="cis680-ae", part="toy")


def test_what_is_not_said_follows(study):
    assert [arm.seeds for arm in study.arms] == [2, 2]  # what a verdict needs
    assert [arm.seeds for arm in dataclasses.replace(study, arms=bare(study), quick=True).arms] == [1, 1]
    assert [arm.seeds for arm in study.with_seeds(7).arms] == [7, 7]
    searched = dataclasses.replace(study, arms=bare(study), parts=(dataclasses.replace(study.parts[0], needed=0),))
    assert [arm.seeds for arm in searched.with_seeds(7).arms] == [0, 0]  # they are there for their search alone
    assert Part(name="toy", dataset="toyfaces").title == "toy"
    assert dataclasses.replace(study.arms[0], label="").label == "one"
    assert study.part_of("one") == study.parts[0]


def bare(study):
    return tuple(dataclasses.replace(arm, seeds=0) for arm in study.arms)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parts": "twice"}, "two parts are called 'toy'"),
        ({"arms": "twice"}, "two arms are called 'one'"),
        ({"arms": "away"}, "'one' is of part 'away'; its parts: toy"),
        ({"arms": "slash"}, "'a/b' is no name of a file"),
        ({"others": (dataclasses.replace(AWAY, name="one"),)}, "two arms are called 'one'"),
        ({"others": (dataclasses.replace(AWAY, part="moon"),)}, "'away' is of part 'moon'; its parts: toy"),
        ({"claims": (claim(), claim())}, "two claims are called '1'"),
        ({"claims": (claim(GOOD, GOOD),)}, "two rows of claim 1 are called ''"),
        ({"figures": (Figure(file="a.png", draw=str),) * 2}, "two figures are called 'a.png'"),
        ({"figures": (Figure(file="../a.png", draw=str),)}, "'../a.png' is no name of a file"),
    ],
)
def test_names_are_told_apart_and_known(study, changes, says):
    one = study.arms[0]
    arms = {
        "twice": (one, one),
        "away": (dataclasses.replace(one, part="away"),),
        "slash": (dataclasses.replace(one, name="a/b"),),
    }
    known = {"arms": arms, "parts": {"twice": study.parts * 2}}
    changes = {key: known[key][value] if isinstance(value, str) else value for key, value in changes.items()}
    with pytest.raises(CompositionError, match=f"^study small: {re.escape(says)}"):
        dataclasses.replace(study, **changes)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (row(ONE, Values("tow", "test", "mse")), "is of the arm 'tow', which is not there; near: two, "),
        (row(ONE, Values("two", "tset", "mse")), "is of the split 'tset'; 'two' has train, test"),
        (row(ONE, Values("two", "test", "mse", 3)), "asks for step 3; 'two' keeps values at 6"),
        (row(Values("one", "test", "mse", 4), TWO), "asks for step 4; 'one' keeps values at 3 and 6"),
        (row(ONE, Values("away", "test", "mse", 6)), "asks for step 6; 'away' keeps values at the end"),
        (
            alone(PerRun("away", "", len), case="", number="", region=Region(low=0)),
            "reads the log of 'away', which was not",
        ),
        (dataclasses.replace(GOOD, names=("a",)), "has 2 sources and 1 names for their means"),
    ],
)
def test_a_row_is_of_what_there_is(study, wrong, says):
    with pytest.raises(CompositionError, match=f"^study small: claim 1, '', {re.escape(says)}"):
        dataclasses.replace(study, others=(AWAY,), claims=(claim(wrong),))


def test_a_row_is_of_one_part(study):
    parts = (*study.parts, dataclasses.replace(study.parts[0], name="more"))
    arms = (study.arms[0], dataclasses.replace(study.arms[1], part="more"))
    with pytest.raises(CompositionError, match="compares 'one' of toy and 'two' of more: images are paired within a"):
        dataclasses.replace(study, parts=parts, arms=arms, claims=(claim(GOOD),))


def test_good_rows_are_taken(study):
    rows = (
        GOOD,
        row(Values("one", "train", "bce + kl", 3), Values("one", "test", "mse", 6), case="y"),
        ratio(Values("away", "test", "mse"), ONE, case="z", names=("a", "b"), region=Region(low=0)),
        alone(PerRun("two", "", len), case="x", number="", region=Region(low=0)),
    )
    made = dataclasses.replace(study, others=(AWAY,), claims=(claim(*rows), claim(number=2)))
    assert made.claims[0].rows == rows


def test_marks_are_measured(study):
    with pytest.raises(OptionError, match="one: nothing is measured at step 4"):
        dataclasses.replace(study.arms[0], marks=(4,))


def test_a_recipe_is_searched_once(study):
    search = study.arms[1].search
    with pytest.raises(OptionError, match="two: its search has one recipe twice"):
        dataclasses.replace(study.arms[1], search=(*search, search[0]))


def test_depth_is_that_of_the_longest_path(study):
    def depth(model, **parts):
        return dataclasses.replace(study.arms[0], spec=aezoo.describe(model, **parts)).depth

    assert depth("cis680-ae") == 5 + 5  # its bottleneck has no layer
    assert depth("cis680-vae16") == 5 + 1 + 6  # mean and log-variance side by side
    assert depth("cis680-vae512") == 9 + 1 + 11


DECLARED = 'StudySpec(name="mine", summary="", implementation="mine_parts:study", options=({},))'.format(
    'aezoo.Option(name="arms", type="int", default=1, low=1)'
)


@pytest.fixture
def mine(site):
    site.install("mine", DECLARED)
    code = "asked = []\ndef study(*, quick, arms):\n    asked.append((quick, arms))\n    return made\n"
    (site.path / "mine_parts.py").write_text(code)
    import mine_parts

    return mine_parts


def test_a_study_is_opened_by_its_name(mine, study):
    mine.made = study
    assert open_study("mine") is study
    assert open_study("mine/mine(arms=3)", quick=True) is study
    assert mine.asked == [(False, 1), (True, 3)]
    with pytest.raises(OptionError, match="study mine: arms=0 is not"):
        open_study("mine(arms=0)")
    with pytest.raises(UnknownNameError, match="no study 'mien': did you mean mine"):
        open_study("mien")


def test_what_is_no_study_is_told(mine):
    mine.made = "a string"
    with pytest.raises(PluginError, match="mine/mine: mine_parts:study gives 'a string', which is no Study"):
        open_study("mine")


def test_the_machinery_knows_no_study():
    for path in Path(aezoo.studies.__file__).parent.glob("*.py"):
        assert not re.search("cis.?680|cufs|celeba|vae ?16|vae ?512|residual", path.read_text(), re.IGNORECASE), path


def test_studies_are_made_of_the_names_of_the_package():
    assert [name for name in aezoo.studies.__all__ if not hasattr(aezoo.studies, name)] == []
    assert Study in vars(aezoo.studies).values()
