"""Follow the end of a raw topic while symbols change hands."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping

import confluent_kafka

from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError
from schemas import RawRecord, decode_raw

_BATCH_MAX = 1000
_POLLS_MAX = 20
"""Batches taken in one call, so that a busy log does not hold the loop up."""

_TIMEOUT_S = 10.0
_NS_PER_MS = 1_000_000


def places(
    consumer: confluent_kafka.Consumer, topic: str, partitions: int, since_ns: int = 0
) -> list[confluent_kafka.TopicPartition]:
    """Return where every partition ends now, or its first record of a time on; blocks. Raises BrokerAwayError.

    To assign the end by name would stand there only once the broker has answered, behind what came meanwhile.
    """
    end = confluent_kafka.OFFSET_END
    at = since_ns // _NS_PER_MS if since_ns else end
    asked = [confluent_kafka.TopicPartition(topic, number, at) for number in range(partitions)]
    try:
        found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
        # A time that no record has reached is answered by no offset: the end as it is.
        late = [confluent_kafka.TopicPartition(topic, one.partition, end) for one in found if one.offset < 0]
        ends = consumer.offsets_for_times(late, timeout=_TIMEOUT_S) if late else []
    except confluent_kafka.KafkaException as error:
        raise BrokerAwayError(f"reading the end of {topic}: {error.args[0].str()}") from error
    return [one for one in found if one.offset >= 0] + ends


class Tail:
    """Read what is appended to a raw topic from a moment on; use it for as long as a handover lasts."""

    def __init__(self, settings: Settings, exchange: str, partitions: int, start: Mapping[int, int]) -> None:
        """Stand at these offsets, at the end of every other partition. Raises BrokerAwayError.

        It blocks, so call it in a thread.
        """
        topic = settings.kafka.raw_topic(exchange)
        self._consumer = confluent_kafka.Consumer(
            {
                **settings.kafka.client(),
                "group.id": f"{settings.kafka.prefix}handover-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 50,
            }
        )
        try:
            ends = places(self._consumer, topic, partitions) if len(start) < partitions else []
            later = [one for one in ends if one.partition not in start]
            read = [confluent_kafka.TopicPartition(topic, number, offset) for number, offset in start.items()]
            self._consumer.assign(read + later)
        except BrokerAwayError:
            self._consumer.close()
            raise

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
