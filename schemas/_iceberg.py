"""Iceberg schema, partition spec and sort order of a record kind, derived from its declaration.

Field ids are the declared ones; nested ids are `id * 100 + n`. pyiceberg is imported on use, so that
producers and agents do not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas._record import Record
from schemas._types import DECIMAL_PRECISION, DECIMAL_SCALE, Field, Type

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.types import IcebergType

TABLE_SCHEMA_ID = 1
"""Id of the declared schema; 0 is what a catalog makes of the create request, with ids of its own."""
TABLE_SPEC_ID = 1
TABLE_SORT_ORDER_ID = 1
PARTITION_HOUR = "received_at_hour"
PARTITION_EXCHANGE = "exchange"
_PARTITION_IDS = 1000
_NESTED = 100


def iceberg_schema(record: Record, schema_id: int = TABLE_SCHEMA_ID) -> Schema:
    """Derive the table schema of a record kind."""
    from pyiceberg.schema import Schema  # noqa: PLC0415 - imported on use
    from pyiceberg.types import NestedField  # noqa: PLC0415 - imported on use

    return Schema(
        *(
            NestedField(
                f.id, f.name, _iceberg_type(f), required=f.required, doc=f"{f.doc} [{f.unit}]" if f.unit else f.doc
            )
            for f in record.columns
        ),
        schema_id=schema_id,
    )


def partition_spec(record: Record) -> PartitionSpec:
    """Derive the partition spec: hour(received_at), exchange."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415 - imported on use
    from pyiceberg.transforms import HourTransform, IdentityTransform  # noqa: PLC0415 - imported on use

    ids = {f.name: f.id for f in record.columns}
    return PartitionSpec(
        PartitionField(ids["received_at"], _PARTITION_IDS, HourTransform(), PARTITION_HOUR),
        PartitionField(ids["exchange"], _PARTITION_IDS + 1, IdentityTransform(), PARTITION_EXCHANGE),
        spec_id=TABLE_SPEC_ID,
    )


def sort_order(record: Record) -> SortOrder:
    """Derive the sort order: the record's `sort` columns, ascending, nulls last."""
    from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder  # noqa: PLC0415 - on use
    from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415 - imported on use

    ids = {f.name: f.id for f in record.columns}
    return SortOrder(
        *(SortField(ids[name], IdentityTransform(), SortDirection.ASC, NullOrder.NULLS_LAST) for name in record.sort),
        order_id=TABLE_SORT_ORDER_ID,
    )


def _iceberg_type(field: Field) -> IcebergType:
    from pyiceberg import types as t  # noqa: PLC0415 - imported on use

    decimal = t.DecimalType(DECIMAL_PRECISION, DECIMAL_SCALE)
    if field.type is Type.LEVELS:
        nested = field.id * _NESTED
        level = t.StructType(
            t.NestedField(nested + 2, "price", decimal, required=False),
            t.NestedField(nested + 3, "size", decimal, required=False),
        )
        return t.ListType(nested + 1, level, element_required=False)
    simple: dict[Type, IcebergType] = {
        Type.STRING: t.StringType(),
        Type.SYMBOLIC: t.StringType(),
        Type.LONG: t.LongType(),
        Type.INT: t.IntegerType(),
        Type.BOOL: t.BooleanType(),
        Type.DECIMAL: decimal,
        Type.TIMESTAMP: t.TimestamptzType(),
    }
    return simple[field.type]
