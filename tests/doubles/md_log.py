"""A made-up md log: records of one md topic with right headers, positions and `prev`.

It writes as a worker writes. It cannot imitate what a venue sends: all values are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from schemas import MdHeader, Type, encode_md, topics
from sinks._sink import MdRecord

START_NS = 1_722_000_000_000_000_000
NS_PER_MS = 1_000_000


def batch(
    topic: str,
    partition: int,
    offsets: Sequence[int],
    rows_each: int,
    *,
    exchange: str = "binance",
    kinds: Sequence[str] = (),
) -> pa.RecordBatch:
    """Build rows for raw records `offsets`; a row's values are a function of its position only."""
    declared = topics()[topic]
    places = [(offset, row) for offset in offsets for row in range(rows_each)]
    columns = []
    for column in declared.fields:
        values = [_value(column.name, column.type, partition, offset, row, exchange, kinds) for offset, row in places]
        array = pa.array(values, pa.string() if column.type is Type.SYMBOLIC else column.wire_type)
        columns.append(array.dictionary_encode() if column.type is Type.SYMBOLIC else array)
    return pa.RecordBatch.from_arrays(columns, schema=declared.schema)


def _value(name: str, kind: Type, partition: int, offset: int, row: int, exchange: str, kinds: Sequence[str]) -> Any:
    symbol = (offset * 7 + partition) % 3
    number = offset * 1000 + row
    fixed: dict[str, Any] = {
        "exchange": exchange,
        "market": "usdm",
        "symbol": f"S{symbol}-USDT-PERP",
        "native_symbol": f"S{symbol}USDT",
        "exchange_ns": START_NS + number * NS_PER_MS - 5,
        "received_ns": START_NS + number * NS_PER_MS,
        "source": "test",
        "conn": "c0",
        "frame_no": offset,
        "raw_partition": partition,
        "raw_offset": offset,
        "row_index": row,
        "kind": kinds[number % len(kinds)] if kinds else None,
    }
    if name in fixed:
        return fixed[name]
    by_type: dict[Type, Any] = {
        Type.STRING: f"{name}-{number}",
        Type.SYMBOLIC: f"{name}{number % 3}",
        Type.LONG: number,
        Type.INT: row,
        Type.BOOL: bool(number % 2),
        Type.DECIMAL: Decimal(number).scaleb(-4),
        Type.LEVELS: [{"price": Decimal(number), "size": Decimal(1)}],
    }
    return by_type[kind]


@dataclass
class MdLog:
    """Hold the records of one md topic as a broker would."""

    topic: str
    raw_topic: str = "raw.binance"
    exchange: str = "binance"
    kinds: tuple[str, ...] = ()
    records: dict[int, list[MdRecord]] = field(default_factory=dict)
    prev: dict[int, int] = field(default_factory=dict)

    def append(
        self, partition: int, offsets: Sequence[int], rows_each: int = 2, *, prev: int | None = None
    ) -> MdRecord:
        """Append one record with the rows of some raw records; `prev` follows by itself unless given."""
        rows = batch(self.topic, partition, offsets, rows_each, exchange=self.exchange, kinds=self.kinds)
        before = self.prev.get(partition, -1) if prev is None else prev
        header = MdHeader(self.raw_topic, partition, offsets[0], offsets[-1], rows.num_rows, before)
        held = self.records.setdefault(partition, [])
        record = MdRecord(self.topic, partition, len(held), header, encode_md(rows))
        held.append(record)
        self.prev[partition] = max(offsets[-1], self.prev.get(partition, -1))
        return record

    def read(self, starts: dict[tuple[str, int], int | None]) -> list[MdRecord]:
        """Return the records from these positions on."""
        return [
            record
            for partition, held in sorted(self.records.items())
            if (self.topic, partition) in starts
            for record in held[starts[self.topic, partition] or 0 :]
        ]

    def identities(self) -> set[tuple[int, int, int]]:
        """Return the identity of every row written: (raw partition, raw offset, row index)."""
        from schemas import decode_md

        found: set[tuple[int, int, int]] = set()
        for held in self.records.values():
            for record in held:
                rows = decode_md(record.value).select(["raw_partition", "raw_offset", "row_index"]).to_pylist()
                found |= {(r["raw_partition"], r["raw_offset"], r["row_index"]) for r in rows}
        return found
