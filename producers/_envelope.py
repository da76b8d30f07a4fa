"""Gather consecutive frames of one symbol into raw records: few ms of wait, more under load. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from producers._balance import CountKey
from schemas import encode_raw

NS_PER_MS = 1_000_000
_FRAME_OVERHEAD_BYTES = 1
_RAISE = 1.3
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

    def __post_init__(self) -> None:
        """Spell the Kafka key once."""
        object.__setattr__(self, "key", f"{self.exchange}.{self.market}.{self.symbol}".encode())

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

    def add(self, kind: str, frame: bytes, received_ns: int) -> None:
        """Append one encoded frame."""
        self.frames.append(frame)
        self.kinds.append(kind)
        self.size += len(frame) + _FRAME_OVERHEAD_BYTES
        self.last_ns = received_ns

    def counts(self) -> dict[CountKey, int]:
        """Count the frames by kind."""
        return {self.lane.count_key(kind): count for kind, count in Counter(self.kinds).items()}

    def encode(self) -> bytes:
        """Return the raw record."""
        lane = self.lane
        return encode_raw(lane.exchange, lane.market, lane.symbol, lane.source, self.frames)


class Envelopes:
    """Keep the open envelope of every lane; order within a lane is the order of `add`."""

    def __init__(self, frames_max: int, bytes_max: int, linger_min_ms: float, linger_max_ms: float) -> None:
        """Take the limits; the wait starts at its least."""
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._least_ns = int(linger_min_ms * NS_PER_MS)
        self._most_ns = max(self._least_ns, int(linger_max_ms * NS_PER_MS))
        self.linger_ns = self._least_ns
        self._open: dict[Lane, Envelope] = {}
        self.sealed = 0

    def add(self, lane: Lane, kind: str, frame: bytes, received_ns: int) -> Envelope | None:
        """Append a frame; return the lane's envelope if it is full, to be sent before anything newer."""
        envelope = self._open.get(lane)
        full = None
        if envelope is None:
            envelope = self._open[lane] = Envelope(lane, received_ns)
        elif (
            len(envelope.frames) >= self._frames_max
            or envelope.size + len(frame) + _FRAME_OVERHEAD_BYTES > self._bytes_max
        ):
            full = self._seal(lane)
            envelope = self._open[lane] = Envelope(lane, received_ns)
        envelope.add(kind, frame, received_ns)
        return full

    def due(self, now_ns: int) -> Iterator[Envelope]:
        """Yield envelopes whose wait is over, the oldest first."""
        before = now_ns - self.linger_ns
        # Envelopes stand in the order they were opened, so the scan ends at the first young one.
        while self._open:
            lane, envelope = next(iter(self._open.items()))
            if envelope.opened_ns > before and envelope.opened_ns <= now_ns:
                return
            yield self._seal(lane)

    def all(self) -> Iterator[Envelope]:
        """Yield everything, the oldest first."""
        while self._open:
            yield self._seal(next(iter(self._open)))

    def frames(self) -> int:
        """Count the frames that wait."""
        return sum(len(envelope.frames) for envelope in self._open.values())

    def adapt(self, records_per_s: float, target_per_s: float) -> None:
        """Lengthen the wait when more records leave than the target, shorten it when far fewer do."""
        if records_per_s > target_per_s:
            self.linger_ns = min(self._most_ns, max(int(self.linger_ns * _RAISE), NS_PER_MS))
        elif records_per_s < target_per_s * _CALM:
            self.linger_ns = max(self._least_ns, int(self.linger_ns / _LOWER))

    def _seal(self, lane: Lane) -> Envelope:
        self.sealed += 1
        return self._open.pop(lane)
