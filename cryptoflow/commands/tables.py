"""`cryptoflow tables`: create, list and describe the Iceberg tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cryptoflow.commands._output import DATA_DIR_OPTION, JSON_OPTION, say_json, say_table
from cryptoflow.config import Settings, load
from cryptoflow.errors import ConfigError

if TYPE_CHECKING:
    from cryptoflow.tables import TableInfo


@click.group()
def group() -> None:
    """Create, list and describe the Iceberg tables; there is one per record kind."""


@group.command()
@DATA_DIR_OPTION
@JSON_OPTION
def apply(data_dir: str | None, as_json: bool) -> None:
    r"""Create missing tables and add declared columns; nothing else is changed.

    \b
    Example:
      cryptoflow --config production.yaml tables apply
    """
    from cryptoflow import tables  # noqa: PLC0415 - a quick --help

    with _reachable(data_dir) as settings:
        done = tables.ensure_tables(settings)
    if as_json:
        say_json([{"name": each.name, "created": each.created, "extended": each.extended} for each in done])
    else:
        states = [(each.name, "created" if each.created else "extended" if each.extended else "ok") for each in done]
        say_table(("table", "state"), states)


@group.command("list")
@DATA_DIR_OPTION
@JSON_OPTION
def list_(data_dir: str | None, as_json: bool) -> None:
    """Show every table with its rows, files, bytes and snapshots."""
    from cryptoflow import tables  # noqa: PLC0415 - a quick --help

    with _reachable(data_dir) as settings:
        found = tables.list_tables(settings)
    if as_json:
        say_json([_plain(each) for each in found])
    else:
        rows = [
            (each.name, "ok" if each.exists else "missing", each.rows, each.files, each.bytes, each.snapshots)
            for each in found
        ]
        say_table(("table", "state", "rows", "files", "bytes", "snapshots"), rows)


@group.command()
@click.argument("table")
@DATA_DIR_OPTION
@JSON_OPTION
def describe(table: str, data_dir: str | None, as_json: bool) -> None:
    r"""Show the columns of a table with their units, and the positions it has reached.

    \b
    Example:
      cryptoflow tables describe trades
    """
    from cryptoflow import tables  # noqa: PLC0415 - a quick --help
    from schemas import records  # noqa: PLC0415 - a quick --help

    if table not in records():
        raise ConfigError(f"describing table {table}: there is no such table", fix=f"one of {', '.join(records())}")
    with _reachable(data_dir) as settings:
        info, _ = tables.describe(settings, table)
    columns = [(f.name, f.type.value, f.unit, f.doc) for f in records()[table].columns]
    if as_json:
        names = ("name", "type", "unit", "description")
        say_json({**_plain(info), "columns": [dict(zip(names, column, strict=True)) for column in columns]})
        return
    say_table(("column", "type", "unit", "description"), columns)
    click.echo(
        f"\n{info.rows} rows, {info.files} files, {info.bytes} bytes, {info.snapshots} snapshots; {info.location}"
    )
    for key, position in sorted((info.positions or {}).items()):
        click.echo(f"{key} = {position}")


@contextlib.contextmanager
def _reachable(data_dir: str | None) -> Iterator[Settings]:
    from cryptoflow.query import reachable  # noqa: PLC0415 - a quick --help

    with reachable(load(), Path(data_dir) if data_dir else None) as settings:
        yield settings


def _plain(info: TableInfo) -> dict[str, object]:
    from dataclasses import asdict  # noqa: PLC0415 - a quick --help

    return {name: value for name, value in asdict(info).items() if name not in {"created", "extended"}}


COMMAND = group
