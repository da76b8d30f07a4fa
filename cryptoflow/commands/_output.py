"""How commands print: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import click

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
DATA_DIR_OPTION = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder of the local stack.  [default: the setting local.data_dir]",
)


def say_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in aligned columns under a header."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in [list(header), *texts]) for index in range(len(header))]
    for row in [list(header), *texts]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say_json(value: object) -> None:
    """Print one JSON value, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say_error(text: str) -> None:
    """Print a line to stderr."""
    click.echo(f"cryptoflow: {text}", err=True)
