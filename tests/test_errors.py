"""Errors of others, told in one line."""

import pytest

from aezoo.errors import first_line, one_line, typed_line


@pytest.mark.parametrize(
    ("error", "one", "first", "typed"),
    [
        (ValueError("no\n  such thing"), "no such thing", "no", "ValueError: no such thing"),
        (ValueError(), "ValueError", "ValueError", "ValueError"),
        (ValueError("\n\n"), "ValueError", "ValueError", "ValueError"),
        (ValueError("\nlate"), "late", "late", "ValueError: late"),
    ],
)
def test_in_a_line(error, one, first, typed):
    assert (one_line(error), first_line(error), typed_line(error)) == (one, first, typed)
