"""Tables are made of the same declaration as topics."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import index_by_id
from pyiceberg.transforms import HourTransform, IdentityTransform

from schemas import Record, Type, records
from schemas._iceberg import iceberg_schema, partition_spec, sort_order


@pytest.fixture(params=sorted(records()))
def record(request: pytest.FixtureRequest) -> Record:
    """Derive the table of every record."""
    return records()[request.param]


def plain(kind: pa.DataType) -> pa.DataType:
    """Drop what differs by habit alone: large strings, and the name of a list's element."""
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        fields = [pa.field(one.name, plain(one.type)) for one in kind.value_type]
        return pa.list_(pa.struct(fields))
    return kind


def test_the_table_schema_is_the_arrow_schema(record: Record) -> None:
    """Same columns, same order, same types, same nullability: a batch of the table is written unchanged."""
    derived = schema_to_pyarrow(iceberg_schema(record), include_field_ids=False)
    wanted = record.table_schema
    assert derived.names == wanted.names
    for name in wanted.names:
        assert plain(derived.field(name).type) == wanted.field(name).type, name
        assert derived.field(name).nullable == wanted.field(name).nullable, name


def test_ids_are_the_declared_ones_and_never_meet(record: Record) -> None:
    """Every column keeps its declared id, nested ids are `id * 100 + n`, and no id is used twice."""
    schema = iceberg_schema(record)
    assert [(f.field_id, f.name) for f in schema.fields] == [(f.id, f.name) for f in record.columns]
    nested = set(index_by_id(schema)) - {f.id for f in record.columns}
    owners = {f.id for f in record.columns if f.type is Type.LEVELS}
    assert {number // 100 for number in nested} == owners
    assert len(nested) == 3 * len(owners)


def test_documents_name_the_unit(record: Record) -> None:
    """What a query engine shows about a column is its text with its unit."""
    for field, column in zip(record.columns, iceberg_schema(record).fields, strict=True):
        assert column.doc is not None
        assert column.doc.startswith(field.doc)
        assert column.doc.endswith(f"[{field.unit}]") == bool(field.unit)


def test_partitions_are_hour_received_and_exchange(record: Record) -> None:
    """Every table is partitioned by our receive time, which a venue's wrong clock cannot move."""
    schema = iceberg_schema(record)
    parts = [(schema.find_field(one.source_id).name, one.transform) for one in partition_spec(record).fields]
    assert parts == [("received_at", HourTransform()), ("exchange", IdentityTransform())]


def test_files_are_sorted_as_declared(record: Record) -> None:
    """The sort order names the record's sort columns in their order."""
    schema = iceberg_schema(record)
    assert tuple(schema.find_field(one.source_id).name for one in sort_order(record).fields) == record.sort


def test_importing_schemas_loads_no_iceberg_library() -> None:
    """Producers and agents do not pay for what only sinks use."""
    script = "import sys, schemas; schemas.records(); sys.exit('pyiceberg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
