"""Ask the broker about raw partitions: ids, offsets, the next record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import confluent_kafka
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from typing_extensions import override

from agents._owner import Log
from agents._position import Identity, Span
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, StopError

_NO_ID = "unknown"
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # theirs has no types
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # theirs has no types


class KafkaLog(Log):
    """Answer from the broker, never from a cache. Every call but the awaited ones blocks."""

    def __init__(self, kafka: Kafka, timeout_s: float) -> None:
        """Connect lazily; `timeout_s` limits each question."""
        self._kafka = kafka
        self._timeout_s = timeout_s
        self._admin = AdminClient(kafka.client())

    def partition_counts(self) -> dict[str, int]:
        """Return every topic with its number of partitions. Raises BrokerAwayError."""
        try:
            found = self._admin.list_topics(timeout=self._timeout_s).topics
        except confluent_kafka.KafkaException as error:
            raise _told("asking for topics", error) from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def identities(self, topics: Iterable[str]) -> dict[str, Identity]:
        """Return the ids of topics. Raises BrokerAwayError, or StopError when one does not exist."""
        try:
            metadata = self._admin.list_topics(timeout=self._timeout_s)
            cluster = str(metadata.cluster_id)
            return {topic: self._identity(topic, cluster) for topic in topics}
        except confluent_kafka.KafkaException as error:
            raise _told("asking for topic ids", error) from error

    def _identity(self, topic: str, cluster: str) -> Identity:
        asked = self._admin.describe_topics(confluent_kafka.TopicCollection([topic]), request_timeout=self._timeout_s)
        try:
            described = asked[topic].result(self._timeout_s)
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() != confluent_kafka.KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001 - its public name
                raise
            # librdkafka's mock broker, for demos only, has no topic ids.
            partitions = self._admin.list_topics(topic, timeout=self._timeout_s).topics[topic].partitions
            return Identity(cluster, _NO_ID, len(partitions))
        return Identity(cluster, str(described.topic_id), len(described.partitions))

    def ends(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the end offsets of partitions. Raises BrokerAwayError."""
        return self._offsets(partitions, _LATEST)

    def spans(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Span]:
        """Return the offsets partitions have. Raises BrokerAwayError."""
        begins = self._offsets(partitions, _EARLIEST)
        ends = self.ends(partitions)
        return {partition: Span(begins[partition], ends[partition]) for partition in partitions}

    def _offsets(self, partitions: Sequence[tuple[str, int]], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        asked = {TopicPartition(topic, number): spec for topic, number in partitions}
        try:
            answers = self._admin.list_offsets(asked, request_timeout=self._timeout_s)
            return {(at.topic, at.partition): answer.result(self._timeout_s).offset for at, answer in answers.items()}
        except (confluent_kafka.KafkaException, TimeoutError) as error:
            raise _told("asking for offsets", error) from error

    @override
    async def span(self, topic: str, partition: int) -> Span:
        """Return the offsets one partition has."""
        spans = await asyncio.get_running_loop().run_in_executor(None, self.spans, [(topic, partition)])
        return spans[topic, partition]

    @override
    async def next_offset(self, topic: str, partition: int, offset: int) -> int:
        """Return the offset of the first record at or after `offset`."""
        return await asyncio.get_running_loop().run_in_executor(None, self._peek, topic, partition, offset)

    def _peek(self, topic: str, partition: int, offset: int) -> int:
        consumer = confluent_kafka.Consumer(
            {**self._kafka.client(), "group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error"}
        )
        try:
            consumer.assign([TopicPartition(topic, partition, offset)])
            found = consumer.poll(self._timeout_s)
            if found is None or found.error() or (at := found.offset()) is None:
                raise BrokerAwayError(f"looking for the record after offset {offset} of {topic}/{partition}")
            return at
        finally:
            consumer.close()


def _told(doing: str, error: Exception) -> BrokerAwayError | StopError:
    if isinstance(error, TimeoutError):
        return BrokerAwayError(f"{doing}: no answer")
    cause = error.args[0]
    if cause.code() == confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
        return StopError(f"{doing}: {cause.str()}", fix="create the topics: `cryptoflow topics apply`")
    return BrokerAwayError(f"{doing}: {cause.str()}")
