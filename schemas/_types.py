"""Column types: one declaration from which Arrow, Iceberg and the docs page are derived."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import pyarrow as pa

DECIMAL_PRECISION = 38
DECIMAL_SCALE = 18
DECIMAL = pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE)
SYMBOLIC = pa.dictionary(pa.int32(), pa.string())
"""How repeated strings travel on md topics: an index into the batch's own dictionary."""


class Type(enum.StrEnum):
    """A column's type; `SYMBOLIC` is a string that repeats, `LEVELS` a list of (price, size)."""

    STRING = "string"
    SYMBOLIC = "symbolic"
    LONG = "long"
    INT = "int"
    BOOL = "boolean"
    DECIMAL = "decimal(38,18)"
    TIMESTAMP = "timestamptz"
    LEVELS = "list<struct<price, size>>"


_TABLE_TYPES: dict[Type, pa.DataType] = {
    Type.STRING: pa.string(),
    Type.SYMBOLIC: pa.string(),
    Type.LONG: pa.int64(),
    Type.INT: pa.int32(),
    Type.BOOL: pa.bool_(),
    Type.DECIMAL: DECIMAL,
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.LEVELS: pa.list_(pa.struct([("price", DECIMAL), ("size", DECIMAL)])),
}


@dataclass(frozen=True, slots=True)
class Field:
    """Declare one column.

    `id` is the Iceberg field id and never changes once a table exists: common columns use 1-99,
    a record's own columns 100 and up, nested ids are derived as `id * 100 + n`.
    A decimal is refused when negative unless `signed`.
    `derived_from` names the integer nanosecond column a timestamp is computed from; such a column
    is stored in tables and left out of md topics.
    """

    id: int
    name: str
    type: Type
    doc: str
    unit: str = ""
    required: bool = False
    derived_from: str = ""
    signed: bool = False

    @property
    def table_type(self) -> pa.DataType:
        """Give the Arrow type of this column in a table."""
        return _TABLE_TYPES[self.type]

    @property
    def wire_type(self) -> pa.DataType:
        """Give the Arrow type of this column in an md topic."""
        return SYMBOLIC if self.type is Type.SYMBOLIC else _TABLE_TYPES[self.type]
