"""Which gaps the agents have declared and not closed, from the end of md.gaps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import confluent_kafka
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, TopicPartition

from cryptoflow.clock import monotonic_s
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, CryptoflowError, StopError
from schemas import decode_md

READ_MAX_RECORDS = 20_000
"""Records read of all partitions together; older gaps are not known then."""

READ_MAX_S = 10.0

_CLOSED = 1
_POLL_S = 0.2
_POLL_RECORDS = 500
_COLUMNS = ("exchange", "market", "native_symbol", "stream", "gap_id", "revision", "cause", "from_ns")
Stream = tuple[str, str, str, str]
"""Exchange, market, native symbol and stream kind."""


@dataclass(frozen=True, slots=True)
class OpenGap:
    """Name a gap that was opened and not closed: `from_ns` is the receive time of the last trusted frame."""

    gap_id: str
    cause: str
    from_ns: int


@dataclass
class Declared:
    """Hold the gaps open by stream, an empty list for a stream of which none is.

    A stream that is missing has none as well when `unknown` is empty; else `unknown` says why it is
    not known.
    """

    streams: dict[Stream, list[OpenGap]] = field(default_factory=dict)
    unknown: str = ""

    def of(self, exchange: str, market: str, symbol: str | None, kinds: Iterable[str]) -> list[OpenGap] | None:
        """Return the open gaps of a symbol's kinds, of all symbols for None; None when that is not known."""
        if symbol is None:
            wanted = set(kinds)
            found = [
                gap
                for (one, other, _, kind), gaps in self.streams.items()
                if (one, other) == (exchange, market) and kind in wanted
                for gap in gaps
            ]
            return found if found or not self.unknown else None
        each = [self.streams.get((exchange, market, symbol, kind)) for kind in kinds]
        found = [gap for gaps in each for gap in gaps or ()]
        return None if not found and self.unknown and None in each else found


def declared(kafka: Kafka) -> Declared:
    """Read the end of md.gaps; joins no group, commits nothing. What keeps it from knowing is told, not raised."""
    if not kafka.bootstrap_servers:
        return Declared(unknown="no broker is configured, and no local stack runs")
    topic = kafka.md_topic("md.gaps")
    deadline_s = monotonic_s() + READ_MAX_S
    consumer = Consumer(
        {
            **kafka.client(),
            "group.id": f"{kafka.prefix}gaps",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
        }
    )
    with contextlib.closing(consumer):
        try:
            starts, is_whole = _starts(consumer, topic, deadline_s)
            read = _read(consumer, topic, starts, deadline_s)
        except confluent_kafka.KafkaException as error:
            return Declared(unknown=f"reading {topic}: {error.args[0].str()}")
        except CryptoflowError as error:
            return Declared(unknown=str(error))
    return Declared(
        read, "" if is_whole else f"what was declared before the oldest record read of {topic} is not known"
    )


def _starts(consumer: Consumer, topic: str, deadline_s: float) -> tuple[dict[int, int], bool]:
    """Return where to begin per partition, and whether that is all that was ever written.

    Raises StopError or KafkaException.
    """
    found = consumer.list_topics(topic, timeout=READ_MAX_S).topics[topic]
    if found.error is not None or not found.partitions:
        raise StopError(f"reading {topic}: there is no such topic")
    most = max(READ_MAX_RECORDS // len(found.partitions), 1)
    starts: dict[int, int] = {}
    for number in found.partitions:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, number), timeout=max(deadline_s - monotonic_s(), _POLL_S)
        )
        starts[number] = max(low, high - most)
    return starts, not any(starts.values())


def _read(consumer: Consumer, topic: str, starts: Mapping[int, int], deadline_s: float) -> dict[Stream, list[OpenGap]]:
    """Read every partition to its end. Raises StopError when that takes too long or a record cannot be read."""
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
    left = set(starts)
    open_by_id: dict[str, tuple[Stream, OpenGap]] = {}
    closed: set[str] = set()
    told: set[Stream] = set()
    while left:
        if monotonic_s() > deadline_s:
            raise StopError(f"reading {topic}: its end was not reached in {READ_MAX_S:.0f} s")
        for message in consumer.consume(_POLL_RECORDS, _POLL_S):
            error = message.error()
            if error is None:
                _take(message.value() or b"", open_by_id, closed, told)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - as below
                left.discard(message.partition())
            elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - local codes have no public name
                raise BrokerAwayError(f"reading {topic}: the broker went away")
    found: dict[Stream, list[OpenGap]] = {stream: [] for stream in told}
    for stream, gap in open_by_id.values():
        # A worker that was killed may write records once more: a gap seen closed stays closed.
        if gap.gap_id not in closed:
            found.setdefault(stream, []).append(gap)
    return found


def _take(value: bytes, opened: dict[str, tuple[Stream, OpenGap]], closed: set[str], told: set[Stream]) -> None:
    try:
        rows = decode_md(value).select(list(_COLUMNS)).to_pylist()
    except (pa.ArrowInvalid, OSError, StopIteration, KeyError) as error:
        raise StopError(f"reading md.gaps: a record cannot be read: {error}") from error
    for row in rows:
        stream = row["exchange"], row["market"], row["native_symbol"], row["stream"]
        if row["revision"] == 0:
            opened[row["gap_id"]] = stream, OpenGap(row["gap_id"], row["cause"], row["from_ns"])
        else:
            closed.add(row["gap_id"])
        if row["revision"] <= _CLOSED:
            # A stream has one open gap at most, so its last row says whether it has.
            told.add(stream)
