"""Gather consecutive frames of one symbol into raw records: few ms of wait, more under load. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from producers._balance import CountKey, count_kinds
from schemas import join_raw, raw_head

NS_PER_MS = 1_000_000
_FRAME_OVERHEAD_BYTES = 1
_RAISE = 1.3
_RAISE_BUSY = 2.0
_LOWER = 1.15
_CALM = 0.7


@dataclass(frozen=True, eq=False)
class Lane:
    """Name a symbol's place in the log: one key, so one partition, so one order.

    Compared by identity: a market makes one lane per symbol and keeps it.
    """

    exchange: str
    market: str
    symbol: str
    source: str
    key: bytes = field(init=False)
    head: bytes = field(init=False)
    place: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Spell the Kafka key and what its records begin with once."""
        object.__setattr__(self, "key", f"{self.exchange}.{self.market}.{self.symbol}".encode())
        object.__setattr__(self, "head", raw_head(self.exchange, self.market, self.symbol, self.source))
        object.__setattr__(self, "place", (self.exchange, self.market))

    def count_key(self, kind: str) -> CountKey:
        """Return the key under which frames of a kind are counted."""
        return CountKey(self.exchange, self.market, kind)


class Envelope:
    """Hold encoded frames of one lane in receive order."""

    __slots__ = ("announces", "first_ns", "frames", "kinds", "lane", "last_ns", "opened_ns", "size")

    def __init__(self, lane: Lane, opened_ns: int) -> None:
        """Start empty; `opened_ns` is when the wait began."""
        self.lane = lane
        self.frames: list[bytes] = []
        self.kinds: list[str] = []
        self.size = 0
        self.announces = False
        self.opened_ns = opened_ns
        self.first_ns = opened_ns
        self.last_ns = opened_ns

    def counts(self) -> dict[CountKey, int]:
        """Count the frames by kind."""
        return count_kinds(self.lane.place, self.kinds)

    def encode(self) -> bytes:
        """Return the raw record."""
        return join_raw(self.lane.head, self.frames)


class Envelopes:
    """Keep the open envelope of every lane; order within a lane is the order of `add`."""

    def __init__(
        self,
        frames_max: int,
        bytes_max: int,
        linger_min_ms: float,
        linger_max_ms: float,
        linger_busy_ms: float = 0.0,
    ) -> None:
        """Take the limits; the wait starts at its least. `linger_busy_ms` is the largest without time to spare."""
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._least_ns = int(linger_min_ms * NS_PER_MS)
        self._most_ns = max(self._least_ns, int(linger_max_ms * NS_PER_MS))
        self._busy_ns = max(self._most_ns, int(linger_busy_ms * NS_PER_MS))
        self.linger_ns = self._least_ns
        self._open: dict[Lane, Envelope] = {}
        self.sealed = 0

    def add(self, lane: Lane, kind: str, frame: bytes, received_ns: int) -> Envelope | None:
        """Append a frame; return the lane's envelope if it is full, to be sent before anything newer."""
        envelope = self._open.get(lane)
        full = None
        size = len(frame) + _FRAME_OVERHEAD_BYTES
        if envelope is None:
            envelope = self._open[lane] = Envelope(lane, received_ns)
        elif len(envelope.frames) >= self._frames_max or envelope.size + size > self._bytes_max:
            full = self._seal(lane)
            envelope = self._open[lane] = Envelope(lane, received_ns)
        envelope.frames.append(frame)
        envelope.kinds.append(kind)
        envelope.size += size
        envelope.last_ns = received_ns
        return full

    def due(self, now_ns: int) -> Iterator[Envelope]:
        """Yield envelopes whose wait is over, the oldest first."""
        before = now_ns - self.linger_ns
        # Envelopes stand in the order they were opened, so the scan ends at the first young one.
        over = itertools.takewhile(lambda one: not before < one.opened_ns <= now_ns, self._open.values())
        yield from self._sealed(list(over))

    def all(self) -> Iterator[Envelope]:
        """Yield everything, the oldest first."""
        while self._open:
            yield from self._sealed(list(self._open.values()))

    def frames(self) -> int:
        """Count the frames that wait."""
        return sum(len(envelope.frames) for envelope in self._open.values())

    def adapt(self, records_per_s: float, target_per_s: float, *, is_busy: bool = False) -> None:
        """Lengthen the wait when more records leave than the target, shorten it when far fewer do.

        Beyond `linger_max_ms` only while the process has no time to spare: then fuller records are the
        sooner way, because every record costs as much as many frames.
        """
        most_ns = self._busy_ns if is_busy else self._most_ns
        if records_per_s > target_per_s and self.linger_ns <= most_ns:
            raised_ns = int(self.linger_ns * (_RAISE_BUSY if is_busy else _RAISE))
            self.linger_ns = min(most_ns, max(raised_ns, NS_PER_MS))
        elif records_per_s < target_per_s * _CALM or self.linger_ns > most_ns:
            self.linger_ns = max(self._least_ns, int(self.linger_ns / _LOWER))

    def _sealed(self, found: list[Envelope]) -> Iterator[Envelope]:
        for envelope in found:
            # What was handed over meanwhile may have filled and sealed it.
            if self._open.get(envelope.lane) is envelope:
                yield self._seal(envelope.lane)

    def _seal(self, lane: Lane) -> Envelope:
        self.sealed += 1
        return self._open.pop(lane)
