import pytest

from aezoo.errors import DataError
from aezoo.figures import Run, comparison
from aezoo.figures.comparison import COLOURS


def history(scale, terms=("bce",), splits=("train", "test")):
    lines = [(step, split) for step in (0, 10, 20) for split in splits]
    return [
        {"step": step, "split": split, "loss": scale * (30 - step), **dict.fromkeys(terms, scale * step)}
        for step, split in lines
    ]


def test_each_quantity_has_a_panel_and_each_run_a_colour():
    runs = [Run("a", history(1)), Run("b", history(2, ("l2",)))]
    made = comparison(runs, ["loss", "bce", "l2", "nothing"])
    assert [axes.get_title(loc="left") for axes in made.axes] == ["loss", "bce", "l2"]
    solid = [line for line in made.axes[0].lines if line.get_linestyle() == "-" and len(line.get_xdata())]
    assert [(line.get_color(), list(line.get_ydata())) for line in solid] == [
        (COLOURS[0], [30, 20, 10]),
        (COLOURS[1], [60, 40, 20]),
    ]
    assert made.axes[1].get_ylabel() == "nats per image"
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["a", "b", "train", "test"]


def test_the_split_is_the_caller_s():
    made = comparison([Run("a", history(1, splits=("train", "validation")))], ["loss"], split="validation")
    assert {line.get_linestyle() for line in made.axes[0].lines} == {"-", ":"}
    only = comparison([Run("a", history(1))], ["loss"], split="train")
    assert {line.get_linestyle() for line in only.axes[0].lines} == {"-"}


def test_what_falls_far_is_on_a_logarithmic_axis_as_in_a_run_s_own_curves():
    falling = [{"step": step, "split": "test", "loss": 1000 * 0.8**step + 1} for step in range(50)]
    (axes,) = comparison([Run("a", falling)], ["loss"]).axes
    assert axes.get_yscale() == "log"
    assert axes.yaxis.get_major_formatter()(200) == "200"
    assert {1, 2, 5} <= {*axes.yaxis.get_major_locator().tick_values(1, 1000)}


def test_what_cannot_be_compared_is_refused():
    for runs in ([Run("a", [])], [Run(str(number), history(1)) for number in range(len(COLOURS) + 1)]):
        with pytest.raises(DataError):
            comparison(runs, ["loss"])
