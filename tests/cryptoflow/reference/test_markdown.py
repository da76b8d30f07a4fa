"""Markdown shapes of the reference pages."""

from __future__ import annotations

from cryptoflow.reference.markdown import NOTICE, code, head, join, table


def test_a_page_says_that_it_is_generated() -> None:
    """Nobody edits a page that the next run overwrites."""
    assert head("Records") == f"# Records\n\n{NOTICE}"


def test_bars_do_not_break_a_table() -> None:
    """A cell that holds a bar stays one cell."""
    assert table(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"


def test_empty_parts_leave_no_holes() -> None:
    """A page ends with exactly one newline and has no empty paragraphs."""
    assert join(["a", "", "b"]) == "a\n\nb\n"


def test_names_are_inline_code() -> None:
    """Names read as names."""
    assert code(["a", "b"]) == "`a`, `b`"
