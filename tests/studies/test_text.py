import pytest

from aezoo.studies.markdown import together
from aezoo.studies.text import duration, mean_sd, number, plural, table


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (12_000, "3 h 20 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234.5, "1234"), (0.029204, "0.02920"), (9.9e-5, "9.9e-05"), (float("nan"), "nan")]
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_means():
    assert (mean_sd([]), mean_sd([1.5]), mean_sd([1, 2])) == ("", "1.500", "1.500 ± 0.71")


def test_tables_and_plurals():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert (plural(1, "run"), plural(0, "run")) == ("1 run", "0 runs")


def test_training_and_test_images_have_one_name_where_both_are_there():
    cases = ["a, train", "a, test", "b, test", "c", "d, train", "d, test"]
    assert together(cases) == ["a", "b, test", "c", "d"]
