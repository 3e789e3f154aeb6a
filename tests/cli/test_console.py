import io
import sys

import pytest

from aezoo.cli import console
from aezoo.cli.console import Column

COLUMNS = (Column("Name"), Column("Empty"), Column("Size", right=True), Column("Summary", wraps=True))
ROWS = [("a-very-long-name-that-is-needed-whole", "", "1", "some words " * 5), ("b", "", "1,000", "few")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    def sized(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "stdout", screen := Terminal())
        return screen

    return sized


def test_a_pipe_gets_one_line_a_row(capsys):
    console.table(COLUMNS, ROWS)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "SIZE", "SUMMARY"]
    assert first.endswith("1  " + ROWS[0][3].rstrip())
    assert second.split() == ["b", "1,000", "few"]
    assert first.index("some") == second.index("few") == head.index("SUMMARY")


@pytest.mark.parametrize("columns", [30, 80])
def test_a_terminal_gets_names_whole(terminal, columns):
    screen = terminal(columns)
    console.table(COLUMNS, ROWS)
    assert ROWS[0][0] in screen.getvalue()
    assert "1,000" in screen.getvalue()


def test_a_table_fits_the_terminal(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    screen = terminal(80)
    console.table(COLUMNS, ROWS)
    assert max(map(len, screen.getvalue().splitlines())) <= 80


def test_facts_wrap_under_their_text(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal(30)
    console.facts([("label", "word " * 10), ("nothing", "")])
    lines = screen.getvalue().splitlines()
    assert len(lines) > 1
    assert all(line.startswith("       word") and len(line) <= 30 for line in lines[1:])


def test_no_colour_is_respected(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console.fail("wrong")
    assert capsys.readouterr().err == "error: wrong\n"
