"""A core whose every row depends on all that came before: one running hash per symbol.

A record lost, repeated, reordered or processed on the wrong state changes all later rows of its
symbol. It cannot imitate rows that appear later than their record, nor symbols of many topics.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

SCHEMA = pa.schema(
    [("raw_offset", pa.int64()), ("row_index", pa.int32()), ("symbol", pa.string()), ("digest", pa.binary())]
)
TOPICS = ("md.gaps", "md.dead_letters")
"""Topics whose rows are not looked at for the time they were on their way."""


@dataclass(frozen=True)
class Output:
    topic: str
    batch: pa.RecordBatch
    first: int
    last: int


@dataclass
class Outputs:
    md: list[Output] = field(default_factory=list)
    reseeds: list[object] = field(default_factory=list)
    duplicates: Counter[tuple[str, ...]] = field(default_factory=Counter)
    dead: Counter[tuple[str, ...]] = field(default_factory=Counter)
    checksums: Counter[tuple[str, ...]] = field(default_factory=Counter)
    passed_over: Counter[tuple[str, ...]] = field(default_factory=Counter)
    frames: int = 0


class HashCore:
    """Keep (offset, digest) per symbol; records with an odd last digest byte make rows on a second topic."""

    def __init__(self, rows_per_record: int = 1) -> None:
        """Start without states."""
        self.states: dict[str, tuple[int, bytes]] = {}
        self._dirty: set[str] = set()
        self._rows_per_record = rows_per_record

    def restore(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Replace all states."""
        self.states = dict(states)
        self._dirty = set()

    def lose(self, before: int) -> None:
        """Show every symbol that stands below an offset as changed."""
        self._dirty |= {symbol for symbol, (offset, _) in self.states.items() if offset < before}

    def process(self, records: Sequence[tuple[int, bytes | None, bytes]]) -> Outputs:
        """Hash on, skipping what a state contains."""
        rows: dict[str, list[tuple[int, int, str, bytes]]] = {}
        for offset, key, value in records:
            symbol = (key or b"").decode()
            stands_at, digest = self.states.get(symbol, (-1, b""))
            if offset <= stands_at:
                continue
            digest = hashlib.blake2b(digest + value, digest_size=8).digest()
            self.states[symbol] = (offset, digest)
            self._dirty.add(symbol)
            for topic in topics_of(digest):
                for index in range(self._rows_per_record):
                    rows.setdefault(topic, []).append((offset, index, symbol, digest))
        md = [Output(topic, _batch(found), found[0][0], found[-1][0]) for topic, found in rows.items()]
        return Outputs(md=md, frames=len(records))

    def changed(self) -> list[tuple[str, bool]]:
        """List what changed; the states of every other symbol count as large."""
        return [(symbol, sum(symbol.encode()) % 2 == 1) for symbol in sorted(self._dirty)]

    def encoded(self, keys: Iterable[str]) -> list[tuple[str, int, bytes]]:
        """Hand out states."""
        return [(symbol, *self.states[symbol]) for symbol in keys]

    def clear_dirty(self, keys: Iterable[str]) -> None:
        """Forget what changed."""
        self._dirty.difference_update(keys)

    def gaps_open(self) -> Counter[tuple[str, str]]:
        """Count a gap for every symbol."""
        return Counter({("binance", "usdm"): len(self.states)})


def topics_of(digest: bytes) -> tuple[str, ...]:
    """Say which topics a record with this digest makes rows for: some, so that `prev` chains differ."""
    return TOPICS if digest[-1] % 3 == 0 else TOPICS[:1] if digest[-1] % 3 == 1 else ()


def _batch(rows: Sequence[tuple[int, int, str, bytes]]) -> pa.RecordBatch:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def expected(log: Iterable[tuple[int, bytes | None, bytes]]) -> dict[str, list[tuple[int, str, bytes]]]:
    """Return the rows of an uninterrupted run, per topic: (offset, symbol, digest)."""
    digests: dict[str, bytes] = {}
    rows: dict[str, list[tuple[int, str, bytes]]] = {topic: [] for topic in TOPICS}
    for offset, key, value in log:
        symbol = (key or b"").decode()
        digests[symbol] = hashlib.blake2b(digests.get(symbol, b"") + value, digest_size=8).digest()
        for topic in topics_of(digests[symbol]):
            rows[topic].append((offset, symbol, digests[symbol]))
    return rows
