"""SQL over the Iceberg tables with embedded DuckDB; decimals come out exact."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import importlib.metadata
import io
import itertools
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from cryptoflow import clock
from cryptoflow.config import Catalog, Settings
from cryptoflow.errors import ConfigError, StopError, UnreachableError
from cryptoflow.localstack import record
from cryptoflow.localstack.stack import InUseError, LocalStack

Format = Literal["table", "json", "csv"]
FETCH_ROWS = 10_000
TURN_TIMEOUT_S = 60.0
_TURN_POLL_S = 0.1
TABLE_ROWS_MAX = 1000
_EXTENSIONS = ("httpfs", "avro", "iceberg")  # this order: iceberg needs both others
_EXTRA = "install the extra: pip install 'cryptoflow[query]'"


@dataclass(frozen=True)
class Result:
    """Hold the column names of an answer and its rows, fetched as they are read."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


@contextlib.contextmanager
def reachable(settings: Settings, data_dir: Path | None) -> Iterator[Settings]:
    """Yield settings whose catalog answers.

    With a data directory: those of its stack, whose stand-in is started for as long as this lasts
    when the stack is down. Without: the configured catalog, or the local stack if none is.
    """
    if data_dir is None and (settings.catalog.warehouse or settings.catalog.uri):
        yield settings
        return
    folder = record.folder(settings, data_dir)
    saved = record.saved_settings(folder)
    if saved is None:
        raise ConfigError(
            f"reading tables: no local stack has run on {folder}", fix="run `cryptoflow demo` or give --data-dir"
        )
    with contextlib.ExitStack() as stack:
        yield _running(folder) or _started(stack, folder, saved)


def _running(folder: Path) -> Settings | None:
    found = record.read(folder)
    return found.settings if found else None


def _started(stack: contextlib.ExitStack, folder: Path, saved: Settings) -> Settings:
    """Start the stand-in; another reader may have it at this moment, then wait for its turn to end."""
    deadline = clock.monotonic_s() + TURN_TIMEOUT_S
    pause = threading.Event()
    while True:
        try:
            return stack.enter_context(LocalStack(folder, saved).tables_only())
        except InUseError:
            if found := _running(folder):
                return found
            if clock.monotonic_s() > deadline:
                raise
            pause.wait(_TURN_POLL_S)


def run(catalog: Catalog, sql: str) -> Result:
    """Answer one statement; tables are visible by their bare names, times are UTC.

    Raises ConfigError when DuckDB or its extensions are missing or the SQL is wrong,
    UnreachableError when the catalog does not answer.
    """
    duckdb = _duckdb()
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": False})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _load_extensions(connection)
        _attach(connection, catalog)
        cursor = connection.execute(sql)
        columns = [str(column[0]) for column in cursor.description or ()]
        return Result(columns, _fetch(connection))
    except duckdb.Error as error:
        raise _explained(error) from error


def _fetch(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(FETCH_ROWS):
        yield from rows


def _explained(error: Exception) -> StopError:
    text = str(error).splitlines()[0]
    if type(error).__name__ in {"HTTPException", "IOException"}:
        return UnreachableError(f"reading tables: {text}", fix="`cryptoflow doctor` says what does not answer")
    return ConfigError(f"answering the query: {text}", fix='`cryptoflow query "SHOW TABLES"` lists the tables')


def _duckdb() -> Any:
    try:
        import duckdb  # noqa: PLC0415 - an optional driver
    except ImportError as error:
        raise ConfigError("running a query: duckdb is not installed", fix=_EXTRA) from error
    return duckdb


def _load_extensions(connection: Any) -> None:
    """Load DuckDB's extensions from their packages: nothing is downloaded at run time."""
    try:
        from duckdb_extensions import import_extension  # noqa: PLC0415 - an optional driver

        for name in _EXTENSIONS:
            import_extension(name)
            connection.load_extension(name)
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        raise ConfigError(f"running a query: {error}", fix=_EXTRA) from error


def _attach(connection: Any, catalog: Catalog) -> None:
    """Attach the catalog and make its namespace the default schema."""
    if catalog.kind == "sql":
        raise ConfigError("running a query: a SQL catalog is not readable from DuckDB", fix="use a REST catalog")
    key, secret, token = _credentials(catalog)
    options = ["TYPE s3", f"REGION {_quoted(catalog.region)}", f"KEY_ID {_quoted(key)}", f"SECRET {_quoted(secret)}"]
    if token:
        options.append(f"SESSION_TOKEN {_quoted(token)}")
    if catalog.endpoint:
        scheme, _, host = catalog.endpoint.partition("://")
        options += [
            f"ENDPOINT {_quoted(host)}",
            "URL_STYLE 'path'",
            f"USE_SSL {'true' if scheme == 'https' else 'false'}",
        ]
    connection.execute(f"CREATE SECRET tables ({', '.join(options)})")
    if catalog.kind == "s3tables" and not catalog.endpoint:
        where = "ENDPOINT_TYPE s3_tables"
    else:
        where = f"ENDPOINT {_quoted(catalog.uri)}, AUTHORIZATION_TYPE 'none'"
    connection.execute(f"ATTACH {_quoted(catalog.warehouse)} AS lake (TYPE iceberg, READ_ONLY, {where})")
    connection.execute(f"USE lake.{catalog.namespace}")  # the setting's pattern allows only a-z, 0-9 and _


def _credentials(catalog: Catalog) -> tuple[str, str, str]:
    """Return key, secret and session token: the configured ones, else those of the AWS chain."""
    if catalog.access_key.get_secret_value():
        return catalog.access_key.get_secret_value(), catalog.secret_key.get_secret_value(), ""
    import boto3  # noqa: PLC0415 - slow to import, and only AWS needs it

    found = boto3.Session().get_credentials()
    if found is None:
        raise ConfigError("reading tables: no AWS credentials", fix="configure AWS credentials or catalog.access_key")
    frozen = found.get_frozen_credentials()
    return str(frozen.access_key), str(frozen.secret_key), str(frozen.token or "")


def _quoted(text: str) -> str:
    """Return a SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def write(result: Result, form: Format) -> Iterator[str]:
    """Format an answer, piece by piece; the pieces end their own lines."""
    if form == "json":
        yield from _json(result)
    elif form == "csv":
        yield from _csv(result)
    else:
        yield from _table(result)


def _json(result: Result) -> Iterator[str]:
    """Format as a JSON array of objects; decimals are texts."""
    separator = "["
    for row in result.rows:
        told = dict(zip(result.columns, map(exact, row), strict=True))
        yield f"{separator}{json.dumps(told, ensure_ascii=False, allow_nan=False)}"
        separator = ",\n "
    yield "[]\n" if separator == "[" else "]\n"


def _csv(result: Result) -> Iterator[str]:
    for row in itertools.chain([result.columns], result.rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([cell_text(cell) for cell in row])
        yield line.getvalue()


def _table(result: Result) -> Iterator[str]:
    """Format in aligned columns, at most `TABLE_ROWS_MAX` rows."""
    rows = [[cell_text(cell) for cell in row] for row in itertools.islice(result.rows, TABLE_ROWS_MAX)]
    widths = [max(len(row[index]) for row in [result.columns, *rows]) for index in range(len(result.columns))]
    for row in [result.columns, ["-" * width for width in widths], *rows]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
    if next(result.rows, None) is not None:
        yield f"({TABLE_ROWS_MAX} rows shown; --format csv or json prints all)\n"
    else:
        yield f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n"


def cell_text(value: object) -> str:
    """Return one cell as text; null is empty, nested values are JSON."""
    told = exact(value)
    if told is None:
        return ""
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def exact(value: Any) -> Any:
    """Return a value JSON can hold without loss: decimals and times as text, also inside lists and structs."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dict):
        return {str(key): exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [exact(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def decimal_text(value: Decimal) -> str:
    """Return a decimal without exponent and without zeros after its last digit."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
