import io
import json
import re
import sys

import pytest

from aezoo.cli import console
from aezoo.cli.console import Column

COLUMNS = (Column("Name"), Column("Empty"), Column("Size", right=True), Column("Summary", wraps=True))
ROWS = [("a-very-long-name-that-is-needed-whole", "", "1", "some words " * 5), ("b", "", "1,000", "few")]


class Terminal(io.StringIO):
    def isatty(self):
        return True

    @property
    def lines(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue()).splitlines()


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


def test_a_table_fits_the_terminal(terminal):
    screen = terminal(80)
    console.table(COLUMNS, ROWS)
    assert max(map(len, screen.lines)) <= 80


def test_facts_wrap_under_their_text(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal(30)
    console.facts([("label", "word " * 10), ("nothing", "")])
    lines = screen.lines
    assert len(lines) > 1
    assert all(line.startswith("       word") and len(line) <= 30 for line in lines[1:])


def test_no_colour_is_respected(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console.fail("wrong")
    assert capsys.readouterr().err == "error: wrong\n"


NUMBERS = (Column("Run"), Column("Split"), *(Column(f"loss {n} (nats)", right=True) for n in range(6)))


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_table_that_is_too_wide_folds_by_column_and_repeats_its_first_ones(terminal, columns):
    screen = terminal(columns)
    rows = [("first", "test", *("1234.5678",) * 6), ("second", "test", *("-0.1",) * 6)]
    console.table(NUMBERS, rows, keys=2)
    lines = screen.lines
    assert max(map(len, lines)) <= columns
    blocks = [line for line in lines if line.startswith("first")]
    assert all(line.split()[:2] == ["first", "test"] for line in blocks)
    assert sum(line.count("1234.5678") for line in blocks) == 6
    assert (len(blocks) > 1) == (columns < 80)


def test_no_word_of_a_column_that_wraps_is_broken(terminal):
    screen = terminal(40)
    words = "an uncharacteristically long word of a column that wraps"
    console.table((Column("Name"), Column("A", wraps=True), Column("B", wraps=True)), [("name", words, words[::-1])])
    assert max(map(len, screen.lines)) <= 40
    assert set((words + " " + words[::-1]).split()) <= set(" ".join(screen.lines).split())


def test_sentences_and_facts_break_no_word(terminal):
    screen = terminal(30)
    console.text("a sentence that is longer than the screen is wide, mind the log-variance")
    console.facts([("label", "a word-with-hyphens that wraps /and/a/path/that/is/longer/than/the/screen")])
    assert "log-variance" in screen.getvalue()
    assert "word-with-hyphens" in screen.getvalue()
    assert "/and/a/path/that/is/longer/than/the/screen" in screen.getvalue()


HOSTILE = "a\x1b[31mred\x1b]0;title\x07 \x9b2J\u202eback\x08"


def test_nothing_that_is_printed_moves_or_paints(capsys):
    console.table((Column("name"), Column("what")), [(HOSTILE, "two\nlines")])
    console.facts([("label", HOSTILE)])
    console.text(HOSTILE)
    console.title(HOSTILE, HOSTILE)
    for say in (console.note, console.warn, console.fail):
        say(HOSTILE)
    console.print_json({HOSTILE: [HOSTILE, "\ud800", "\u00fc \u2713"]})
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert all(char.isprintable() or char == "\n" for char in re.sub(r"\x1b\[[0-9;]*m", "", text))
    assert "two lines" in said.out
    assert r"\x1b[31mred" in said.out


def test_json_says_the_same_after_all(capsys):
    data = {HOSTILE: [HOSTILE, "\u00fc \u2713", 1.5, None]}
    console.print_json(data)
    assert json.loads(capsys.readouterr().out) == data


def test_where_stdout_is_closed_nobody_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert not console.is_terminal()


@pytest.mark.parametrize("columns", [0, 90])
def test_a_title_is_text_whoever_wrote_it(columns, terminal, capsys):
    screen = terminal(columns) if columns else None
    console.table([Column("name"), Column("[/x] \x1b]52;c;eA==\x07 [link=x]y[/link]")], [["a", "1"]])
    found = screen.getvalue() if screen else capsys.readouterr().out
    assert "]52;c" in found.lower()
    assert "\x1b]" not in found
    assert "[/x]" in found.lower()
