"""A record kind: one file under schemas/ declares fields, topic, table, sort and partition."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas._types import Field, Type

COMMON: tuple[Field, ...] = (
    Field(1, "exchange", Type.SYMBOLIC, "who runs the feed", required=True),
    Field(2, "market", Type.SYMBOLIC, "the part of the exchange with its own rules", required=True),
    Field(3, "symbol", Type.SYMBOLIC, "our canonical name, BTC-USDT or BTC-USDT-PERP"),
    Field(4, "native_symbol", Type.SYMBOLIC, "the exchange's own spelling", required=True),
    Field(5, "exchange_at", Type.TIMESTAMP, "the exchange's clock", derived_from="exchange_ns"),
    Field(6, "exchange_ns", Type.LONG, "the exchange's clock as sent; null where it sends none", "ns"),
    Field(7, "received_at", Type.TIMESTAMP, "our clock", required=True, derived_from="received_ns"),
    Field(8, "received_ns", Type.LONG, "our clock when the frame arrived", "ns", required=True),
    Field(9, "source", Type.SYMBOLIC, "live, test, replay or backfill", required=True),
    Field(10, "conn", Type.SYMBOLIC, "the connection the frame came on", required=True),
    Field(11, "frame_no", Type.LONG, "the frame's number on its connection", required=True),
    Field(12, "raw_partition", Type.INT, "partition of the raw record", required=True),
    Field(13, "raw_offset", Type.LONG, "offset of the raw record", required=True),
    Field(14, "row_index", Type.INT, "ordinal among the raw record's rows on this topic", required=True),
)
"""The columns every table has; raw_partition, raw_offset and row_index are a row's identity."""

KIND = Field(15, "kind", Type.SYMBOLIC, "which record kind the row is, on topics that carry several")

PER_FRAME_COMMON = frozenset(
    {
        "exchange",
        "market",
        "symbol",
        "native_symbol",
        "received_ns",
        "source",
        "conn",
        "frame_no",
        "raw_partition",
        "raw_offset",
        "kind",
    }
)


@dataclass(frozen=True)
class Record:
    """Declare a record kind.

    `name` is the table's name and the `kind` value on a shared topic. `per_frame` names the fields
    whose value is the same in all rows of one frame. `sort` is the order inside a file; tables are
    partitioned by `hour(received_at), exchange`. Raises ValueError for a repeated id or name.
    """

    name: str
    topic: str
    doc: str
    fields: tuple[Field, ...]
    sort: tuple[str, ...] = ("symbol", "exchange_ns")
    per_frame: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a declaration that could not become a table."""
        names = [field.name for field in self.columns]
        ids = [field.id for field in self.columns]
        if len(set(names)) != len(names) or len(set(ids)) != len(ids):
            msg = f"record {self.name}: a field name or id is used twice"
            raise ValueError(msg)
        unknown = (self.per_frame | set(self.sort)) - set(names)
        if unknown:
            msg = f"record {self.name}: no such field: {', '.join(sorted(unknown))}"
            raise ValueError(msg)

    @property
    def columns(self) -> tuple[Field, ...]:
        """List all columns of the table: the common ones, then the record's own."""
        return COMMON + self.fields

    @property
    def table_schema(self) -> pa.Schema:
        """Derive the Arrow schema of the table."""
        return pa.schema([pa.field(f.name, f.table_type, nullable=not f.required) for f in self.columns])
