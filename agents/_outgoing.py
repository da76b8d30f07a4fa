"""From a core's outputs to Kafka records: headers, the `prev` chain, the size limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from schemas import MdHeader, encode_md
from schemas._md import NOTHING_BEFORE
from schemas._reseed import ReseedRequest, encode_reseed


class MdOutput(Protocol):
    """Be rows of one md topic, in raw order; `first` and `last` are the raw offsets of its ends."""

    @property
    def topic(self) -> str:
        """Return the md topic, without prefix."""

    @property
    def batch(self) -> pa.RecordBatch:
        """Return the rows."""

    @property
    def first(self) -> int:
        """Return the raw offset of the first row."""

    @property
    def last(self) -> int:
        """Return the raw offset of the last row."""


Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Hold one record to send."""

    topic: str
    partition: int
    value: bytes
    headers: Headers | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Name the topics a worker writes: md topics by their plain name, the reseed topic."""

    md: Callable[[str], str]
    reseed: str


class Wrapper:
    """Wrap the outputs of one raw partition and keep its `prev` chain."""

    def __init__(self, raw_topic: str, partition: int, names: Names, record_max_bytes: int) -> None:
        """Start with empty chains; `prev` is replaced when a barrier is restored."""
        self.prev: dict[str, int] = {}
        self._raw_topic = raw_topic
        self._partition = partition
        self._names = names
        self._record_max_bytes = record_max_bytes

    def wrap(self, md: Sequence[MdOutput], reseeds: Sequence[ReseedRequest]) -> dict[str, list[Outgoing]]:
        """Return the records to send per topic, in order, and move the chains."""
        chains: dict[str, list[Outgoing]] = {}
        for output in md:
            topic = self._names.md(output.topic)
            for batch, first, last in cut(output, self._record_max_bytes):
                prev = self.prev.get(output.topic, NOTHING_BEFORE)
                header = MdHeader(self._raw_topic, self._partition, first, last, batch.num_rows, prev)
                record = Outgoing(topic, self._partition, encode_md(batch), [*header.to_kafka()])
                chains.setdefault(topic, []).append(record)
                # After a start below `prev` the first records repeat what is delivered: the chain never goes back.
                self.prev[output.topic] = max(prev, last)
        if reseeds:
            requests = [Outgoing(self._names.reseed, 0, self._request(reseed)) for reseed in reseeds]
            chains[self._names.reseed] = requests
        return chains

    def _request(self, reseed: ReseedRequest) -> bytes:
        placed = msgspec.structs.replace(reseed, raw_topic=self._raw_topic, raw_partition=self._partition)
        return encode_reseed(placed)


def cut(output: MdOutput, max_bytes: int) -> Iterator[tuple[pa.RecordBatch, int, int]]:
    """Cut an output into (batch, first, last) of at most `max_bytes`, never inside a raw record.

    The rows of one raw record stay together whatever their size; what the broker then refuses when
    encoded ends the worker.
    """
    batch = output.batch
    if batch.num_rows == 0:
        return
    if batch.nbytes <= max_bytes or output.first == output.last:
        yield batch, output.first, output.last
        return
    offsets = batch.column("raw_offset")
    middle = offsets[batch.num_rows // 2].as_py()
    if middle == output.first:
        middle = pc.min(offsets.filter(pc.greater(offsets, middle))).as_py()
    at = pc.sum(pc.less(offsets, middle).cast(pa.int64())).as_py()
    before, after = batch.slice(0, at), batch.slice(at)
    ends = before.column("raw_offset")[-1].as_py()
    yield from cut(_Part(output.topic, before, output.first, ends), max_bytes)
    yield from cut(_Part(output.topic, after, middle, output.last), max_bytes)


@dataclass(frozen=True, slots=True)
class _Part:
    topic: str
    batch: pa.RecordBatch
    first: int
    last: int
