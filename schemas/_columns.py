"""Columns of one md topic while a batch is being built: lists, never a Python object per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas._record import PER_FRAME_COMMON
from schemas._types import Field, Type

if TYPE_CHECKING:
    from schemas._catalog import Topic

FRAME = "frame"
"""Name of the column that says which frame of the batch a row belongs to."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """Name a value that does not fit its column: the frame it came in, the column and the text."""

    frame: int
    column: str
    value: str
    reason: str


class Columns:
    """Collect the own columns of a topic (not the common ones) for many frames.

    `counts[i]` rows belong to frame `frames[i]`. Columns of `topic.per_frame` hold one value per
    entry of `frames`, all others one value per row. A column that a call leaves out is null there.
    """

    def __init__(self, topic: Topic) -> None:
        """Start empty."""
        self.topic = topic
        self.frames: list[int] = []
        self.counts: list[int] = []
        self.rows = 0
        self.fields: dict[str, Field] = {f.name: f for f in topic.fields if f.name == "kind" or _own(f)}
        self.values: dict[str, list[Any]] = {name: [] for name in self.fields}

    def extend(self, frames: Sequence[int], counts: Sequence[int], values: Mapping[str, Iterable[Any]]) -> None:
        """Append frames: one count each, and the columns given. Raises KeyError for an unknown column."""
        for name, column in values.items():
            held = self.values[name]
            missing = (len(self.frames) if name in self.topic.per_frame else self.rows) - len(held)
            if missing:
                held.extend([None] * missing)
            held.extend(column)
        self.frames.extend(frames)
        self.counts.extend(counts)
        self.rows += sum(counts)

    def build(self) -> tuple[pa.RecordBatch, list[BadCell]]:
        """Return the batch (own columns and `frame`) and the cells that did not fit.

        A bad cell is null in the batch; its frame is to be dead-lettered by the caller. Decimals are
        cast exactly: nothing is rounded. Raises ValueError when a column has a wrong length.
        """
        bad: list[BadCell] = []
        parents = self._parents()
        row_frames = pa.array(self.frames, pa.int64())
        if parents is not None:
            row_frames = row_frames.take(parents)
        arrays: list[pa.Array] = [row_frames]
        for name, field in self.fields.items():
            per_frame = name in self.topic.per_frame
            length = len(self.frames) if per_frame else self.rows
            array = self._column(field, length, None if per_frame else row_frames, bad)
            arrays.append(array.take(parents) if per_frame and parents is not None else array)
        return pa.RecordBatch.from_arrays(arrays, names=[FRAME, *self.fields]), bad

    def _parents(self) -> pa.Array | None:
        """Return, per row, the index of its entry in `frames`; None when every entry has one row."""
        if self.rows == len(self.frames) and all(count == 1 for count in self.counts):
            return None
        offsets = pa.array([0, *self.counts], pa.int32())
        lists = pa.ListArray.from_arrays(pc.cumulative_sum(offsets), pa.nulls(self.rows))
        return pc.list_parent_indices(lists)

    def _column(self, field: Field, length: int, row_frames: pa.Array | None, bad: list[BadCell]) -> pa.Array:
        values = self.values[field.name]
        if not values:
            return pa.nulls(length, field.wire_type)
        if len(values) < length:
            values.extend([None] * (length - len(values)))
        if len(values) != length:
            msg = f"building {self.topic.name}: column {field.name} has {len(values)} values for {length} places"
            raise ValueError(msg)
        try:
            array = _cast(field, values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError):
            array = None
        if array is not None and not _negative(field, array):
            return array
        return self._salvage(field, values, row_frames, bad)

    def _salvage(self, field: Field, values: list[Any], row_frames: pa.Array | None, bad: list[BadCell]) -> pa.Array:
        kept: list[Any] = []
        for index, value in enumerate(values):
            reason = _why_bad(field, value)
            if reason:
                frame = self.frames[index] if row_frames is None else row_frames[index].as_py()
                bad.append(BadCell(frame, field.name, str(value)[:200], reason))
            kept.append(None if reason else value)
        return _cast(field, kept)


def _own(field: Field) -> bool:
    return field.name == "exchange_ns" or (field.name not in PER_FRAME_COMMON and field.id > KIND_ID)


KIND_ID = 15


def _cast(field: Field, values: list[Any]) -> pa.Array:
    if field.type is Type.DECIMAL:
        return pa.array(values, pa.string()).cast(field.wire_type)
    if field.type is Type.SYMBOLIC:
        return pa.array(values, pa.string()).dictionary_encode()
    if field.type is Type.STRING and values and isinstance(values[0], int):
        return pa.array(values, pa.int64()).cast(pa.string())
    return pa.array(values, field.wire_type)


def _negative(field: Field, array: pa.Array) -> bool:
    if field.type is not Type.DECIMAL or field.signed:
        return False
    low = pc.min(array).as_py()
    return low is not None and low < 0


def _why_bad(field: Field, value: object) -> str:
    try:
        array = _cast(field, [value])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        return str(error).splitlines()[0][:200]
    return "negative" if _negative(field, array) else ""
