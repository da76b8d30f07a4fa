"""Account for every frame: received + recovered = published + dropped + in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cryptoflow import metrics
from exchanges import BOOK_SNAPSHOT, StreamKind
from schemas import RawFrame

CONTROL = "control"
UNROUTED = "unrouted"
STREAM_SNAPSHOT = "book_snapshot.stream"
"""A book snapshot that came on a socket is data; one fetched over REST is our own frame."""

NOT_OURS = "not_ours"
"""Reason of dropping what a whole market's stream says of symbols that are not recorded."""

_PART = ".part"
_DATA = frozenset({*StreamKind, UNROUTED, STREAM_SNAPSHOT})
CLASSES = ("data", CONTROL, "own", "part")


class CountKey(NamedTuple):
    """Say what a count is of: a frame kind in one market."""

    exchange: str
    market: str
    kind: str


def count_kinds(place: tuple[str, str], kinds: Iterable[str]) -> dict[CountKey, int]:
    """Count frames of one place, exchange and market, by kind."""
    return {CountKey(*place, kind): count for kind, count in Counter(kinds).items()}


def part_of(kind: str) -> str:
    """Return what a frame's further parts of a kind are counted as: the frame itself counts once, by its first."""
    return kind + _PART


def frame_kind(counted: str) -> str:
    """Return the frame kind behind what is counted: `trades` of `trades.part`."""
    return counted.partition(".")[0]


def counted_as(frame: RawFrame) -> str:
    """Return what a frame of the log was counted as."""
    if frame.p:
        return part_of(frame.k)
    if frame.k == BOOK_SNAPSHOT and "requested_ns" not in (frame.m or {}):
        return STREAM_SNAPSHOT
    return frame.k


def class_of(kind: str) -> str:
    """Tell data frames (from sockets), their further parts, control frames (answers) and our own frames apart."""
    if kind in _DATA:
        return "data"
    if kind.endswith(_PART):
        return "part"
    return "control" if kind == CONTROL else "own"


class Balance:
    """Count frames; Prometheus follows when `flush` is called, so that counting costs one addition."""

    def __init__(self, shard: str = "0") -> None:
        """Start at zero; `shard` labels the metrics."""
        self.shard = shard
        self.received: Counter[CountKey] = Counter()
        self.recovered: Counter[CountKey] = Counter()
        self.published: Counter[CountKey] = Counter()
        self.dropped: Counter[tuple[CountKey, str]] = Counter()
        self._told: dict[str, Counter[CountKey]] = {
            "received": Counter(),
            "recovered": Counter(),
            "published": Counter(),
        }
        self._told_dropped: Counter[tuple[CountKey, str]] = Counter()

    def publish(self, counts: Mapping[CountKey, int]) -> None:
        """Count frames the broker acknowledged."""
        for key, count in counts.items():
            self.published[key] += count

    def recover(self, counts: Mapping[CountKey, int]) -> None:
        """Count frames found in the spool of an earlier run."""
        for key, count in counts.items():
            self.recovered[key] += count

    def drop(self, counts: Mapping[CountKey, int], reason: str) -> None:
        """Count frames that could not be kept."""
        for key, count in counts.items():
            self.dropped[key, reason] += count

    @property
    def in_flight(self) -> int:
        """Count frames neither published nor dropped yet."""
        return self.received.total() + self.recovered.total() - self.published.total() - self.dropped.total()

    def facts(self) -> dict[str, object]:
        """Return the counts by class; the top level is about data frames from sockets alone.

        `not_ours` are those of `dropped` that nobody wanted.
        """
        by_class = {name: self._counts(name) for name in CLASSES}
        return {**by_class.pop("data"), **by_class}

    def flush(self) -> None:
        """Move the Prometheus counters to where the counts are."""
        counters = {
            "received": metrics.frames_received_total,
            "recovered": metrics.frames_recovered_total,
            "published": metrics.frames_published_total,
        }
        for name, metric in counters.items():
            counts: Counter[CountKey] = getattr(self, name)
            told = self._told[name]
            for key, count in counts.items():
                if count != told[key]:
                    metric.labels(*key, self.shard).inc(count - told[key])
                    told[key] = count
        for (key, reason), count in self.dropped.items():
            more = count - self._told_dropped[key, reason]
            if more:
                metrics.drops_total.labels(*key, self.shard, reason).inc(more)
                self._told_dropped[key, reason] = count
        metrics.frames_in_flight.labels(self.shard).set(self.in_flight)

    def _counts(self, name: str) -> dict[str, int]:
        received = _sum(self.received.items(), name)
        recovered = _sum(self.recovered.items(), name)
        published = _sum(self.published.items(), name)
        dropped = _sum(((key, count) for (key, _), count in self.dropped.items()), name)
        not_ours = _sum(((key, count) for (key, why), count in self.dropped.items() if why == NOT_OURS), name)
        return {
            "received": received,
            "recovered": recovered,
            "published": published,
            "dropped": dropped,
            "not_ours": not_ours,
            "in_flight": received + recovered - published - dropped,
        }


def _sum(counts: Iterable[tuple[CountKey, int]], name: str) -> int:
    return sum(count for key, count in counts if class_of(key.kind) == name)
