"""Read a topic for people: rows of md topics, frames of raw topics, other records as text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import confluent_kafka
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, TopicPartition

from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, ConfigError
from cryptoflow.query import exact
from schemas import decode_md, decode_raw, records, topics

_TIMEOUT_S = 10.0
_POLL_S = 0.2
_POLL_RECORDS = 200
_TEXT_MAX_CHARACTERS = 2000


@dataclass(frozen=True)
class Source:
    """Say what to read: the topic with its prefix, and the record kind to show of a shared one."""

    topic: str
    kind: str = ""


def source_of(kafka: Kafka, name: str) -> Source:
    """Find the topic meant by a table name (`trades`), `md.trades`, `raw.binance` or a full name."""
    if name in records():
        record = records()[name]
        return Source(kafka.md_topic(record.topic), name if len(topics()[record.topic].records) > 1 else "")
    if name in topics():
        return Source(kafka.md_topic(name))
    if name.startswith("raw."):
        return Source(kafka.raw_topic(name.removeprefix("raw.")))
    if name.startswith("state."):
        return Source(kafka.state_topic(name.removeprefix("state.")))
    if name.startswith("control."):
        return Source(kafka.control_topic(name.removeprefix("control.")))
    return Source(name)


def read(
    kafka: Kafka, source: Source, *, from_beginning: bool = False, follow: bool = True
) -> Iterator[dict[str, object]]:
    """Yield what the topic holds, in offset order within a partition; joins no group, commits nothing.

    Without `follow` it ends at the end of the topic as it was at the start. Raises ConfigError when
    there is no such topic, BrokerAwayError when the broker does not answer.
    """
    consumer = Consumer(
        {
            **kafka.client(),
            "group.id": f"{kafka.prefix}tail",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
        }
    )
    with contextlib.closing(consumer):
        left = _assign(consumer, source.topic, from_beginning=from_beginning)
        while follow or any(low < high for low, high in left.values()):
            for message in consumer.consume(_POLL_RECORDS, _POLL_S):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - local codes have no public name
                        raise BrokerAwayError(f"reading {source.topic}: the broker went away")
                    continue
                yield from _shown(message, source)
            positions = consumer.position([TopicPartition(source.topic, number) for number in left])
            for place in positions:
                low, high = left[place.partition]
                left[place.partition] = (max(low, place.offset), high)


def _assign(consumer: Consumer, topic: str, *, from_beginning: bool) -> dict[int, tuple[int, int]]:
    """Start at the beginning or the end; return per partition the first and the next offset."""
    try:
        found = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        if found.error is not None or not found.partitions:
            raise ConfigError(f"reading {topic}: there is no such topic", fix="`cryptoflow topics list` names them")
        bounds = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
            for number in found.partitions
        }
    except confluent_kafka.KafkaException as error:
        text = error.args[0].str()
        raise BrokerAwayError(f"reading {topic}: {text}", fix="check kafka.bootstrap_servers") from error
    starts = {number: low if from_beginning else high for number, (low, high) in bounds.items()}
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
    return {number: (starts[number], high) for number, (_, high) in bounds.items()}


def _shown(message: confluent_kafka.Message, source: Source) -> Iterator[dict[str, object]]:
    value = message.value() or b""
    if dict(message.headers() or []).get("raw_topic") is not None:
        yield from _rows(value, source.kind)
        return
    place = {"partition": message.partition(), "offset": message.offset(), "key": _text(message.key())}
    try:
        record = decode_raw(value)
    except ValueError:
        yield {**place, "value": _text(value)}
        return
    for frame in record.frames:
        yield {
            **place,
            "source": record.source,
            "kind": frame.k,
            "connection": frame.c,
            "frame_no": frame.n,
            "received_ns": frame.t,
            "frame": _text(frame.payload()),
        }


def _rows(value: bytes, kind: str) -> Iterator[dict[str, object]]:
    try:
        batch = decode_md(value)
    except (pa.ArrowInvalid, OSError, StopIteration) as error:
        yield {"unreadable": str(error)}
        return
    for row in batch.to_pylist():
        if kind and row.get("kind") != kind:
            continue
        yield {name: exact(cell) for name, cell in row.items()}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value[:_TEXT_MAX_CHARACTERS].decode("utf-8", "backslashreplace")


def line(row: dict[str, object]) -> str:
    """Return a row as one line of `name=value`, what is null left out."""
    return " ".join(f"{name}={cell}" for name, cell in row.items() if cell is not None)
