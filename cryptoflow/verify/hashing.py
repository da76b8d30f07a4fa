"""A hash of a table that does not depend on the order of its rows, over typed values."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cryptoflow.verify.tables import ReadTable, batches

_MASK = (1 << 128) - 1
_NULL = "~"


def table_hash(read_table: ReadTable, name: str) -> str:
    """Hash every column of every row; equal tables have equal hashes whatever their files and order.

    Column order does not matter either. Rows that stand twice count twice.
    """
    total = rows = 0
    for batch in batches(read_table(name)):
        rows += batch.num_rows
        for text in _row_texts(batch):
            total = (total + xxhash.xxh3_128_intdigest(text)) & _MASK
    return f"{rows}:{total:032x}"


def _row_texts(batch: pa.RecordBatch) -> list[str]:
    """Return one text per row: length and value of each column, in the order of the names."""
    parts = []
    for column in sorted(batch.schema.names):
        text = _texts(batch.column(column))
        size = pc.cast(pc.binary_length(text), pa.string())
        parts.append(pc.fill_null(pc.binary_join_element_wise(size, text, ":"), _NULL))
    joined = pc.binary_join_element_wise(*parts, "|")
    texts: list[str] = joined.to_pylist()
    return texts


def _texts(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())
    return pc.cast(column, pa.string())
