import csv
import math

import pytest

from aezoo.cli.measured import show, show_drifts
from aezoo.training.drift import Drift

METRICS = {
    "test": {"mse": 0.5, "psnr": None, "unheard-of": 2.0},
    "mean-image": {"test": {"mse": 0.25, "psnr": 12.0}},
    "protocol": {"dataset": "dots", "images": {"test": 7}, "precision": "float32", "seed": 0},
}


def of(*names):
    return dict.fromkeys(names, METRICS)


def test_what_was_not_measured_is_an_empty_cell(capsys):
    show(of("mine"))
    head, own, baseline, _ = capsys.readouterr().out.splitlines()
    assert head == "MODEL       SPLIT  MSE ↓  PSNR (dB) ↑  UNHEARD-OF"
    assert own.split() == ["mine", "test", "0.5", "2"]
    assert own.index("0.5") == head.index("MSE") + 2
    assert baseline.split() == ["mean-image", "test", "0.25", "12"]


def test_of_the_same_images_the_baseline_stands_once(capsys):
    show(of("a", "b"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["MODEL", "a", "b", "mean-image", "dots:"]


def test_a_spreadsheet_has_numbers_in_full(capsys):
    show(of("a"), "csv")
    head, own, _ = csv.reader(capsys.readouterr().out.splitlines())
    assert head == ["model", "split", "mse", "psnr", "unheard-of"]
    assert own == ["a", "test", "0.5", "", "2.0"]


@pytest.mark.parametrize("name", ["a", "a|b"])
def test_markdown_has_as_many_cells_in_every_line(name, capsys):
    show(of(name), "markdown")
    table = capsys.readouterr().out.split("\n\n")[0].replace("\\|", "").splitlines()
    assert {line.count("|") for line in table} == {6}
    assert len(table) == 4


def test_of_numbers_that_drifted_each_is_said_and_none_is_called_right(capsys):
    drifted = [Drift("test", "mse", 1.0, 1.0), Drift("test", "kl", 2.0, math.nan), Drift("golden", "z", 3.0, 3.0, 1.0)]
    show_drifts({"mine": drifted})
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(", on")[0] for line in said] == [
        "error: mine: kl of test is nan",
        "error: mine: z of golden is 3",
    ]
