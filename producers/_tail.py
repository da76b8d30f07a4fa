"""Follow the end of a raw topic while symbols change hands."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import confluent_kafka

from cryptoflow.config import Settings
from schemas import RawRecord, decode_raw

_BATCH_MAX = 1000
_POLLS_MAX = 20
"""Batches taken in one call, so that a busy log does not hold the loop up."""


class Tail:
    """Read what is appended to a raw topic from now on; use it for as long as a handover lasts."""

    def __init__(self, settings: Settings, exchange: str, partitions: int) -> None:
        """Stand at the end of every partition."""
        self._consumer = confluent_kafka.Consumer(
            {
                **settings.kafka.client(),
                "group.id": f"{settings.kafka.prefix}handover-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 50,
            }
        )
        topic = settings.kafka.raw_topic(exchange)
        end = confluent_kafka.OFFSET_END
        self._consumer.assign([confluent_kafka.TopicPartition(topic, number, end) for number in range(partitions)])

    def poll(self, keys: Collection[bytes]) -> list[RawRecord]:
        """Return the records of these keys that came since, in log order per symbol; does not wait."""
        found: list[RawRecord] = []
        for _ in range(_POLLS_MAX):
            messages = self._consumer.consume(_BATCH_MAX, 0)
            for message in messages:
                if message.error() is not None or message.key() not in keys:
                    continue
                try:
                    found.append(decode_raw(message.value() or b""))
                except (ValueError, RecursionError):
                    continue  # a foreign or damaged record proves nothing
            if len(messages) < _BATCH_MAX:
                break
        return found

    def close(self) -> None:
        """Leave the broker; blocks for a moment."""
        self._consumer.close()
