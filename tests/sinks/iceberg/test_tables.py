"""Creating, extending and describing tables."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField
from sink_campaign import settings_for

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError, IdentityError
from schemas import Field, Record, Type, records
from schemas._iceberg import iceberg_schema
from sinks.iceberg import catalog as ice
from sinks.iceberg import tables
from sinks.iceberg.tables import describe, ensure_namespace, ensure_table, ensure_tables, list_tables, load_table


def catalog_in(folder: Path) -> tuple[Settings, ice.Catalog]:
    """Connect a catalog with an empty namespace."""
    settings = settings_for(folder)
    catalog = ice.connect(settings)
    ensure_namespace(settings, catalog)
    return settings, catalog


def test_every_record_kind_gets_its_table_once(tmp_path: Path) -> None:
    """A second run creates and changes nothing."""
    settings = settings_for(tmp_path)
    assert all(info.created for info in ensure_tables(settings))
    again = ensure_tables(settings)
    assert not any(info.created or info.extended for info in again)
    assert {info.name for info in list_tables(settings)} == set(records())


@pytest.mark.parametrize("kind", ["books", "trades"])
def test_a_table_is_as_declared(tmp_path: Path, kind: str) -> None:
    """Field ids, partition spec, sort order and format are those of the declaration."""
    settings, catalog = catalog_in(tmp_path)
    table, _ = ensure_table(settings, catalog, records()[kind])
    assert table.schema().as_struct() == iceberg_schema(records()[kind]).as_struct()
    assert table.metadata.format_version == 2
    assert [str(f.transform) for f in table.spec().fields] == ["hour", "identity"]
    assert [f.source_id for f in table.sort_order().fields] == [3, 6]
    assert table.properties["cryptoflow.record"] == kind


def test_a_new_column_is_added(tmp_path: Path) -> None:
    """A column declared later appears under its own id; the sink refuses to write before that."""
    settings, catalog = catalog_in(tmp_path)
    record = records()["trades"]
    older = dataclasses.replace(record, fields=record.fields[:-1])
    ensure_table(settings, catalog, older)
    with pytest.raises(ConfigError, match="tables apply"):
        load_table(settings, catalog, record)
    table, info = ensure_table(settings, catalog, record)
    assert info.extended
    assert table.schema().find_field("history").field_id == 107
    assert load_table(settings, catalog, record).metadata.current_schema_id == table.metadata.current_schema_id


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    """An id never changes its meaning once rows may refer to it."""
    settings, catalog = catalog_in(tmp_path)
    record = records()["trades"]
    table, _ = ensure_table(settings, catalog, record)
    ice.append(table, ice.new_snapshot_id(), [], [], {}, {})
    changed = (Field(100, "trade_id", Type.LONG, "a number"), *record.fields[1:])
    with pytest.raises(IdentityError, match="column 100"):
        ensure_table(settings, catalog, dataclasses.replace(record, fields=changed))


def test_a_table_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A table of that name that holds rows of another shape is not taken over."""
    settings, catalog = catalog_in(tmp_path)
    table = catalog.create_table(("market_data", "trades"), Schema(NestedField(1, "x", LongType(), required=False)))
    ice.append(table, ice.new_snapshot_id(), [], [], {}, {})
    with pytest.raises(IdentityError, match="extending table trades"):
        ensure_table(settings, catalog, records()["trades"])


def test_a_missing_table_is_described_as_missing(tmp_path: Path) -> None:
    """Describing creates nothing; writing to a missing table names the fix."""
    settings, catalog = catalog_in(tmp_path)
    info, table = describe(settings, "trades", catalog)
    assert not info.exists
    assert table is None
    with pytest.raises(ConfigError, match="tables apply"):
        load_table(settings, catalog, records()["trades"])
    with pytest.raises(KeyError):
        describe(settings, "trade", catalog)


def test_two_processes_may_create_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second uses the first one's table."""
    settings, catalog = catalog_in(tmp_path)
    record = records()["trades"]
    real = tables._updates
    raced = []

    def racing(table: ice.Table, kind: Record) -> object:
        if not raced:
            raced.append(True)
            ensure_table(settings, ice.connect(settings), record)
        return real(table, kind)

    monkeypatch.setattr(tables, "_updates", racing)
    table, _ = ensure_table(settings, catalog, record)
    assert table.schema().as_struct() == iceberg_schema(record).as_struct()
