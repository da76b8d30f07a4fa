"""Learn from the raw log when each stream was last heard, and say what was missed since.

The log is read backwards in growing windows from the end of every partition, until every symbol's
streams were found. Within one partition order is receive order, so the last frame of a stream that
is in the log is the last that was not lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import confluent_kafka
import msgspec

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError
from exchanges import StreamKind
from producers._balance import STREAM_SNAPSHOT, counted_as
from producers._kafka import watermarks
from producers._own import ALIVE
from schemas import Alive, GapEvidence, RawFrame, RawRecord, Switch, decode_raw, feed_of, is_of_feed

Symbol = tuple[str, str]
"""A market and a native symbol, or an index, within one exchange."""

RESTART = "restart"
_KINDS = {kind.value: kind.value for kind in StreamKind} | {STREAM_SNAPSHOT: StreamKind.BOOK.value}
_FIRST_WINDOW_RECORDS = 500
_GROWTH = 4
_READ_TIMEOUT_S = 20.0
_BATCH_MAX = 1000


_alive = msgspec.json.Decoder(Alive)
_switch = msgspec.json.Decoder(Switch)


def stream_of(frame: RawFrame) -> str:
    """Return the stream kind that a frame of the log proves to have been served; "" for our own frames.

    A book snapshot that came on the socket proves the book stream, one fetched over REST proves nothing.
    """
    return _KINDS.get(counted_as(frame).removesuffix(".part"), "")


def alive_of(frame: RawFrame) -> Alive | None:
    """Read an `alive` frame; None when it cannot be."""
    try:
        return _alive.decode(frame.payload())
    except (ValueError, RecursionError):
        return None


def switch_of(frame: RawFrame) -> Switch | None:
    """Read a `switch` frame; None when it cannot be."""
    try:
        return _switch.decode(frame.payload())
    except (ValueError, RecursionError):
        return None


def streams_of(frame: RawFrame) -> set[str]:
    """Return the stream kinds that a frame proves to be served, a sign of life included."""
    stream = stream_of(frame)
    if stream:
        return {stream}
    alive = alive_of(frame) if frame.k == ALIVE else None
    return set(alive.streams) if alive is not None else set()


@dataclass
class LastHeard:
    """Collect, per symbol and stream kind, the receive time of the last frame of one feed."""

    exchange: str
    wanted: Mapping[Symbol, frozenset[str]]
    feed: str = ""
    times: dict[Symbol, dict[str, int]] = field(default_factory=dict)
    open_keys: set[bytes] = field(default_factory=set)
    framed: dict[Symbol, set[str]] = field(default_factory=dict)
    oldest_ns: dict[Symbol, int] = field(default_factory=dict)
    newest_ns: dict[Symbol, int] = field(default_factory=dict)
    served_ns: dict[Symbol, int] = field(default_factory=dict)
    """When the newest frame was received, per symbol, that proves one of the streams wanted to be served."""
    ends: dict[int, int] = field(default_factory=dict)
    """The offset after the last record looked at, per partition."""

    def next_window(self) -> bool:
        """Look only for symbols of which something is missing; False when nothing is."""
        self.open_keys = {
            f"{self.exchange}.{market}.{symbol}".encode()
            for (market, symbol), kinds in self.wanted.items()
            if not all(self._settled((market, symbol), kind) for kind in kinds)
        }
        return bool(self.open_keys)

    def _settled(self, key: Symbol, kind: str) -> bool:
        """Tell whether no older record can say more about a stream.

        Its own last frame was seen, or the log was read back to the time an `alive` frame vouches for:
        between the two a frame of the stream may stand.
        """
        if kind in self.framed.get(key, ()):
            return True
        heard_ns = self.times.get(key, {}).get(kind)
        return heard_ns is not None and self.oldest_ns[key] <= heard_ns

    def take(self, record: RawRecord) -> None:
        """Take one record's frames, in any order of records."""
        key = record.market, record.symbol
        if key not in self.wanted:
            return
        times = self.times.setdefault(key, {})
        framed = self.framed.setdefault(key, set())
        for frame in record.frames:
            # The log is read back in time, whoever wrote; only our own feed tells what our feed missed.
            self.oldest_ns[key] = min(frame.t, self.oldest_ns.get(key, frame.t))
            if not is_of_feed(feed_of(frame.c), self.feed):
                continue
            self.newest_ns[key] = max(frame.t, self.newest_ns.get(key, frame.t))
            served = streams_of(frame)
            if not served.isdisjoint(self.wanted[key]):
                self.served_ns[key] = max(frame.t, self.served_ns.get(key, 0))
            stream = stream_of(frame)
            if stream:
                framed.add(stream)
                times[stream] = max(frame.t, times.get(stream, 0))
            elif frame.k == ALIVE:
                self._take_alive(times, frame)

    def evidence(self) -> Iterable[tuple[Symbol, GapEvidence]]:
        """Yield what is to be declared while nothing is subscribed yet: each stream's next frame ends it."""
        for key in self.newest_ns:
            for missed in self.missed(key, dict.fromkeys(self.wanted[key], 0)):
                yield key, missed

    def missed(self, key: Symbol, to_ns: Mapping[str, int]) -> Iterable[GapEvidence]:
        """Yield what is to be declared of these kinds of a symbol: from the last frame to since when it flows again.

        A stream without a frame of its own is missed from the symbol's last frame of any kind: all
        frames of a symbol are published in the order received, so none before that was lost. A symbol
        without any frame has no gap.
        """
        newest_ns = self.newest_ns.get(key)
        if newest_ns is None:
            return
        by_time: dict[tuple[int, int], list[str]] = {}
        for kind in sorted(to_ns):
            heard_ns = self.times.get(key, {}).get(kind, newest_ns)
            by_time.setdefault((heard_ns, to_ns[kind]), []).append(kind)
        for (heard_ns, until_ns), kinds in sorted(by_time.items()):
            yield GapEvidence(cause=RESTART, streams=tuple(kinds), from_ns=heard_ns, to_ns=until_ns)

    @staticmethod
    def _take_alive(times: dict[str, int], frame: RawFrame) -> None:
        alive = alive_of(frame)
        if alive is None:
            return
        for kind in alive.streams:
            # An idle stream is proven only up to the silence its watchdog allows.
            times[kind] = max(frame.t - alive.silence_limit_ns, times.get(kind, 0))


def last_heard(
    settings: Settings, exchange: str, partitions: int, wanted: Mapping[Symbol, frozenset[str]]
) -> LastHeard:
    """Read the log's end; blocks, so call it in a thread.

    A symbol not found within `producer.restart_scan_max_records` was never recorded, as far as is
    known, and has no gap. Raises BrokerAwayError when the broker stops answering.
    """
    heard = LastHeard(exchange, wanted, settings.producer.feed)
    topic = settings.kafka.raw_topic(exchange)
    consumer = confluent_kafka.Consumer(
        {
            **settings.kafka.client(),
            "group.id": f"{settings.kafka.prefix}producer-restart",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "allow.auto.create.topics": False,
        }
    )
    try:
        spans = {p: watermarks(consumer, topic, p, _READ_TIMEOUT_S) for p in range(partitions)}
        heard.ends = {p: high for p, (_, high) in spans.items()}
        window = _FIRST_WINDOW_RECORDS
        read = 0
        while read < settings.producer.restart_scan_max_records and heard.next_window():
            window = min(window, settings.producer.restart_scan_max_records - read)
            chunks = {p: (max(low, high - window), high) for p, (low, high) in spans.items() if high > low}
            if not chunks:
                break
            _read(consumer, topic, chunks, heard)
            spans |= {p: (spans[p][0], start) for p, (start, _) in chunks.items()}
            read += window
            window *= _GROWTH
    finally:
        consumer.close()
    return heard


def _read(
    consumer: confluent_kafka.Consumer, topic: str, chunks: Mapping[int, tuple[int, int]], heard: LastHeard
) -> None:
    consumer.assign([confluent_kafka.TopicPartition(topic, p, start) for p, (start, _) in chunks.items()])
    left = set(chunks)
    deadline = clock.monotonic_s() + _READ_TIMEOUT_S
    while left:
        for message in consumer.consume(_BATCH_MAX, 0.2):
            deadline = clock.monotonic_s() + _READ_TIMEOUT_S
            partition = message.partition()
            if message.error() is None and partition in left and (message.offset() or 0) < chunks[partition][1]:
                _take(heard, message.key(), message.value())
        # Positions, not offsets: the log may end in control records that are never delivered.
        for place in consumer.position([confluent_kafka.TopicPartition(topic, p) for p in left]):
            if place.offset >= chunks[place.partition][1]:
                left.discard(place.partition)
        if clock.monotonic_s() > deadline:
            raise BrokerAwayError(f"reading the end of {topic}: no answer within {_READ_TIMEOUT_S:g} s")


def _take(heard: LastHeard, key: bytes | None, value: bytes | None) -> None:
    if key not in heard.open_keys:
        return  # another producer's symbol, or one whose streams were found nearer to the end
    try:
        heard.take(decode_raw(value or b""))
    except (ValueError, RecursionError):
        return  # a foreign or damaged record says nothing about our streams
