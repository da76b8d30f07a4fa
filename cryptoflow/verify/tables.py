"""Read the tables into the same shape as the ledger: rows by table, symbol and key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cryptoflow.config import Settings
from cryptoflow.verify.frames import Row, exact

ReadTable = Callable[[str], "pa.Table | Iterable[pa.RecordBatch]"]

KEYS: dict[str, tuple[str, ...]] = {
    "trades": ("trade_id",),
    "quotes": ("update_id",),
    "book_deltas": ("last_update_id",),
    "book_snapshots": ("last_update_id", "exchange_ns"),
    "funding": ("exchange_ns",),
    "liquidations": ("exchange_ns", "side", "size", "price", "average_price", "filled_size"),
}
"""The columns that tell which frame a row belongs to."""

VALUES: dict[str, tuple[str, ...]] = {
    "trades": ("price", "size", "base_size", "notional", "side", "count", "exchange_ns"),
    "quotes": ("bid_price", "bid_size", "ask_price", "ask_size", "exchange_ns"),
    "book_deltas": ("side", "level", "price", "size", "first_update_id", "prev_update_id", "exchange_ns"),
    "book_snapshots": ("side", "level", "price", "size"),
    "funding": ("mark_price", "index_price", "settle_price", "funding_rate", "next_funding_ns"),
    "liquidations": ("base_size", "position"),
}
"""The columns compared; in the order of the rows that `frames` expects."""

GAP_COLUMNS = (
    "native_symbol", "gap_id", "revision", "stream", "cause", "from_ns", "to_ns", "from_id", "to_id",
    "ids_missing", "resolved_by",
)  # fmt: skip
LETTER_COLUMNS = ("native_symbol", "payload_b64")
_COMMON = ("native_symbol", "received_ns")


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns a comparison reads of a table."""
    if table == "gaps":
        return GAP_COLUMNS
    if table == "dead_letters":
        return LETTER_COLUMNS
    return tuple(dict.fromkeys((*_COMMON, *KEYS[table], *VALUES[table])))


@dataclass
class Found:
    """Hold the rows of one table by (symbol, key): how many, the sum of their hashes, first received."""

    rows: int = 0
    symbols: dict[str, dict[Hashable, list[int]]] = field(default_factory=lambda: defaultdict(dict))


def batches(table: pa.Table | Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return a table's record batches."""
    yield from table.to_batches() if isinstance(table, pa.Table) else table


def read_found(read_table: ReadTable, name: str) -> Found:
    """Read one table."""
    found = Found()
    for symbols, keys, rows, times in _pieces(read_table, name):
        found.rows += len(symbols)
        for symbol, key, row, received_ns in zip(symbols, keys, rows, times, strict=True):
            held = found.symbols[symbol]
            seen = held.get(key)
            if seen is None:
                held[key] = [1, hash(row), received_ns]
            else:
                seen[0] += 1
                seen[1] += hash(row)
                seen[2] = min(seen[2], received_ns)
    return found


def read_rows(
    read_table: ReadTable, name: str, wanted: set[tuple[str, Hashable]]
) -> dict[tuple[str, Hashable], list[Row]]:
    """Return the rows of some keys in full, to say what is wrong with them."""
    chosen: dict[tuple[str, Hashable], list[Row]] = defaultdict(list)
    for symbols, keys, rows, _ in _pieces(read_table, name):
        for symbol, key, row in zip(symbols, keys, rows, strict=True):
            if (symbol, key) in wanted:
                chosen[symbol, key].append(row)
    return chosen


def _pieces(read_table: ReadTable, name: str) -> Iterator[tuple[list[Any], list[Any], list[Row], list[int]]]:
    for batch in batches(read_table(name)):
        columns = {column: values(batch.column(column)) for column in columns_of(name)}
        keys = [columns[column] for column in KEYS[name]]
        if name == "trades":
            keys = [[int(text) if text.isdigit() else text for text in keys[0]]]
        rows = list(zip(*(columns[column] for column in VALUES[name]), strict=True))
        made = keys[0] if len(keys) == 1 else list(zip(*keys, strict=True))
        yield columns["native_symbol"], made, rows, columns["received_ns"]


def values(column: pa.Array) -> list[Any]:
    """Return a column's values; decimals in the spelling of `exact`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_decimal(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        plain: list[Any] = column.to_pylist()
        return plain
    # Each distinct value is read once: prices, sizes and names repeat.
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    distinct: list[Any] = coded.dictionary.to_pylist()
    if pa.types.is_decimal(kind):
        distinct = [None if value is None else exact(str(value)) for value in distinct]
    return [None if index is None else distinct[index] for index in coded.indices.to_pylist()]


def catalog_reader(settings: Settings, *, all_columns: bool = False) -> ReadTable:
    """Read tables of the configured catalog; only the columns a comparison needs unless all are asked for."""
    from sinks.iceberg.catalog import connect  # noqa: PLC0415 - tests compare without a catalog

    catalog = connect(settings)

    def read(name: str) -> pa.RecordBatchReader:
        table = catalog.load_table((settings.catalog.namespace, name))
        return table.scan(selected_fields=("*",) if all_columns else columns_of(name)).to_arrow_batch_reader()

    return read
