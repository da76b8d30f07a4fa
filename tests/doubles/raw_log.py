"""Read a raw topic back and look at it frame by frame."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from dataclasses import dataclass

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

from cryptoflow.config import Settings
from schemas import RawFrame, RawRecord, decode_raw

PARTITIONS = 4


@dataclass(frozen=True)
class Placed:
    """Hold one record and where it stands."""

    partition: int
    offset: int
    key: str
    record: RawRecord


def make_topics(settings: Settings) -> None:
    """Create the topics a producer needs."""
    admin = AdminClient(settings.kafka.client())
    names = [(settings.kafka.raw_topic("binance"), PARTITIONS), (settings.kafka.control_topic("reseed"), 1)]
    for future in admin.create_topics([NewTopic(name, count, 1) for name, count in names]).values():
        future.result(20)
    _await_leaders(settings)


def _await_leaders(settings: Settings, deadline_s: float = 20.0) -> None:
    """Wait until every partition answers: right after its creation a topic has no leaders."""
    topic = settings.kafka.raw_topic("binance")
    consumer = confluent_kafka.Consumer({**settings.kafka.client(), "group.id": str(uuid.uuid4())})
    deadline = time.monotonic() + deadline_s
    try:
        for number in range(PARTITIONS):
            while True:
                try:
                    consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number), timeout=5)
                    break
                except confluent_kafka.KafkaException:
                    assert time.monotonic() < deadline, "no leader"
                    time.sleep(0.1)
    finally:
        consumer.close()


def read_log(settings: Settings, deadline_s: float = 20.0) -> list[Placed]:
    """Return every record up to the end as it is now, partition by partition."""
    topic = settings.kafka.raw_topic("binance")
    consumer = confluent_kafka.Consumer({**settings.kafka.client(), "group.id": str(uuid.uuid4())})
    try:
        places = [confluent_kafka.TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=deadline_s)[1] for place in places}
        consumer.assign(places)
        found: dict[int, list[Placed]] = defaultdict(list)
        deadline = time.monotonic() + deadline_s
        while any(place.offset < ends[place.partition] for place in consumer.position(places) if ends[place.partition]):
            assert time.monotonic() < deadline, "the log's end was not reached"
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None
                value, key = message.value() or b"", (message.key() or b"").decode()
                placed = Placed(message.partition() or 0, message.offset() or 0, key, decode_raw(value))
                found[placed.partition].append(placed)
    finally:
        consumer.close()
    return [placed for partition in sorted(found) for placed in found[partition]]


def frames_of(log: list[Placed], symbol: str) -> list[RawFrame]:
    """Return a symbol's frames in log order."""
    return [frame for placed in log if placed.record.symbol == symbol for frame in placed.record.frames]
