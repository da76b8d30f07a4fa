"""Raw records of the invented venue, made frame by frame, and what a core made of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from agents._core import Outputs, PartitionCore
from schemas import Mark, MdHeader, Verdict, encode_frame, encode_raw
from tests.doubles.invented_scoped import EXCHANGE

RAW_TOPIC = "raw.invented"
PARTITION = 3
MS = 1_000_000
Record = tuple[int, bytes | None, bytes]


def core(**options: Any) -> PartitionCore:
    """Return a core that knows the invented venue."""
    return PartitionCore({"invented": EXCHANGE}, RAW_TOPIC, PARTITION, **options)


@dataclass
class Log:
    """Write raw records of one symbol or several; numbers and times rise by themselves."""

    records: list[Record] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)
    now_ns: int = 1_000 * MS
    market: str = "m"

    def frame(self, kind: str, body: Any, *, conn: str = "a", number: int | None = None, **meta: Any) -> bytes:
        """Make one frame; bytes are taken as they are, anything else is written as JSON.

        A book snapshot is one asked for over REST unless `meta` says otherwise.
        """
        if kind == "book_snapshot":
            meta.setdefault("meta", {"requested_ns": 1, "reason": "resync"})
        self.now_ns += MS
        if number is None:
            number = self.numbers[conn]
            self.numbers[conn] += 1
        valid = not isinstance(body, bytes)
        raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        return encode_frame(conn, number, self.now_ns, kind, raw, valid_json=meta.pop("valid_json", valid), **meta)

    def add(self, *frames: bytes, symbol: str = "AB", market: str = "") -> int:
        """Append one record and return its offset."""
        offset = len(self.records)
        market = market or self.market
        value = encode_raw("invented", market, symbol, "test", frames)
        self.records.append((offset, f"invented.{market}.{symbol}".encode(), value))
        return offset

    def put(self, kind: str, body: Any, *, symbol: str = "AB", **options: Any) -> int:
        """Append a record of one frame and return its offset."""
        return self.add(self.frame(kind, body, **options), symbol=symbol)


def trade(*ids: int, price: str = "1.5", size: str = "2") -> dict[str, Any]:
    """Make the body of a trades frame."""
    return {"trades": [{"i": one, "p": price, "q": size} for one in ids]}


def quote(number: int) -> dict[str, Any]:
    """Make the body of a quotes frame."""
    return {"u": number, "b": f"{number}.25", "a": f"{number}.5"}


def delta(first: int, last: int) -> dict[str, Any]:
    """Make the body of a book frame of one level."""
    return {"U": first, "u": last, "b": [[f"{last}.5", "1"]]}


def snapshot(last: int) -> dict[str, Any]:
    """Make the body of a book snapshot of two levels."""
    return {"id": last, "b": [["1.5", "1"], ["1.25", "2"]]}


IN_STREAM = {"reason": "subscribe", "stream": "book"}
"""What a producer says of a book snapshot that came on the book's own stream."""


def gap(
    *streams: str, cause: str = "disconnect", from_ns: int = 5, to_ns: int = 0, missing: int = -1
) -> dict[str, Any]:
    """Make the body of a gap frame."""
    return {"cause": cause, "streams": streams, "from_ns": from_ns, "to_ns": to_ns, "frames_missing": missing}


def alive(*streams: str, limit_ns: int = 0) -> dict[str, Any]:
    """Make the body of an alive frame."""
    return {"streams": streams, "silence_limit_ns": limit_ns}


def rows(outputs: Outputs | Iterable[Outputs], topic: str, *columns: str) -> list[Any]:
    """Return the rows of a topic: dictionaries, tuples of the columns named, or the one column's cells."""
    given = [outputs] if isinstance(outputs, Outputs) else outputs
    found = [row for one in given for md in one.md if md.topic == topic for row in md.batch.to_pylist()]
    if len(columns) == 1:
        return [row[columns[0]] for row in found]
    return [tuple(row[name] for name in columns) for row in found] if columns else found


class Reader:
    """Read md records as a sink does: chain of `prev`, one mark, trimming."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self.mark: dict[str, Mark] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def read(self, topic: str, header: MdHeader, batch: pa.RecordBatch) -> None:
        """Take one md record; a hole is an error."""
        mark = self.mark.setdefault(topic, Mark())
        verdict = mark.judge(header)
        assert verdict is not Verdict.HOLE, (topic, header)
        if verdict is Verdict.SKIP:
            return
        kept = mark.trim(header, batch) if verdict is Verdict.TRIM else batch
        self.rows.setdefault(topic, []).extend(kept.to_pylist())
        mark.move(header)


class Writer:
    """Write a core's outputs to a reader as the shell does, with `prev` kept across restarts."""

    def __init__(self, reader: Reader, prev: dict[str, int] | None = None) -> None:
        """Start from the `prev` of a barrier."""
        self.reader = reader
        self.prev = dict(prev or {})

    def write(self, outputs: Outputs) -> None:
        """Write every md record."""
        for md in outputs.md:
            header = MdHeader(RAW_TOPIC, PARTITION, md.first, md.last, md.batch.num_rows, self.prev.get(md.topic, -1))
            self.reader.read(md.topic, header, md.batch)
            self.prev[md.topic] = md.last


def whole(records: Sequence[Record]) -> dict[str, list[dict[str, Any]]]:
    """Return every topic's rows of one uninterrupted call."""
    reader = Reader()
    Writer(reader).write(core().process(records))
    return reader.rows
