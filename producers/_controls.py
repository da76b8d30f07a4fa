"""Read and write compacted control topics: what people ask of running producers, kept over restarts.

A control topic is a table of one partition: the newest value of each key counts, an empty one deletes
it. A topic that does not exist is an empty table.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

import confluent_kafka

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, UnreachableError
from producers._kafka import watermarks

TIMEOUT_S = 15.0
_BATCH_MAX = 500


class ControlTable:
    """Follow one control topic. `load` reads all of it and blocks; `poll` returns what came since and does not."""

    def __init__(self, settings: Settings, name: str, timeout_s: float = TIMEOUT_S) -> None:
        """Take the topic; nothing is reached yet."""
        self._settings = settings
        self._timeout_s = timeout_s
        self.topic = settings.kafka.control_topic(name)
        self._consumer: confluent_kafka.Consumer | None = None

    def load(self) -> dict[str, bytes]:
        """Return the table as it stands; call it once, in a thread. Raises BrokerAwayError."""
        consumer = confluent_kafka.Consumer(
            {
                **self._settings.kafka.client(),
                "group.id": f"{self._settings.kafka.prefix}control-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "allow.auto.create.topics": False,
            }
        )
        try:
            found = consumer.list_topics(self.topic, timeout=self._timeout_s).topics[self.topic]
            if found.error is not None or not found.partitions:
                consumer.close()
                return {}
            self._consumer = consumer
            place = confluent_kafka.TopicPartition(self.topic, 0, confluent_kafka.OFFSET_BEGINNING)
            _, end = watermarks(consumer, self.topic, 0, self._timeout_s)
            consumer.assign([place])
            return self._read_to(end)
        except confluent_kafka.KafkaException as error:
            raise BrokerAwayError(f"reading {self.topic}: {error.args[0].str()}") from error

    def poll(self) -> list[tuple[str, bytes]]:
        """Return the changes since the last call, in order; an empty value deletes its key."""
        return list(self._taken(0.0)) if self._consumer is not None else []

    def close(self) -> None:
        """Leave the broker; blocks for a moment."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _read_to(self, end: int) -> dict[str, bytes]:
        table: dict[str, bytes] = {}
        deadline_s = clock.monotonic_s() + self._timeout_s
        while self._consumer is not None and end:
            for key, value in self._taken(0.2):
                if value:
                    table[key] = value
                else:
                    table.pop(key, None)
            # The position passes records that compaction removed, which are never delivered.
            if self._consumer.position([confluent_kafka.TopicPartition(self.topic, 0)])[0].offset >= end:
                break
            if clock.monotonic_s() > deadline_s:
                raise BrokerAwayError(f"reading {self.topic}: no answer within {self._timeout_s:g} s")
        return table

    def _taken(self, timeout_s: float) -> Iterator[tuple[str, bytes]]:
        if self._consumer is None:
            return
        for message in self._consumer.consume(_BATCH_MAX, timeout_s):
            if message.error() is None:
                yield (message.key() or b"").decode("utf-8", "replace"), message.value() or b""


def write(settings: Settings, name: str, changes: Mapping[str, bytes]) -> None:
    """Write keys of a control topic and wait until the broker has them; blocks.

    An empty value deletes a key. Raises ConfigError when the topic does not exist, UnreachableError
    when the broker does not take it in time.
    """
    topic = settings.kafka.control_topic(name)
    failed: list[str] = []

    def told(error: confluent_kafka.KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error.str())

    producer = confluent_kafka.Producer(
        {
            **settings.kafka.client(),
            "acks": "all",
            "enable.idempotence": True,
            "allow.auto.create.topics": False,
            "message.timeout.ms": int(TIMEOUT_S * 1000),
        }
    )
    try:
        found = producer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    except confluent_kafka.KafkaException as error:
        raise UnreachableError(
            f"writing {topic}: {error.args[0].str()}", fix="check kafka.bootstrap_servers and that the broker runs"
        ) from error
    if found.error is not None or not found.partitions:
        raise ConfigError(f"writing {topic}: it does not exist", fix="run `cryptoflow topics apply`")
    for key, value in changes.items():
        producer.produce(topic, value or None, key.encode(), partition=0, on_delivery=told)
    left = producer.flush(TIMEOUT_S)
    if failed or left:
        raise UnreachableError(
            f"writing {topic}: {failed[0] if failed else 'no answer'}", fix="check that the broker runs"
        )
