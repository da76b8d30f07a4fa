"""`cryptoflow query`: SQL over the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.config import load


@click.command()
@DATA_DIR_OPTION
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv print every row, and decimals as exact text.",
)
@click.argument("sql")
def command(data_dir: str | None, form: Literal["table", "json", "csv"], sql: str) -> None:
    r"""Answer one SQL statement over the Iceberg tables, with DuckDB.

    Tables have their bare names: trades, quotes, book_deltas, book_snapshots, funding, liquidations,
    instruments, gaps, dead_letters. It works while a stack runs and afterwards, and on the
    configured catalog when no local stack is meant.

    \b
    Examples:
      cryptoflow query "SHOW TABLES"
      cryptoflow query "SELECT symbol, count(*), sum(notional) FROM trades GROUP BY ALL"
      cryptoflow query --format csv "SELECT * FROM gaps WHERE revision = 0" > gaps.csv
    """
    from cryptoflow import query  # noqa: PLC0415 - a quick --help

    with query.reachable(load(), Path(data_dir) if data_dir else None) as settings:
        for piece in query.write(query.run(settings.catalog, sql), form):
            click.echo(piece, nl=False)


COMMAND = command
