"""Put the columns of a call together: one batch per md topic, rows in raw order, common columns added."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from agents._batch import Batch
from agents._contracts import fill_sizes
from agents._group import Group
from agents._turn import Effects
from schemas import Columns, Topic, topics
from schemas._columns import FRAME
from schemas._exact import exact_decimals

ROWS_MAX = 50_000
"""Rows of one md record, unless a single raw record has more."""

BYTES_MAX = 6_291_456
"""Bytes of one md record before compression, unless a single raw record has more."""


@dataclass(frozen=True, slots=True)
class MdOutput:
    """Hold one md record to be written: topic without prefix, rows, first and last raw offset with rows."""

    topic: str
    batch: pa.RecordBatch
    first: int
    last: int


class FrameColumns:
    """Spread the columns that frames and raw records have in common over rows, on demand."""

    def __init__(self, batch: Batch, partition: int) -> None:
        """Take the frames of a call after its operators have run."""
        self._batch = batch
        self._partition = partition

    @cached_property
    def _record_of(self) -> pa.Array:
        records: list[int] = []
        for number, view in enumerate(self._batch.views):
            records += [number] * (view.last - view.first)
        return pa.array(records, pa.int32())

    @cached_property
    def _offsets(self) -> pa.Array:
        return pa.array([view.offset for view in self._batch.views], pa.int64())

    @cached_property
    def _by_record(self) -> Mapping[str, pa.DictionaryArray]:
        views = self._batch.views
        texts = {
            "exchange": [view.symbol.exchange for view in views],
            "market": [view.symbol.market_name for view in views],
            "native_symbol": [view.symbol.native for view in views],
            "symbol": [view.canonical for view in views],
            "source": [view.source for view in views],
        }
        return {name: _symbolic(values) for name, values in texts.items()}

    @cached_property
    def _by_frame(self) -> Mapping[str, pa.Array]:
        batch = self._batch
        columns = {
            "received_ns": pa.array(batch.times, pa.int64()),
            "conn": _symbolic(batch.conns),
            "frame_no": pa.array([frame.n for frame in batch.frames], pa.int64()),
        }
        if batch.renamed:
            names = [view.canonical for view in batch.views for _ in range(view.first, view.last)]
            for ordinal, name in batch.renamed.items():
                names[ordinal] = name
            columns["symbol"] = _symbolic(names)
        return columns

    def contracts(self, frames: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return, for rows that stand at `frames`, contract value and whether it is inverse, as the log had them."""
        batch = self._batch
        terms = [view.terms for view in batch.views for _ in range(view.first, view.last)]
        for ordinal, changed in batch.redefined.items():
            terms[ordinal] = changed
        values = exact_decimals(pa.array([one.contract_value for one in terms], pa.string()))
        inverse = pa.array([one.inverse for one in terms], pa.bool_())
        return values.take(frames), inverse.take(frames)

    def spread(self, frames: pa.Array) -> dict[str, pa.Array]:
        """Return the common columns of rows that stand at `frames` (ordinals, ascending)."""
        records = self._record_of.take(frames)
        columns = {name: _take(column, records) for name, column in self._by_record.items()}
        columns |= {name: _take(column, frames) for name, column in self._by_frame.items()}
        columns["raw_partition"] = pa.array([self._partition], pa.int32()).take(_zeros(len(frames)))
        columns["raw_offset"] = self._offsets.take(records)
        columns["row_index"] = _count_up(record_ends(records))
        return columns


def record_ends(records: pa.Array) -> list[int]:
    """Return, for each run of rows of one raw record, the row after its last."""
    ends: list[int] = pc.run_end_encode(records).run_ends.to_pylist()
    return ends


def _symbolic(values: Sequence[str]) -> pa.DictionaryArray:
    if values and values.count(values[0]) == len(values):
        return pa.DictionaryArray.from_arrays(_zeros(len(values)), pa.array([values[0]], pa.string()))
    return pa.array(values, pa.string()).dictionary_encode()


def _take(column: pa.Array, places: pa.Array) -> pa.Array:
    if not isinstance(column, pa.DictionaryArray):
        return column.take(places)
    if len(column.dictionary) == 1:  # every value is the same: there are no nulls in these columns
        return pa.DictionaryArray.from_arrays(_zeros(len(places)), column.dictionary)
    return pa.DictionaryArray.from_arrays(column.indices.take(places), column.dictionary)


def _zeros(length: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), length, [None, pa.py_buffer(bytes(4 * length))])


def _count_up(ends: Sequence[int]) -> pa.Array:
    rising = array("i", range(max((end - start for start, end in zip([0, *ends], ends, strict=False)), default=0)))
    counted = array("i")
    start = 0
    for end in ends:
        counted += rising[: end - start]
        start = end
    return pa.Array.from_buffers(pa.int32(), len(counted), [None, pa.py_buffer(counted)])


def assemble(
    batch: Batch, effects: Effects, partition: int, wanted: frozenset[str] | None, rows_max: int
) -> list[MdOutput]:
    """Return the md records of a call, in topic order; `wanted` topics only, None for all."""
    frame_columns = FrameColumns(batch, partition)
    groups: dict[str, list[Group]] = {}
    for group in batch.all_groups():
        groups.setdefault(group.columns.topic.name, []).append(group)
    outputs: list[MdOutput] = []
    for name in sorted(groups.keys() | effects.rows.keys()):
        if wanted is None or name in wanted:
            topic = topics()[name]
            own = _own(topic, effects.rows.get(name, []), groups.get(name, []))
            if own is not None:
                outputs += split(name, _complete(topic, own, frame_columns), rows_max)
    return outputs


def _own(topic: Topic, extras: list[tuple[int, dict[str, Any]]], groups: list[Group]) -> pa.RecordBatch | None:
    """Return the topic's own columns and `frame`, rows in raw order; None without rows."""
    parts = [part for part in (_kept(group) for group in groups) if part.num_rows]
    if extras:  # first, so that the stable sort leaves them before the rows of their frame
        parts.insert(0, _extra(topic, extras))
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    joined = pa.concat_batches(parts)
    return joined.take(pc.array_sort_indices(joined.column(FRAME)))


def _extra(topic: Topic, extras: list[tuple[int, dict[str, Any]]]) -> pa.RecordBatch:
    columns = Columns(topic)
    for ordinal, values in sorted(extras, key=lambda extra: extra[0]):
        columns.extend([ordinal], [1], {name: [value] for name, value in values.items()})
    built, bad = columns.build()
    if bad:
        raise ValueError(f"assembling {topic.name}: {bad[0].column} {bad[0].value!r} does not fit: {bad[0].reason}")
    return built


def _kept(group: Group) -> pa.RecordBatch:
    built = group.built()
    if group.dropped or group.dropped_rows:
        mask = [True] * group.columns.rows
        for entry in group.dropped:
            first, last = group.rows_of(entry, entry + 1)
            mask[first:last] = [False] * (last - first)
        for row in group.dropped_rows:
            mask[row] = False
        built = built.filter(pa.array(mask, pa.bool_()))
    place = built.schema.get_field_index("kind")
    if place < 0:
        return built
    # A topic of several kinds: the parser's record names the kind of its rows.
    kind = pa.DictionaryArray.from_arrays(_zeros(built.num_rows), pa.array([group.parser.record], pa.string()))
    return built.set_column(place, "kind", kind)


def _complete(topic: Topic, own: pa.RecordBatch, frame_columns: FrameColumns) -> pa.RecordBatch:
    columns = frame_columns.spread(own.column(FRAME))
    columns |= {name: own.column(name) for name in own.schema.names if name != FRAME}
    if "base_size" in columns:
        fill_sizes(columns, lambda: frame_columns.contracts(own.column(FRAME)))
    arrays = [columns[field.name] for field in topic.fields]
    return pa.RecordBatch.from_arrays(arrays, schema=topic.schema)


def split(topic: str, batch: pa.RecordBatch, rows_max: int) -> Iterator[MdOutput]:
    """Cut a batch at raw records so that no part exceeds its limits, if a raw record can be cut off."""
    offsets = batch.column("raw_offset")
    if batch.num_rows > rows_max or batch.nbytes > BYTES_MAX:
        ends = record_ends(offsets)
        if len(ends) > 1:
            middle = min(ends[:-1], key=lambda end: abs(2 * end - batch.num_rows))
            yield from split(topic, batch.slice(0, middle), rows_max)
            yield from split(topic, batch.slice(middle), rows_max)
            return
    yield MdOutput(topic, batch, offsets[0].as_py(), offsets[-1].as_py())
