import io

import pytest
from rich.console import Console

from aezoo.training import bars

PARTS = {"count": "12345/35000", "rate": "132.4/s", "elapsed": "0:01:33", "left": "0:02:50 left"}
NOTES = ("loss 1843", "bce 1820", "kl 23.11")


@pytest.mark.parametrize(
    ("width", "shown", "notes"),
    [
        (30, ["count", "left"], 0),
        (51, ["count", "rate", "left"], 0),
        (71, list(PARTS), 1),
        (81, list(PARTS), 2),
        (120, list(PARTS), 3),
    ],
)
def test_terms_give_way_first_then_times_and_the_rate(width, shown, notes):
    bar, parts, kept = bars.fit(PARTS, NOTES, width)
    assert (parts, kept) == (shown, list(NOTES[:notes]))
    texts = [PARTS[name] for name in parts]
    assert sum(len(text) + 1 for text in texts) - 1 + (bar + 1 if bar else 0) + len("  ".join(kept)) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_line_keeps_count_and_time_left(width):
    shown = bars.progress()
    task = shown.add_task("measuring validation", total=35000)
    shown.update(task, completed=12345, rate="132.4/s", notes=NOTES)
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    screen.print(shown.get_renderable())
    (line,) = screen.file.getvalue().splitlines()
    assert "12345/35000" in line
    assert "left" in line
    assert len(line.rstrip()) <= width
    assert ("loss 1843" in line) == (width == 120)
