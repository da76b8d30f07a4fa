"""What a store takes of a log between two commits: new pieces, spans of positions, marks.

This is the layer under a sink that batches: it trims what the store has, proves that nothing is
missing, and knows exactly which positions a commit covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from cryptoflow.errors import HoleError
from schemas import Mark, Verdict, decode_md
from sinks._sink import MdRecord

RawPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Position:
    """Say how far a store has one md partition: the next offset, and the marks per raw partition.

    `next` is None for a partition the store knows nothing of.
    """

    next: int | None = None
    marks: Mapping[RawPartition, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Say which positions of one md partition a batch covers: from `start`, up to `end`."""

    start: int | None
    end: int
    marks: Mapping[RawPartition, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold the new rows of one record, still encoded; rows at or below `above` are dropped on decoding."""

    record: MdRecord
    above: int | None

    def decode(self) -> pa.RecordBatch:
        """Return the new rows. Raises HoleError when the bytes are not what the header says."""
        record = self.record
        try:
            batch = decode_md(record.value)
        except (pa.ArrowInvalid, OSError, StopIteration) as error:
            where = f"{record.topic}[{record.partition}]@{record.offset}"
            raise HoleError(f"decoding {where}: {error}", fix="only the worker may write md topics") from error
        if self.above is None:
            return batch
        return batch.filter(pc.greater(batch.column("raw_offset"), pa.scalar(self.above, pa.int64())))


class Intake:
    """Follow one store's place in the partitions of one md topic.

    `take` judges records against the marks; `spans` says what a commit would cover; `settle` makes
    that the stored place; `reset` goes back to what the store says.
    """

    def __init__(self, stored: Mapping[int, Position], *, adopt: bool = False) -> None:
        """Begin where the store ends. `adopt`: a raw partition without a mark is taken as it comes."""
        self._adopt = adopt
        self._start: dict[int, int | None] = {}
        self._next: dict[int, int] = {}
        self._mark: dict[int, Mark] = {}
        self.duplicates = 0
        for partition, position in stored.items():
            self.reset(partition, position)

    def reset(self, partition: int, position: Position) -> None:
        """Forget what was taken of a partition and stand where the store stands."""
        self._start[partition] = position.next
        self._next[partition] = position.next or 0
        self._mark[partition] = Mark(position.marks)

    def next_of(self, partition: int) -> int | None:
        """Return the offset to read next, None when nothing was taken or stored yet."""
        start, following = self._start[partition], self._next[partition]
        return following if start is not None or following else None

    def take(self, record: MdRecord) -> Piece | None:
        """Move past a record and return its new rows, or None when the store has them all.

        Raises HoleError when rows before it are missing.
        """
        if record.offset < self._next[record.partition]:
            return None
        header, mark = record.header, self._mark[record.partition]
        if self._adopt and (header.raw_topic, header.raw_partition) not in mark.marks:
            mark.marks[header.raw_topic, header.raw_partition] = header.prev
        verdict = mark.judge(header)
        if verdict is Verdict.HOLE:
            raise HoleError(
                f"reading {record.topic}[{record.partition}]@{record.offset}: rows of {header.raw_topic}"
                f"[{header.raw_partition}] after offset {mark.of(header)} up to {header.prev} are missing",
                fix="see runbook `hole in an md topic`",
            )
        self._next[record.partition] = record.offset + 1
        if verdict is Verdict.SKIP:
            self.duplicates += header.rows
            return None
        above = mark.of(header) if verdict is Verdict.TRIM else None
        mark.move(header)
        return Piece(record, above)

    def spans(self) -> dict[int, Span]:
        """Return the partitions that moved since the stored place."""
        return {
            partition: Span(self._start[partition], end, dict(self._mark[partition].marks))
            for partition, end in self._next.items()
            if end != (self._start[partition] or 0)
        }

    def settle(self, spans: Mapping[int, Span]) -> None:
        """Make the end of committed spans the stored place."""
        for partition, span in spans.items():
            self._start[partition] = span.end

    def stored(self) -> dict[int, int | None]:
        """Return the stored place of every partition."""
        return dict(self._start)
