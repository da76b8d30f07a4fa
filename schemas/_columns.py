"""Columns of one md topic while a batch is being built: lists, never a Python object per row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas._exact import exact_decimals
from schemas._record import PER_FRAME_COMMON
from schemas._types import Field, Type

if TYPE_CHECKING:
    from schemas._catalog import Topic

FRAME = "frame"
"""Name of the column that says which frame of the batch a row belongs to."""

VALUE_MAX_CHARS = 200
REASON_MAX_CHARS = 200
"""Characters kept of a cell that does not fit, and of the reason."""

NEGATIVE = "negative"
_MISFITS = (ValueError, TypeError, OverflowError)
"""What casting a value that does not fit raises; Arrow's own errors are among them."""


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
            return _cast(field, values)
        except _MISFITS:
            return self._salvage(field, values, row_frames, bad)

    def _salvage(self, field: Field, values: list[Any], row_frames: pa.Array | None, bad: list[BadCell]) -> pa.Array:
        kept = list(values)
        for index in _misfitting(field, values, 0):
            frame = self.frames[index] if row_frames is None else row_frames[index].as_py()
            reason = _why_bad(field, values[index])
            bad.append(BadCell(frame, field.name, str(values[index])[:VALUE_MAX_CHARS], reason))
            kept[index] = None
        if field.type is Type.STRING:  # numbers and texts may stand side by side
            kept = [None if value is None else str(value) for value in kept]
        return _cast(field, kept)


def _own(field: Field) -> bool:
    return field.name == "exchange_ns" or (field.name not in PER_FRAME_COMMON and field.id > KIND_ID)


KIND_ID = 15


def _cast(field: Field, values: list[Any]) -> pa.Array:
    """Build a column exactly. Raises one of `_MISFITS` when any value does not fit."""
    if field.type is Type.DECIMAL:
        return _decimals(field, values)
    if field.type is Type.SYMBOLIC:
        return pa.array(values, pa.string()).dictionary_encode()
    if field.type is Type.STRING:
        return _texts(values)
    return pa.array(values, field.wire_type)


def _decimals(field: Field, values: list[Any]) -> pa.Array:
    texts = pa.array(values, pa.string())
    # Looked for in the text: a cast makes 0 of "-0".
    if not field.signed and pc.any(pc.starts_with(texts, "-")).as_py():
        raise ValueError(NEGATIVE)
    return exact_decimals(texts)


def _texts(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except pa.ArrowTypeError:  # ids that a venue sends as numbers
        return pa.array(values, pa.int64()).cast(pa.string())


def _misfitting(field: Field, values: list[Any], start: int) -> Iterator[int]:
    """Find the values that do not fit by halving, so that one bad cell does not cost a cast per cell."""
    try:
        _cast(field, values)
    except _MISFITS:
        middle = len(values) // 2
        if middle:
            yield from _misfitting(field, values[:middle], start)
            yield from _misfitting(field, values[middle:], start + middle)
        else:
            yield start


def _why_bad(field: Field, value: object) -> str:
    try:
        _cast(field, [value])
    except _MISFITS as error:
        return str(error).splitlines()[0][:REASON_MAX_CHARS]
    return ""
