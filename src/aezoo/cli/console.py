"""What commands print: tables, one-line notes, errors. Colours and wrapping for a terminal; plain lines for a pipe."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, headings: Iterable[int] = ()) -> None:
    """Print a table: for a terminal fitted to its width, for a pipe one line a row.

    Args:
        columns: empty ones are left out.
        rows: a text for each column.
        headings: the numbers of the rows that head those below them.
    """
    rows, headings = [[str(cell) for cell in row] for row in rows], set(headings)
    used = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    columns = [columns[index] for index in used]
    rows = [[row[index] for index in used] for row in rows]
    if is_terminal():
        _rich_table(columns, rows, headings)
    else:
        _plain_table(columns, rows)


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


def _rich_table(columns: Sequence[Column], rows: list[list[str]], headings: set[int]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Between columns: a space of padding and one that the box draws.
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style="dim")
    least = 0
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        justify = "right" if column.right else "left"
        grid.add_column(
            column.title, style=column.style, header_style="bold", justify=justify, no_wrap=not column.wraps
        )
        widest = max(map(len, (column.title, *cells)))
        least += len(_GAP) + (min(widest, _LEAST_WRAPPED) if column.wraps else widest)
    for number, row in enumerate(rows):
        if number in headings and number:
            grid.add_section()
        grid.add_row(*map(Text, row), style="bold" if number in headings else None)
    console = rich_console()
    console.width = max(console.width, least)  # the terminal breaks a line that is too long; rich would cut it
    console.print(grid)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print what is known about a thing, one ``label  text`` a line, without the empty ones."""
    known = [(label, text) for label, text in rows if text]
    width = max((len(label) for label, _ in known), default=0)
    columns = shutil.get_terminal_size().columns if is_terminal() else sys.maxsize
    for label, text in known:
        indent = " " * (width + len(_GAP))
        body = click.wrap_text(text, columns, indent, indent)[len(indent) :] if columns < sys.maxsize else text
        click.echo(click.style(label.ljust(width), dim=True) + _GAP + body, color=colour())


def title(name: str, text: str) -> None:
    """Print a heading."""
    click.echo(click.style(name, bold=True) + _GAP + text, color=colour())


def size(count: int) -> str:
    """A number of bytes for people: ``"286 kB"``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def print_json(data: Any) -> None:
    """Print ``data`` as readable JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


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
    click.echo(click.style(message, **style), err=True, color=colour())


def colour() -> bool | None:
    """What click is told: False where ``NO_COLOR`` is set, None (it depends on the stream) elsewhere."""
    return False if os.environ.get("NO_COLOR") else None


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def rich_console() -> Console:
    """rich's console of stdout."""
    from rich.console import Console

    return Console(highlight=False)
