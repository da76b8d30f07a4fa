"""Records of md topics: one Arrow IPC batch each, with headers that let every reader prove order.

`prev` is the last raw offset before this record that produced rows for this topic. A reader keeps
one mark per (md topic, raw topic, raw partition): the highest raw offset it has taken.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

MD_VERSION = 1
NOTHING_BEFORE = -1
"""The mark and `prev` of a raw partition that has not produced rows for a topic yet."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
# A record is small: handing its columns to a thread pool costs four to twenty times what reading does.
_READ = pa.ipc.IpcReadOptions(use_threads=False)


class MdHeader(msgspec.Struct, frozen=True):
    """Describe one md record: where its rows came from and what came before."""

    raw_topic: str
    raw_partition: int
    first: int
    last: int
    rows: int
    prev: int
    v: int = MD_VERSION

    def to_kafka(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers."""
        return [(name, str(getattr(self, name)).encode()) for name in self.__struct_fields__]

    @classmethod
    def from_kafka(cls, headers: Iterable[tuple[str, bytes]]) -> MdHeader:
        """Read Kafka headers. Raises ValueError when one is missing or of another version."""
        texts = {name: value.decode() for name, value in headers}
        try:
            header = cls(
                raw_topic=texts["raw_topic"],
                **{name: int(texts[name]) for name in cls.__struct_fields__ if name != "raw_topic"},
            )
        except KeyError as missing:
            msg = f"reading an md record: header {missing} is missing"
            raise ValueError(msg) from missing
        if header.v != MD_VERSION:
            msg = f"reading an md record: version {header.v} is not {MD_VERSION}"
            raise ValueError(msg)
        return header


class Verdict(enum.Enum):
    """What a reader does with an md record."""

    TAKE = "take"
    TRIM = "trim"
    SKIP = "skip"
    HOLE = "hole"


class Mark:
    """Decide, per raw partition, which rows of an md topic are new: the one trimming helper.

    After a crash a worker's outputs may come again, cut differently. `judge` answers TAKE (all rows
    are new), TRIM (drop rows whose raw_offset is at or below the mark first), SKIP (all are known)
    or HOLE (rows before this record are missing: stop and alarm). `move` follows a record taken.
    """

    def __init__(self, marks: Mapping[tuple[str, int], int] | None = None) -> None:
        """Start from marks stored with the data, {(raw topic, raw partition): raw offset}."""
        self.marks: dict[tuple[str, int], int] = dict(marks or {})

    def of(self, header: MdHeader) -> int:
        """Return the highest raw offset taken from the header's raw partition."""
        return self.marks.get((header.raw_topic, header.raw_partition), NOTHING_BEFORE)

    def judge(self, header: MdHeader) -> Verdict:
        """Judge one record; changes nothing."""
        mark = self.of(header)
        if header.prev > mark:
            return Verdict.HOLE
        if header.last <= mark:
            return Verdict.SKIP
        return Verdict.TAKE if header.first > mark else Verdict.TRIM

    def trim(self, header: MdHeader, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch without the rows at or below the mark."""
        return batch.filter(pc.greater(batch.column("raw_offset"), pa.scalar(self.of(header), pa.int64())))

    def move(self, header: MdHeader) -> None:
        """Move the mark past a record that was taken or trimmed."""
        self.marks[header.raw_topic, header.raw_partition] = header.last


def encode_md(batch: pa.RecordBatch) -> bytes:
    """Encode one batch as an Arrow IPC stream, lz4."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def decode_md(value: bytes) -> pa.RecordBatch:
    """Decode one md record. Raises pyarrow.ArrowInvalid when the bytes are not an IPC stream."""
    with pa.ipc.open_stream(pa.py_buffer(value), options=_READ) as reader:
        return reader.read_next_batch()
