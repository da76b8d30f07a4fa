"""Hand raw records to Kafka in order; keep them in the spool while the broker is behind or away.

One queue with three parts: records handed to librdkafka and not acknowledged, records in the spool,
records still to come. While anything in the spool was not read, everything newer goes behind it.
When spooling begins, the unacknowledged records are written to the spool first, so SIGKILL during an
outage loses none of them; the agents drop what is delivered twice by its frame identity.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import confluent_kafka
import msgspec

from cryptoflow import clock, events
from cryptoflow.errors import StopError
from cryptoflow.failpoint import fail_point
from producers._balance import Balance, CountKey, count_kinds
from producers._envelope import Envelope, Lane
from producers._holes import Hole, Holes
from producers._kafka import Client
from producers._own import GAP, OwnFrames
from producers._policy import Policies
from producers._spool import Position, Spool
from schemas import decode_raw

FULL = "spool_full"
SAMPLED = "sample"
OLDEST = "drop_oldest"
OVERSIZE = "oversize"
_DRAIN_MAX_RECORDS = 500
_ANNOUNCE_BELOW = 0.9
_REWRITES_MAX = 64
_SAMPLED_HOLE_NS = 1_000_000_000


class SpoolRecord(msgspec.Struct, array_like=True):
    """Be what one spool entry holds: a Kafka record and its counts."""

    topic: str
    key: bytes
    value: bytes
    counts: list[tuple[str, str, str, int]]

    def count_keys(self) -> dict[CountKey, int]:
        """Return the counts as the balance keeps them."""
        return {CountKey(*key): count for *key, count in self.counts}

    def place_and_kinds(self) -> tuple[tuple[str, str], list[str]]:
        """Return exchange and market, which one record has once, and the kind of every frame."""
        exchange, market = self.counts[0][:2]
        return (exchange, market), [kind for *_, kind, count in self.counts for _ in range(count)]


@dataclass(slots=True, eq=False)
class _Sent:
    topic: str
    key: bytes
    value: bytes
    place: tuple[str, str]
    kinds: Iterable[str]
    sent_s: float
    position: Position | None
    done: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SpoolRecord).decode


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what is unacknowledged."""

    in_flight_max_bytes: int
    in_flight_max_records: int
    spool_after_s: float
    record_max_bytes: int


class Publisher:
    """Deliver envelopes in the order of `accept`; never blocks and never raises for a slow broker."""

    def __init__(  # noqa: PLR0913, PLR0917 - it connects this many parts
        self,
        client: Client,
        topic_of: Callable[[str], str],
        spool: Spool,
        policies: Policies,
        limits: Limits,
        balance: Balance,
        on_drop: Callable[[Lane, Hole], None] = lambda _lane, _hole: None,
        feed: str = "",
    ) -> None:
        """Start behind whatever an earlier run left in the spool."""
        self._client = client
        self._topic_of = topic_of
        self._spool = spool
        self._policies = policies
        self._limits = limits
        self._balance = balance
        self._on_drop = on_drop
        self._unacked: deque[_Sent] = deque()
        self._in_flight_bytes = 0
        self._acked: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._topics: dict[str, str] = {}
        self._holes = Holes()
        self._hole_frames = OwnFrames(feed)
        self._thin_frames = OwnFrames(feed)
        self._spooled_records = 0
        self._damages = 0
        self._before_damage = b""
        self.failure: StopError | None = None
        self.spooling = spool.has_unread()
        self.room = asyncio.Event()
        if not self.spooling:
            self.room.set()

    @property
    def occupancy(self) -> float:
        """Return the larger share of the in-flight limits in use."""
        return max(
            self._in_flight_bytes / self._limits.in_flight_max_bytes,
            len(self._unacked) / self._limits.in_flight_max_records,
        )

    @property
    def idle(self) -> bool:
        """Tell whether everything accepted was acknowledged and no hole waits to be told."""
        return not self._unacked and not self.spooling and not self._holes

    @property
    def unacknowledged(self) -> int:
        """Count the records in flight."""
        return len(self._unacked)

    def take_damage(self) -> int | None:
        """Return the time of the last frame before damage found in the spool, once; None for no damage."""
        if self._spool.damages == self._damages:
            return None
        self._damages = self._spool.damages
        return decode_raw(self._before_damage).frames[-1].t if self._before_damage else 0

    def accept(self, envelope: Envelope) -> None:
        """Take an envelope; afterwards it is in flight, in the spool, or in a declared hole."""
        if self._holes and (hole := self._holes.get(envelope.lane)) is not None and self._is_due(hole):
            self._prepend_gap(envelope, hole)
        if not self.spooling and self._is_full():
            self._begin_spooling("in-flight limit reached")
        if not self.spooling:
            self._send_envelope(envelope)
        else:
            self._spill(envelope)

    def pump(self) -> None:
        """Run deliveries, notice a stalled broker, drain the spool; call this every few milliseconds."""
        self._client.poll(0)
        self._settle()
        stalled = bool(self._unacked) and clock.monotonic_s() - self._unacked[0].sent_s > self._limits.spool_after_s
        if stalled and not self.spooling:
            self._begin_spooling("no acknowledgement")
        if self.spooling and not stalled:
            self._drain()
        if self._holes and (not self.spooling or self._spool.occupancy < _ANNOUNCE_BELOW):
            for lane in self._holes.lanes():
                hole = self._holes.get(lane)
                if hole is not None and self._is_due(hole):
                    self.accept(Envelope(lane, clock.now_ns()))

    async def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered in time and leave the rest in the spool for the next run."""
        deadline = clock.monotonic_s() + timeout_s
        while not self.idle and self.failure is None and clock.monotonic_s() < deadline:
            self.pump()
            await asyncio.sleep(0.005)
        self._client.purge(in_queue=True, in_flight=True)
        for record in self._unacked:
            if not record.done and record.position is None:
                # With unread records in the spool these would come after what is newer than they are.
                record.position = None if self.spooling else self._spool.append(_spool_bytes(record))
                if record.position is None:
                    self._balance.drop(count_kinds(record.place, record.kinds), FULL)
        self._spool.close()

    def _is_full(self) -> bool:
        limits = self._limits
        return len(self._unacked) >= limits.in_flight_max_records or self._in_flight_bytes >= limits.in_flight_max_bytes

    def _send_envelope(self, envelope: Envelope) -> None:
        value = envelope.encode()
        if len(value) > self._limits.record_max_bytes:
            self._drop(envelope, OVERSIZE)
            return
        self._kept(envelope)
        self._send(self._record(envelope, value, clock.monotonic_s()))

    def _record(self, envelope: Envelope, value: bytes, sent_s: float) -> _Sent:
        lane = envelope.lane
        topic = self._topics.get(lane.exchange)
        if topic is None:
            topic = self._topics[lane.exchange] = self._topic_of(lane.exchange)
        return _Sent(topic, lane.key, value, lane.place, envelope.kinds, sent_s, None)

    def _send(self, record: _Sent) -> None:
        fail_point("producer.before_send")
        try:
            self._client.produce(record.topic, record.value, record.key, on_delivery=partial(self._delivered, record))
        except (confluent_kafka.KafkaException, BufferError) as error:
            # The queue is larger than our own limits, so this is no back-pressure but a refusal.
            self.failure = StopError(f"producing to {record.topic}: {error}", fix="see the broker's log")
        self._unacked.append(record)
        self._in_flight_bytes += len(record.value)
        fail_point("producer.after_send")

    def _delivered(self, record: _Sent, error: object, _message: object) -> None:
        if error is not None:
            self.failure = self.failure or StopError(
                f"delivering to {record.topic}: {error}", fix="see the broker's log"
            )
            return
        record.done = True
        self._in_flight_bytes -= len(record.value)
        record.value = b""
        # Counted in `_settle`, many records at once.
        self._acked[record.place].extend(record.kinds)

    def _settle(self) -> None:
        for place, kinds in self._acked.items():
            self._balance.publish(count_kinds(place, kinds))
            kinds.clear()
        released: Position | None = None
        while self._unacked and self._unacked[0].done:
            position = self._unacked.popleft().position
            released = position or released
        if released is not None:
            self._spool.release(released)

    def _begin_spooling(self, reason: str) -> None:
        self.spooling = True
        self.room.clear()
        events.SpoolStarted(reason=reason, unacknowledged_records=len(self._unacked)).emit()
        self._spooled_records = 0
        for record in self._unacked:
            if record.position is None and not record.done:
                record.position = self._spool.append(_spool_bytes(record))
        self._spool.skip_read()

    def _drain(self) -> None:
        for _ in range(_DRAIN_MAX_RECORDS):
            if self.occupancy >= 0.5:  # noqa: PLR2004 - half the limit keeps both sides busy
                return
            found = self._spool.read()
            if found is None:
                self.spooling = False
                self.room.set()
                events.SpoolDrained(records=self._spooled_records).emit()
                return
            position, payload = found
            record = _decode(payload)
            if self._spool.damages == self._damages:
                self._before_damage = record.value
            counts = record.count_keys()
            if position.segment < self._spool.first_own_segment:
                self._balance.recover(counts)
            self._spooled_records += 1
            place, kinds = record.place_and_kinds()
            self._send(_Sent(record.topic, record.key, record.value, place, kinds, clock.monotonic_s(), position))

    def _spill(self, envelope: Envelope) -> None:
        dropped = self._policies.sample(envelope)
        if dropped:
            self._lose(envelope, [k for k, _ in dropped], [f for _, f in dropped], SAMPLED)
            if not envelope.frames:
                return
        record = self._record(envelope, envelope.encode(), 0.0)
        if len(record.value) > self._limits.record_max_bytes:
            self._drop(envelope, OVERSIZE)
            return
        payload = _spool_bytes(record)
        position = self._spool.append(payload)
        rewrites = 0
        while position is None and self._policies.drops_oldest and rewrites < _REWRITES_MAX:
            rewrites += 1
            if not self._spool.rewrite_oldest(self._thin):
                break
            position = self._spool.append(payload)
        if position is None:
            self._drop(envelope, FULL)
        else:
            self._kept(envelope)

    def _thin(self, payload: bytes) -> bytes | None:
        record = _decode(payload)
        thinned = self._policies.thin(record.value, self._thin_frames)
        if thinned is None:
            return payload
        value, taken = thinned
        exchange, market = record.counts[0][:2]
        lost = Counter({CountKey(exchange, market, kind): count for kind, count in taken.items()})
        self._balance.drop(lost, OLDEST)
        gap = CountKey(exchange, market, GAP)
        self._balance.received[gap] += 1
        left = Counter(record.count_keys())
        left.subtract(lost)
        left[gap] += 1
        kept = {key: count for key, count in left.items() if count > 0}
        return _encode(SpoolRecord(record.topic, record.key, value, [(*key, count) for key, count in kept.items()]))

    def _prepend_gap(self, envelope: Envelope, hole: Hole) -> None:
        frame, _ = self._hole_frames.gap(hole.evidence("frames dropped while the broker was away"))
        envelope.frames.insert(0, frame)
        envelope.kinds.insert(0, GAP)
        envelope.size += len(frame)
        envelope.announces = True

    def _is_due(self, hole: Hole) -> bool:
        # Sampling drops something of every envelope: its holes are told once a second, not each time.
        return not hole.sampled or not self.spooling or hole.to_ns - hole.from_ns > _SAMPLED_HOLE_NS

    def _kept(self, envelope: Envelope) -> None:
        if envelope.announces:
            self._balance.received[envelope.lane.count_key(GAP)] += 1
        self._holes.kept(envelope)

    def _drop(self, envelope: Envelope, reason: str) -> None:
        if envelope.announces:
            del envelope.frames[0], envelope.kinds[0]
        self._lose(envelope, envelope.kinds, envelope.frames, reason)

    def _lose(self, envelope: Envelope, kinds: list[str], frames: list[bytes], reason: str) -> None:
        fresh = self._holes.get(envelope.lane) is None
        hole = self._holes.drop(envelope.lane, kinds, frames, envelope.first_ns, envelope.last_ns)
        hole.sampled = hole.sampled and reason == SAMPLED
        self._balance.drop({envelope.lane.count_key(kind): n for kind, n in Counter(kinds).items()}, reason)
        if fresh:
            events.FramesDropped(reason=reason, symbol=envelope.lane.symbol).emit()
        self._on_drop(envelope.lane, hole)


def _spool_bytes(record: _Sent) -> bytes:
    counts = [(*key, count) for key, count in count_kinds(record.place, record.kinds).items()]
    return _encode(SpoolRecord(record.topic, record.key, record.value, counts))
