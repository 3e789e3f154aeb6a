"""What commands print: tables, one-line notes, errors. Colours and wrapping for a terminal; plain lines for a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

# rich takes 50 ms to import: it is, only for a table on a terminal.

_GAP = "  "
_LEAST_WRAPPED = 24  # characters that a column which wraps is left


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. One that does not wrap is never cut: a name has to be readable whole."""

    title: str
    style: str = ""
    right: bool = False
    wraps: bool = False


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, headings: Iterable[int] = (), keys: int = 1
) -> None:
    """Print a table: for a terminal fitted to its width, for a pipe one line a row.

    Columns that have no room beside the others follow below them, the first ones repeated.

    Args:
        columns: empty ones are left out.
        rows: a text for each column.
        headings: the numbers of the rows that head those below them.
        keys: how many of the first columns say what a row is of.
    """
    rows, headings = [[printable(cell).replace("\n", " ") for cell in row] for row in rows], set(headings)
    used = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    columns = [replace(columns[index], title=printable(columns[index].title)) for index in used]
    rows = [[row[index] for index in used] for row in rows]
    if is_terminal():
        _rich_table(columns, rows, headings, keys)
    else:
        _plain_table(columns, rows)


def printable(text: str) -> str:
    """A text in which nothing moves a cursor, paints, or hides: what a file or a plugin says may be anything."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in str(text)
    )


def _plain_table(columns: Sequence[Column], rows: list[list[str]]) -> None:
    lines = [[_capital(column.title) for column in columns], *rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        click.echo(_GAP.join(cells).rstrip())


def _capital(title: str) -> str:
    """In capitals, but for a unit in brackets: a dB is no DB."""
    name, bracket, unit = title.partition(" (")
    return name.upper() + bracket + unit


def _rich_table(columns: Sequence[Column], rows: list[list[str]], headings: set[int], keys: int) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = rich_console()
    width = shutil.get_terminal_size().columns
    blocks = _blocks(columns, rows, keys, width)
    for number, widths in enumerate(blocks):
        if number:
            console.print()
        # Between columns: a space of padding and one that the box draws.
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style="dim")
        for index, own in widths.items():
            column = columns[index]
            justify = "right" if column.right else "left"
            head = Text(textwrap.fill(column.title, own))
            wrap = {"no_wrap": not column.wraps, "width": own}
            grid.add_column(head, style=column.style, header_style="bold", justify=justify, **wrap)
        for row_number, row in enumerate(rows):
            if row_number in headings and row_number:
                grid.add_section()
            style = "bold" if row_number in headings else None
            grid.add_row(*(Text(row[index]) for index in widths), style=style)
        whole = sum(widths.values()) + len(_GAP) * (len(widths) - 1)
        # The terminal breaks a line that is too long; rich would cut it.
        console.width = max(width, whole)
        console.print(grid)


def _blocks(columns: Sequence[Column], rows: list[list[str]], keys: int, width: int) -> list[dict[int, int]]:
    """Which columns stand side by side, and how wide: the number of each and its width, a dictionary a block."""
    texts = [[row[index] for row in rows] for index in range(len(columns))]
    widest = [max(map(len, (column.title, *cells))) for column, cells in zip(columns, texts, strict=True)]
    if sum(widest) + len(_GAP) * (len(columns) - 1) <= width:
        return [dict(enumerate(widest))]
    least = []
    for column, cells, most in zip(columns, texts, widest, strict=True):
        words = max((len(word) for text in (column.title, *cells) for word in text.split()), default=0)
        whole = max(map(len, cells), default=0)  # of a title the words are enough: it takes two lines
        least.append(max(words, min(most, _LEAST_WRAPPED) if column.wraps else whole))
    first = list(range(min(keys, len(columns))))
    blocks = [list(first)]
    for index in range(len(first), len(columns)):
        if sum(least[each] + len(_GAP) for each in blocks[-1]) + least[index] > width and len(blocks[-1]) > keys:
            blocks.append(list(first))
        blocks[-1].append(index)
    return [_widened(block, columns, least, widest, width) for block in blocks]


def _widened(
    block: list[int], columns: Sequence[Column], least: list[int], widest: list[int], width: int
) -> dict[int, int]:
    """The least widths of the columns of a block, and what is left shared among those that wrap."""
    widths = {index: least[index] for index in block}
    spare = max(0, width - sum(widths.values()) - len(_GAP) * (len(block) - 1))
    wrapped = sorted((index for index in block if columns[index].wraps), key=lambda index: widest[index] - least[index])
    for number, index in enumerate(wrapped):  # those that need little leave the rest to the others
        more = min(widest[index] - least[index], spare // (len(wrapped) - number))
        widths[index] += more
        spare -= more
    return widths


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print what is known about a thing, one ``label  text`` a line, without the empty ones."""
    known = [(label, printable(text)) for label, text in rows if text]
    width = max((len(label) for label, _ in known), default=0)
    for label, text in known:
        indent = " " * (width + len(_GAP))
        body = _wrapped(text, indent)[len(indent) :]
        click.echo(click.style(label.ljust(width), dim=True) + _GAP + body, color=colour())


def text(paragraph: str) -> None:
    """Print a sentence or two; on a terminal no word is broken."""
    click.echo(_wrapped(printable(paragraph), ""))


def _wrapped(words: str, indent: str) -> str:
    if not is_terminal():
        return indent + words
    columns = shutil.get_terminal_size().columns
    wrapper = textwrap.TextWrapper(columns, indent, indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(words)


def title(name: str, text: str) -> None:
    """Print a heading."""
    click.echo(click.style(printable(name), bold=True) + _GAP + printable(text), color=colour())


def size(count: int) -> str:
    """A number of bytes for people: ``"286 kB"``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


_json_goes_to: TextIO | None = None


@contextlib.contextmanager
def json_alone() -> Iterator[None]:
    """Let nothing but `print_json` reach stdout: whatever else is printed, by a part of a stranger's, is no JSON."""
    global _json_goes_to
    _json_goes_to = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _json_goes_to = None


def print_json(data: Any) -> None:
    """Print ``data`` as readable JSON."""
    click.echo(json.dumps(data, indent=2).replace("\x7f", "\\u007f"), _json_goes_to)


def note(message: str) -> None:
    """Say something that is no result, on stderr."""
    _say(message, dim=True)


def warn(message: str) -> None:
    """Say what went wrong and was survived, on stderr."""
    _say(f"warning: {message}", fg="yellow")


def fail(message: str) -> None:
    """Say what went wrong, on stderr."""
    _say(f"error: {message}", fg="red")


def _say(message: str, **style: Any) -> None:
    click.echo(click.style(printable(message), **style), err=True, color=colour())


def colour() -> bool | None:
    """What click is told: False where ``NO_COLOR`` is set, None (it depends on the stream) elsewhere."""
    return False if os.environ.get("NO_COLOR") else None


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout is not None and sys.stdout.isatty()  # where it is closed there is none


def rich_console() -> Console:
    """rich's console of stdout."""
    from rich.console import Console

    return Console(highlight=False)
