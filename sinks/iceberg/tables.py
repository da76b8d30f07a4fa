"""Create, extend and describe the tables of the record kinds.

Catalogs give a new table field ids of their own, and the S3 Tables stand-in drops sort order and
properties of a create request. So a table is created with its names and types, and one following
update gives it the declared schema, partition spec, sort order and properties.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, TableAlreadyExistsError
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortOrder
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    AssertCurrentSchemaId,
    AssertTableUUID,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    TableUpdate,
)

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError, IdentityError
from schemas import Record, records
from schemas._iceberg import iceberg_schema, partition_spec, sort_order
from sinks.iceberg.catalog import Catalog, NoSuchTableError, Table, connect
from sinks.iceberg.positions import POSITION_PREFIX

RECORD_PROPERTY = "cryptoflow.record"
PROPERTIES = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.previous-versions-max": "20",
    "write.metadata.delete-after-commit.enabled": "true",
}
_CREATE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class TableInfo:
    """Describe one table as it stands in the catalog."""

    name: str
    exists: bool
    created: bool = False
    extended: bool = False
    location: str = ""
    snapshots: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0
    positions: dict[str, str] | None = None


def ensure_tables(settings: Settings, catalog: Catalog | None = None) -> list[TableInfo]:
    """Create the namespace and every missing table, add declared columns; change nothing else.

    Safe to run at any time and by several processes at once. Raises IdentityError when a table of that
    name is not ours or has a column of another type.
    """
    catalog = catalog or connect(settings)
    ensure_namespace(settings, catalog)
    return [ensure_table(settings, catalog, record)[1] for record in records().values()]


def ensure_namespace(settings: Settings, catalog: Catalog) -> None:
    """Create the namespace unless it exists."""
    if catalog.namespace_exists((settings.catalog.namespace,)):
        return
    try:
        catalog.create_namespace((settings.catalog.namespace,))
    except NamespaceAlreadyExistsError:
        return


def ensure_table(settings: Settings, catalog: Catalog, record: Record) -> tuple[Table, TableInfo]:
    """Create or extend one table and return it as it then stands."""
    name = (settings.catalog.namespace, record.name)
    created = extended = False
    for _ in range(_CREATE_ATTEMPTS):
        try:
            table = catalog.load_table(name)
        except NoSuchTableError:
            try:
                table = catalog.create_table(
                    name, iceberg_schema(record), properties=PROPERTIES | {RECORD_PROPERTY: record.name}
                )
                created = True
            except TableAlreadyExistsError:
                continue
        updates = _updates(table, record)
        if not updates:
            return table, _info(table, created=created, extended=extended and not created)
        try:
            catalog.commit_table(
                table,
                (
                    AssertTableUUID(uuid=table.metadata.table_uuid),
                    AssertCurrentSchemaId(current_schema_id=table.metadata.current_schema_id),
                ),
                updates,
            )
            extended = True
        except CommitFailedException:
            continue
    raise IdentityError(f"creating table {record.name}: others keep changing it", fix="let one process apply tables")


def load_table(settings: Settings, catalog: Catalog, record: Record) -> Table:
    """Load a table and prove that it can be written. Raises ConfigError when it has to be applied first."""
    try:
        table = catalog.load_table((settings.catalog.namespace, record.name))
    except NoSuchTableError as error:
        raise ConfigError(
            f"opening table {record.name}: it does not exist", fix="run `cryptoflow tables apply`"
        ) from error
    if _updates(table, record):
        raise ConfigError(
            f"opening table {record.name}: it lacks declared columns", fix="run `cryptoflow tables apply`"
        )
    return table


def describe(settings: Settings, name: str, catalog: Catalog | None = None) -> tuple[TableInfo, Table | None]:
    """Describe one table; the second value is None when it does not exist. Raises KeyError for no record kind."""
    record = records()[name]
    catalog = catalog or connect(settings)
    try:
        table = catalog.load_table((settings.catalog.namespace, record.name))
    except NoSuchTableError:
        return TableInfo(record.name, exists=False), None
    return _info(table), table


def list_tables(settings: Settings, catalog: Catalog | None = None) -> list[TableInfo]:
    """Describe the table of every record kind."""
    catalog = catalog or connect(settings)
    return [describe(settings, name, catalog)[0] for name in records()]


def _updates(table: Table, record: Record) -> tuple[TableUpdate, ...]:
    updates: list[TableUpdate] = []
    declared, current = iceberg_schema(record), table.schema()
    if not _has_columns(current, declared):
        if table.metadata.snapshots:
            _refuse_conflict(record, declared, current)
        schema_id = max(schema.schema_id for schema in table.metadata.schemas) + 1
        updates += [
            AddSchemaUpdate(schema_=iceberg_schema(record, schema_id)),
            SetCurrentSchemaUpdate(schema_id=schema_id),
        ]
    spec, order = partition_spec(record), sort_order(record)
    if not _same_spec(table.spec(), spec):
        updates += [AddPartitionSpecUpdate(spec=spec), SetDefaultSpecUpdate(spec_id=spec.spec_id)]
    if not _same_order(table.sort_order(), order):
        updates += [
            AddSortOrderUpdate(sort_order=order),
            SetDefaultSortOrderUpdate(sort_order_id=order.order_id),
        ]
    wanted = PROPERTIES | {RECORD_PROPERTY: record.name}
    wanted.pop("format-version")
    missing = {key: value for key, value in wanted.items() if key not in table.properties}
    if table.properties.get(RECORD_PROPERTY, record.name) != record.name:
        raise IdentityError(f"opening table {record.name}: it was made for {table.properties[RECORD_PROPERTY]}")
    if missing:
        updates.append(SetPropertiesUpdate(updates=missing))
    return tuple(updates)


def _has_columns(current: Schema, declared: Schema) -> bool:
    found = {field.field_id: (field.name, field.field_type) for field in current.fields}
    return all(found.get(field.field_id) == (field.name, field.field_type) for field in declared.fields)


def _refuse_conflict(record: Record, declared: Schema, current: Schema) -> None:
    wanted = {field.field_id: field for field in declared.fields}
    for field in current.fields:
        other = wanted.get(field.field_id)
        if other is None or (other.name, other.field_type) != (field.name, field.field_type):
            raise IdentityError(
                f"extending table {record.name}: column {field.field_id} is {field.name} {field.field_type},"
                f" declared is {other}",
                fix="give the changed column a new field id",
            )


def _same_spec(found: PartitionSpec, wanted: PartitionSpec) -> bool:
    return [(f.source_id, str(f.transform)) for f in found.fields] == [
        (f.source_id, str(f.transform)) for f in wanted.fields
    ]


def _same_order(found: SortOrder, wanted: SortOrder) -> bool:
    return [f.source_id for f in found.fields] == [f.source_id for f in wanted.fields]


def _info(table: Table, *, created: bool = False, extended: bool = False) -> TableInfo:
    snapshot = table.metadata.current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    return TableInfo(
        name=table.name()[-1],
        exists=True,
        created=created,
        extended=extended,
        location=table.location(),
        snapshots=len(table.metadata.snapshots),
        rows=int(summary.get("total-records", 0)),
        files=int(summary.get("total-data-files", 0)),
        bytes=int(summary.get("total-files-size", 0)),
        positions={k: v for k, v in table.properties.items() if k.startswith(POSITION_PREFIX)},
    )
