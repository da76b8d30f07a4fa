"""Queries read the real Iceberg tables, and nothing is rounded on the way out."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cryptoflow import query
from cryptoflow.config import Catalog, Settings
from cryptoflow.errors import ConfigError, UnreachableError
from cryptoflow.localstack import LocalStack, record
from cryptoflow.localstack.ports import free_port
from cryptoflow.tables import ensure_tables
from schemas import records
from sinks.iceberg.catalog import connect

PRICE = Decimal("61234567890.123456789012345678")
TOTAL = "183703703670.370370367037037034"  # three times, by hand: the default context would round


def fill(settings: Settings) -> None:
    """Write three rows with the columns of trades to an unpartitioned table, as another engine would."""
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
    schema = pa.schema([field.with_nullable(nullable=True) for field in records()["trades"].table_schema])
    row = dict.fromkeys(schema.names) | {"received_at": at, "size": Decimal("0.1"), "price": PRICE}
    table = connect(settings).create_table((settings.catalog.namespace, "sample"), schema)
    table.append(pa.Table.from_pylist([row] * 3, schema))


@pytest.mark.stack
def test_tables_are_read_by_bare_name_and_exactly(deployment: Any) -> None:
    """Sums of decimals keep every digit in JSON and CSV."""
    fill(deployment.settings)
    catalog = deployment.settings.catalog
    sql = "SELECT count(*) AS n, sum(price) AS total, sum(size) AS size, min(received_at) AS at FROM sample"
    found = json.loads("".join(query.write(query.run(catalog, sql), "json")))
    assert found == [{"n": 3, "total": TOTAL, "size": "0.3", "at": "2026-01-02T03:04:05.678901+00:00"}]
    text = "".join(query.write(query.run(catalog, sql), "csv"))
    assert next(csv.DictReader(io.StringIO(text)))["total"] == TOTAL
    shown = "".join(query.write(query.run(catalog, "SHOW TABLES"), "table"))
    assert set(records()) <= set(shown.split())


@pytest.mark.stack
def test_a_query_cannot_change_the_tables(deployment: Any) -> None:
    """The catalog is attached for reading only."""
    with pytest.raises(ConfigError):
        query.run(deployment.settings.catalog, "DROP TABLE quotes")
    assert list(query.run(deployment.settings.catalog, "SELECT count(*) FROM quotes").rows) == [(0,)]


@pytest.mark.stack
def test_wrong_sql_is_one_line(deployment: Any) -> None:
    """The error names what DuckDB found, without its drawing of the statement."""
    with pytest.raises(ConfigError, match=r"answering the query: .*nope") as caught:
        query.run(deployment.settings.catalog, "SELECT *\nFROM nope")
    assert "\n" not in str(caught.value)


def test_a_catalog_that_is_away_is_unreachable() -> None:
    """A refused connection is told as such."""
    away = f"http://127.0.0.1:{free_port()}"
    catalog = Catalog(uri=f"{away}/iceberg", endpoint=away, warehouse="w", access_key="k", secret_key="s")  # type: ignore[arg-type]  # pydantic takes the text
    with pytest.raises(UnreachableError, match="reading tables"):
        query.run(catalog, "SELECT 1")


def test_a_sql_catalog_is_refused() -> None:
    """DuckDB cannot read a SQL catalog; the error says so."""
    with pytest.raises(ConfigError, match="SQL catalog"):
        query.run(Catalog(kind="sql", uri="sqlite://"), "SELECT 1")


def test_an_empty_directory_has_no_tables(tmp_path: Path) -> None:
    """Asking for a directory without a stack says how to make one."""
    with pytest.raises(ConfigError, match="no local stack has run"), query.reachable(Settings(), tmp_path):
        pass


@pytest.mark.stack
def test_readers_of_a_stopped_stack_take_turns(tmp_path: Path) -> None:
    """Two at once on one directory both get their answer; nothing runs afterwards."""
    record.write(tmp_path, record.StackRecord(1, {}, Settings()))
    record.remove(tmp_path)

    def ask(_: int) -> list[tuple[object, ...]]:
        with query.reachable(Settings(), tmp_path) as settings:
            ensure_tables(settings)
            return list(query.run(settings.catalog, "SELECT count(*) FROM trades").rows)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [[(0,)], [(0,)]]
    with LocalStack(tmp_path).tables_only():
        pass


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Decimal("1.500000000000000000"), "1.5"),
        (Decimal("100.000000000000000000"), "100"),
        (Decimal(100), "100"),
        (Decimal("1E-18"), "0.000000000000000001"),
        (2**100, 2**100),
        (float("nan"), None),
        (True, True),
        ([{"price": Decimal("1.10")}], [{"price": "1.1"}]),
        (dt.date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_values_come_out_exact(value: object, told: object) -> None:
    """Decimals and times become text, integers keep their size, NaN is null."""
    assert query.exact(value) == told


def test_empty_answers_have_a_shape() -> None:
    """No rows is an empty array, a header line, and a header with (0 rows)."""
    empty = lambda: query.Result(["a"], iter(()))  # noqa: E731 - a fresh iterator each time
    assert json.loads("".join(query.write(empty(), "json"))) == []
    assert "".join(query.write(empty(), "csv")) == "a\n"
    assert "(0 rows)" in "".join(query.write(empty(), "table"))


def test_a_long_table_is_cut_and_says_so() -> None:
    """A terminal gets the first rows and the way to the rest."""
    many = query.Result(["a"], iter([(n,) for n in range(query.TABLE_ROWS_MAX + 1)]))
    assert "1000 rows shown" in "".join(query.write(many, "table"))
