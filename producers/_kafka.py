"""Configure the Kafka clients of a producer and check the topics they need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, cast

import confluent_kafka

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, IdentityError

METADATA_TIMEOUT_S = 15.0
_QUEUE_MARGIN = 2
_RETRY_S = 0.1


class Client(Protocol):
    """Be what the publisher needs of confluent_kafka.Producer."""

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        """Queue a record; raises BufferError when the queue is full, KafkaException when it is refused."""
        ...

    def poll(self, timeout: float) -> int:
        """Run delivery callbacks."""
        ...

    def purge(self, *, in_queue: bool, in_flight: bool) -> None:
        """Forget what was not delivered."""
        ...


def producer_settings(settings: Settings) -> dict[str, str | int | float | bool]:
    """Return settings under which order holds and nothing expires.

    Messages never time out: the spool in front bounds them. Gapless delivery means that a record
    that fails for good stops the producer instead of leaving a hole behind it.
    """
    own = settings.producer
    return {
        **settings.kafka.client(),
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "partitioner": "murmur2_random",
        "compression.type": settings.kafka.compression,
        "message.timeout.ms": 0,
        "message.max.bytes": settings.kafka.message_max_bytes,
        "linger.ms": 2,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": own.in_flight_max_records * _QUEUE_MARGIN,
        "queue.buffering.max.kbytes": max(own.in_flight_max_bytes * _QUEUE_MARGIN // 1024, 1024),
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
    }


def connect(settings: Settings) -> Client:
    """Make the idempotent producer."""
    return cast(Client, confluent_kafka.Producer(producer_settings(settings)))


def check_topic(settings: Settings, topic: str) -> int:
    """Return the partition count of a raw topic.

    Raises ConfigError, BrokerAwayError or IdentityError in one line when it cannot be produced to.
    """
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            "reaching the broker: kafka.bootstrap_servers is not set", fix="set it, or run `cryptoflow up`"
        )
    client = confluent_kafka.Producer(settings.kafka.client())
    try:
        found = client.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics[topic]
    except confluent_kafka.KafkaException as error:
        raise BrokerAwayError(
            f"reaching the broker {settings.kafka.bootstrap_servers}: {error.args[0].str()}",
            fix="check kafka.bootstrap_servers and that the broker runs",
        ) from error
    if found.error is not None or not found.partitions:
        raise ConfigError(f"reaching topic {topic}: it does not exist", fix="run `cryptoflow topics apply`")
    if len(found.partitions) != settings.kafka.partitions:
        raise IdentityError(
            f"reaching topic {topic}: it has {len(found.partitions)} partitions, not {settings.kafka.partitions}",
            fix=f"set kafka.partitions: {len(found.partitions)}",
        )
    return len(found.partitions)


def watermarks(consumer: confluent_kafka.Consumer, topic: str, partition: int, timeout_s: float) -> tuple[int, int]:
    """Return the first offset of a partition and the one after its last; blocks.

    Tries again for so long: right after a topic was made or a broker came back, leaders are still being
    told. Raises BrokerAwayError.
    """
    place = confluent_kafka.TopicPartition(topic, partition)
    deadline_s = clock.monotonic_s() + timeout_s
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=timeout_s)
        except confluent_kafka.KafkaException as error:
            if clock.monotonic_s() > deadline_s:
                raise BrokerAwayError(f"reading the end of {topic}: {error.args[0].str()}") from error
            time.sleep(_RETRY_S)
