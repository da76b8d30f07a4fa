"""Read md topics without a consumer group: positions come from the store, partitions from the replica index.

Partition p belongs to replica `p % sink_count`. A group would move partitions while a store is
being written; here two replicas by mistake are harmless, because the store's positions decide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicCollection
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from cryptoflow import clock, events
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, HoleError, IdentityError, RetentionError
from schemas import MdHeader
from sinks._sink import MdRecord, Patience, Starts, TopicIdentity, TopicPartition

_REQUEST_S = 10.0
_ASK_S = 2.0
"""One question while waiting: short, because a stop may come in between."""
_WAIT_STEP_S = 0.5
_TELL_EVERY_S = 10.0
_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - a local code, it has no public name
        KafkaError._TRANSPORT,  # noqa: SLF001 - a local code, it has no public name
        KafkaError._RESOLVE,  # noqa: SLF001 - a local code, it has no public name
        KafkaError._TIMED_OUT,  # noqa: SLF001 - a local code, it has no public name
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - a local code, it has no public name
        KafkaError._PARTITION_EOF,  # noqa: SLF001 - a local code, it has no public name
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001 - a local code, it has no public name


@contextlib.contextmanager
def _broker(doing: str) -> Iterator[None]:
    """Turn what librdkafka raises into an error that says what to do."""
    try:
        yield
    except KafkaException as error:
        raise BrokerAwayError(f"{doing}: {error.args[0]}", fix="the process is to be started again") from error


class Reader:
    """Read the partitions of some md topics that belong to this replica, from explicit positions."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        """Make the consumer; nothing is read yet. Raises ConfigError without a broker address."""
        if not settings.kafka.bootstrap_servers:
            raise ConfigError("starting a sink: no broker is configured", fix="set kafka.bootstrap_servers")
        if settings.sinks.sink_index >= settings.sinks.sink_count:
            raise ConfigError("starting a sink: sink_index is not below sink_count", fix="number replicas from 0")
        self._settings = settings
        self._topics = tuple(topics)
        client = settings.kafka.client()
        self._admin = AdminClient(dict(client))
        self._consumer = Consumer(
            client
            | {
                # librdkafka wants a name although no group is joined: assign() only, nothing is committed.
                "group.id": f"{settings.kafka.prefix}sink-without-group",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": settings.sinks.fetch_max_bytes // 1024,
                "fetch.max.bytes": max(settings.sinks.fetch_max_bytes, settings.kafka.message_max_bytes),
                "message.max.bytes": settings.kafka.message_max_bytes,
                "max.poll.interval.ms": 86_400_000,
                "fetch.wait.max.ms": 100,
                "isolation.level": "read_committed",
            }
        )

    def identify(self, patience: Patience) -> dict[str, TopicIdentity]:
        """Wait for the broker and for every topic, then say which topics these are.

        Waits at most `sinks.topic_wait_s`, telling what it waits for; then raises BrokerAwayError or
        ConfigError. Returns an empty mapping when patience ends first.
        """
        deadline_s = clock.monotonic_s() + self._settings.sinks.topic_wait_s
        told_s = 0.0
        while True:
            missing = self._missing()
            if missing == ():
                return self._identities()
            if patience.stopping:
                return {}
            now_s = clock.monotonic_s()
            if now_s >= deadline_s:
                if missing is None:
                    servers = self._settings.kafka.bootstrap_servers
                    raise BrokerAwayError(f"waiting for the broker: {servers} does not answer", fix="start it")
                raise ConfigError(
                    f"waiting for topics: {', '.join(missing[:5])} do not exist", fix="run `cryptoflow topics apply`"
                )
            if now_s - told_s >= _TELL_EVERY_S:
                told_s = now_s
                events.SinkWaiting(waits_for="broker" if missing is None else ", ".join(missing[:5])).emit()
            patience.wait(_WAIT_STEP_S)

    def _missing(self) -> tuple[str, ...] | None:
        try:
            self._cluster = self._admin.list_topics(timeout=_ASK_S)
        except KafkaException:
            return None
        found = self._cluster.topics
        return tuple(name for name in self._topics if name not in found or not found[name].partitions)

    def _identities(self) -> dict[str, TopicIdentity]:
        futures = self._admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=_REQUEST_S)
        count, index = self._settings.sinks.sink_count, self._settings.sinks.sink_index
        identities: dict[str, TopicIdentity] = {}
        for name, future in futures.items():
            partitions = sorted(self._cluster.topics[name].partitions)
            identities[name] = TopicIdentity(
                cluster=f"{self._cluster.cluster_id}",
                topic_id=self._topic_id(name, future),
                partitions=tuple(p for p in partitions if p % count == index),
            )
        return identities

    @staticmethod
    def _topic_id(name: str, future: Future[Any]) -> str:
        with _broker(f"asking for the id of {name}"):
            return str(future.result(_REQUEST_S).topic_id or "")

    def start(self, starts: Starts) -> None:
        """Read from these offsets on; None means the beginning.

        Raises RetentionError when the log begins after a position, IdentityError when it ends before.
        """
        demand_all = self._settings.sinks.new_table_start == "beginning"
        chosen = []
        for (topic, partition), offset in starts.items():
            with _broker(f"asking for the bounds of {topic}[{partition}]"):
                low, high = self._consumer.get_watermark_offsets(KafkaPartition(topic, partition), timeout=_REQUEST_S)
            if low > (offset or 0) and (offset is not None or demand_all):
                raise RetentionError(
                    f"reading {topic}[{partition}]: the table needs offset {offset or 0}, the log begins at {low}",
                    fix="see runbook `retention hole`; for a new table sinks.new_table_start: log_start",
                )
            if offset is not None and offset > high:
                raise IdentityError(
                    f"reading {topic}[{partition}]: the table stands at {offset}, the log ends at {high}",
                    fix="this is not the log the table was written from; see runbook `identity`",
                )
            chosen.append(KafkaPartition(topic, partition, OFFSET_BEGINNING if offset is None else offset))
        self._consumer.assign(chosen)

    def read(self, limit: int, timeout_s: float) -> list[MdRecord]:
        """Return up to `limit` records, in offset order within each partition.

        Raises RetentionError when retention overtook a position, HoleError for an unreadable record.
        """
        return [self._record(m) for m in self._consumer.consume(limit, timeout_s) if not self._passes(m)]

    @staticmethod
    def _passes(message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() in _OUT_OF_RANGE:
            raise RetentionError(
                f"reading {message.topic()}[{message.partition()}]: {error.str()}", fix="see runbook `retention hole`"
            )
        if error.code() in _TRANSIENT or error.retriable():
            return True
        raise BrokerAwayError(f"reading {message.topic()}[{message.partition()}]: {error.str()}")

    @staticmethod
    def _record(message: Message) -> MdRecord:
        where = f"{message.topic()}[{message.partition()}]@{message.offset()}"
        try:
            header = MdHeader.from_kafka(_headers(message))
        except ValueError as error:
            raise HoleError(f"reading {where}: {error}", fix="only the worker may write md topics") from error
        value = message.value()
        if value is None:
            raise HoleError(f"reading {where}: the record has no value", fix="only the worker may write md topics")
        return MdRecord(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0), header, value)

    def rewind(self, positions: Starts) -> None:
        """Continue these partitions from another place; what was fetched ahead of it is dropped."""
        for (topic, partition), offset in positions.items():
            with _broker(f"seeking in {topic}[{partition}]"):
                self._consumer.seek(KafkaPartition(topic, partition, OFFSET_BEGINNING if offset is None else offset))

    def lag(self, committed: Mapping[TopicPartition, int | None]) -> dict[TopicPartition, int]:
        """Count, per partition, the records not committed yet, as far as the last fetch knew."""
        behind: dict[TopicPartition, int] = {}
        for (topic, partition), offset in committed.items():
            low, high = self._consumer.get_watermark_offsets(KafkaPartition(topic, partition), cached=True)
            if high >= 0:
                behind[topic, partition] = max(0, high - max(offset or 0, low, 0))
        return behind

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, value) for name, value in pairs if isinstance(value, bytes)]
