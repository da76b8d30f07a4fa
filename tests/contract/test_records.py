"""Every record kind keeps the promises that tables and readers rely on.

`field_ids.json` is the lock of Iceberg field ids: an id, once given, belongs to its column for ever.
After adding a column: `python tests/contract/test_records.py` adds it; nothing is ever changed there.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from schemas import COMMON, Field, Record, Type, records

LOCK = Path(__file__).with_name("field_ids.json")
COMMON_ID_MAX = 99
DURATIONS = {"ns", "h"}


def declared() -> dict[str, dict[str, list[object]]]:
    """Return {record: {column: [id, type]}} as the code says it, common columns under `common`."""
    owners: dict[str, tuple[Field, ...]] = {"common": COMMON}
    owners |= {name: record.fields for name, record in records().items()}
    return {owner: {f.name: [f.id, f.type.value] for f in fields} for owner, fields in sorted(owners.items())}


@pytest.fixture(params=sorted(records()))
def record(request: pytest.FixtureRequest) -> Record:
    """Run a promise for every record."""
    return records()[request.param]


def test_field_ids_never_change() -> None:
    """Ids and types of the lock file are those of the code: a table written earlier reads the same."""
    assert declared() == json.loads(LOCK.read_text("utf-8"))


def test_ids_are_in_their_ranges(record: Record) -> None:
    """Common columns use 1 to 99, own columns 100 and up, so neither can run into the other."""
    assert all(1 <= f.id <= COMMON_ID_MAX for f in COMMON)
    assert all(f.id > COMMON_ID_MAX for f in record.fields)


def test_every_column_says_what_it_holds(record: Record) -> None:
    """Each column has a text for the reference page, each record too."""
    assert record.doc.endswith(".")
    assert all(f.doc for f in record.columns)


def test_measures_name_their_unit(record: Record) -> None:
    """A decimal and a time has a unit, or a text that says in what it is counted."""
    for field in record.fields:
        if field.name.endswith("_ns"):
            assert field.unit == "ns", field.name
        if field.type is Type.DECIMAL:
            assert field.unit or "units of" in field.doc, field.name


def test_files_are_sorted_by_columns_that_exist(record: Record) -> None:
    """Sort columns are columns, and the first is the symbol, which is what readers filter by."""
    assert set(record.sort) <= {f.name for f in record.columns}
    assert record.sort[0] == "symbol"


def test_the_partition_columns_are_always_there(record: Record) -> None:
    """hour(received_at) and exchange never hold a null."""
    required = {f.name for f in record.columns if f.required}
    assert {"received_at", "exchange"} <= required


def test_times_of_day_come_from_exact_nanoseconds(record: Record) -> None:
    """Each timestamp is derived from an integer column of the same record and is as required as it."""
    fields = {f.name: f for f in record.columns}
    for field in fields.values():
        assert (field.type is Type.TIMESTAMP) == bool(field.derived_from), field.name
        if field.derived_from:
            source = fields[field.derived_from]
            assert (source.type, source.unit, source.required) == (Type.LONG, "ns", field.required)


def test_no_column_is_a_float(record: Record) -> None:
    """Prices and sizes are decimals end to end (P6)."""
    for column in record.table_schema:
        assert not pa.types.is_floating(column.type), column.name
        assert "double" not in str(column.type), column.name


def extend_lock() -> None:
    """Add new columns to the lock. Raises ValueError when a column it holds has changed or is gone."""
    held: dict[str, dict[str, list[object]]] = json.loads(LOCK.read_text("utf-8"))
    for owner, columns in held.items():
        for name, said in columns.items():
            if declared().get(owner, {}).get(name) != said:
                msg = f"{owner}.{name}: locked as {said}, declared as {declared().get(owner, {}).get(name)}"
                raise ValueError(msg)
    LOCK.write_text(json.dumps(declared(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    extend_lock()
