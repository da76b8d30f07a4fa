"""Turn decoded md batches into sorted slices of a table, one per partition of the table. Pure.

Input batches stand in log order, so a stable sort by (hour, exchange, symbol, exchange_ns) leaves equal
rows in the order of (raw_offset, row_index): the same rows always give the same files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from cryptoflow.errors import HoleError
from schemas import Record

NS_PER_HOUR = 3_600_000_000_000
_NS_PER_US = 1_000
_LARGEST_KEY = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Slice:
    """Hold sorted rows of one partition of a table."""

    hour: int
    exchange: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Layout:
    """Say how rows of a record kind are stored: `schema` names, orders and types the file's columns."""

    record: Record
    schema: pa.Schema


def arrange(batches: Iterable[pa.RecordBatch], layout: Layout) -> list[Slice]:
    """Return the rows of this record kind, sorted, cut by hour and exchange.

    Each step drops what it has read, so at most two copies of the rows exist at a time.
    Raises HoleError when a required column has nulls: such rows are not rows of this kind.
    """
    rows = _joined(batches)
    if "kind" in rows.schema.names:
        rows = _of_kind(rows, layout.record.name)
    if not rows.num_rows:
        return []
    hours = floor_divide(rows.column("received_ns"), NS_PER_HOUR)
    exchanges = _ranked(rows.column("exchange"))
    first_hour = pc.min(hours).as_py()
    group = pc.add(pc.multiply(pc.subtract(hours, first_hour), len(exchanges.names)), exchanges.codes)
    order = _order(rows, group, layout.record.sort)
    counts = sorted((entry["values"], entry["counts"]) for entry in pc.value_counts(group).to_pylist())
    rows = rows.take(order)
    table = _shaped(rows, layout)
    slices, offset = [], 0
    for code, count in counts:
        hour, exchange = divmod(code, len(exchanges.names))
        slices.append(Slice(first_hour + hour, exchanges.names[exchange], table.slice(offset, count)))
        offset += count
    return slices


def floor_divide(values: pa.Array, divisor: int) -> pa.Array:
    """Divide integers, rounding down, also below zero; nulls stay null."""
    quotient = pc.divide(values, divisor)
    low = pc.min(values).as_py()
    if low is None or low >= 0:
        return quotient
    over = pc.greater(pc.multiply(quotient, divisor), values)
    return pc.subtract(quotient, over.cast(pa.int64()))


def _joined(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    found = table.to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], schema=table.schema)


def _of_kind(rows: pa.RecordBatch, name: str) -> pa.RecordBatch:
    kinds = rows.column("kind")
    names = kinds.dictionary.to_pylist()
    if names == [name] and not kinds.null_count:
        return rows
    return rows.filter(pc.equal(kinds.indices, pa.scalar(names.index(name) if name in names else -1, pa.int32())))


@dataclass(frozen=True, slots=True)
class _Ranked:
    names: list[str]
    codes: pa.Array


def _ranked(column: pa.DictionaryArray) -> _Ranked:
    """Give each string of a column its number in sorted order, a null the number after the last."""
    order = pc.sort_indices(column.dictionary)
    ranks = pc.sort_indices(order).cast(pa.int64())
    codes = ranks.take(column.indices)
    names = column.dictionary.take(order).to_pylist()
    return _Ranked(names, pc.fill_null(codes, len(names)) if codes.null_count else codes)


def _order(rows: pa.RecordBatch, group: pa.Array, sort: Sequence[str]) -> pa.Array:
    """Return the stable order of rows by group, then by the record's sort columns, nulls last."""
    keys = [group, *(_sortable(rows.column(name)) for name in sort)]
    packed = _packed(keys)
    if packed is not None:
        return pc.array_sort_indices(packed)
    names = [str(n) for n in range(len(keys))]
    return pc.sort_indices(
        pa.RecordBatch.from_arrays(keys, names=names), sort_keys=[(name, "ascending") for name in names]
    )


def _sortable(column: pa.Array) -> pa.Array:
    return _ranked(column).codes if pa.types.is_dictionary(column.type) else column


def _packed(keys: Sequence[pa.Array]) -> pa.Array | None:
    """Pack integer keys into one, which sorts several times faster; None when 63 bits are too few."""
    packed: pa.Array | None = None
    room = _LARGEST_KEY
    for key in keys:
        if not pa.types.is_integer(key.type):
            return None
        bounds = pc.min_max(key).as_py()
        low, high = bounds["min"] or 0, bounds["max"] or 0
        width = high - low + 2  # one place for null, after the last
        room //= width
        if room == 0:
            return None
        place = pc.subtract(key.cast(pa.int64()), low)
        if place.null_count:
            place = pc.fill_null(place, width - 1)
        packed = place if packed is None else pc.add(pc.multiply(packed, width), place)
    return packed


def _shaped(rows: pa.RecordBatch, layout: Layout) -> pa.Table:
    fields = {field.name: field for field in layout.record.columns}
    arrays = []
    for target in layout.schema:
        field = fields.get(target.name)
        if field is None:
            arrays.append(pa.nulls(rows.num_rows, target.type))
            continue
        if field.derived_from:
            column = floor_divide(rows.column(field.derived_from), _NS_PER_US).cast(target.type)
        else:
            column = rows.column(target.name)
            column = column if column.type == target.type else column.cast(target.type)
        if column.null_count and not target.nullable:
            raise HoleError(f"writing {layout.record.name}: {column.null_count} rows have no {target.name}")
        arrays.append(column)
    return pa.Table.from_arrays(arrays, schema=layout.schema)
