"""Write the few Markdown shapes that reference pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by `make docs` from the code; edits here are lost. -->"


def head(title: str) -> str:
    """Start a page: its title, and the notice that it is generated."""
    return f"# {title}\n\n{NOTICE}"


def code(names: Iterable[str]) -> str:
    """Join names as inline code."""
    return ", ".join(f"`{name}`" for name in names)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; bars inside cells are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def join(parts: Iterable[str]) -> str:
    """Join the parts of a page, leaving out empty ones; the page ends with one newline."""
    return "\n\n".join(part for part in parts if part) + "\n"
