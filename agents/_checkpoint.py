"""Read states and barriers back from the compacted checkpoint topic."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import confluent_kafka
from confluent_kafka import TopicPartition
from typing_extensions import override

from agents._log import KafkaLog
from agents._position import Identity, Restored, Span, gather, raw_topic_of
from agents._roster import Partition, Reader
from cryptoflow.clock import monotonic_s
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, RetryError
from cryptoflow.failpoint import fail_point

_BATCH_MAX = 10_000
_ASK_AGAIN_S = 0.2


class KafkaReader(Reader):
    """Read what was left for partitions: to the end offsets taken after they were assigned."""

    def __init__(self, kafka: Kafka, state_topic: str, log: KafkaLog, timeout_s: float) -> None:
        """`timeout_s` limits the whole reading."""
        self._kafka = kafka
        self._state_topic = state_topic
        self._log = log
        self._timeout_s = timeout_s

    @override
    async def read(self, partitions: Sequence[Partition]) -> Mapping[Partition, tuple[Restored, Identity, Span]]:
        """Read in a thread, so that heartbeats go on. Raises BrokerAwayError or StopError."""
        return await asyncio.get_running_loop().run_in_executor(None, self.read_now, partitions)

    def read_now(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[Restored, Identity, Span]]:
        """Read, blocking; a broker that does not answer yet is asked again until the time is over."""
        deadline = monotonic_s() + self._timeout_s
        while True:
            try:
                return self._read_once(partitions)
            except RetryError:
                if monotonic_s() > deadline:
                    raise
            threading.Event().wait(_ASK_AGAIN_S)

    def _read_once(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[Restored, Identity, Span]]:
        identities = self._log.identities({topic for topic, _ in partitions})
        entries = self._entries({number for _, number in partitions})
        spans = self._log.spans(partitions)
        found = {}
        for topic, number in partitions:
            own = [(key, value) for key, value in entries[number].items() if raw_topic_of(key) == topic]
            found[topic, number] = gather(own), identities[topic], spans[topic, number]
        return found

    def _entries(self, numbers: Iterable[int]) -> dict[int, dict[bytes, bytes]]:
        """Return the live entries of checkpoint partitions."""
        entries: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        spans = self._log.spans([(self._state_topic, number) for number in sorted(numbers)])
        ends = {number: span.end for (_, number), span in spans.items() if span.end > span.begin}
        if not ends:
            return entries
        consumer = confluent_kafka.Consumer(
            {
                **self._kafka.client(),
                "group.id": "unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "check.crcs": True,
            }
        )
        try:
            consumer.assign(
                [TopicPartition(self._state_topic, number, spans[self._state_topic, number].begin) for number in ends]
            )
            self._drain(consumer, ends, entries)
        finally:
            consumer.close()
        return entries

    def _drain(
        self, consumer: confluent_kafka.Consumer, ends: dict[int, int], entries: dict[int, dict[bytes, bytes]]
    ) -> None:
        deadline = monotonic_s() + self._timeout_s
        missing = dict(ends)
        while missing:
            fail_point("worker.recovery")
            if monotonic_s() > deadline:
                raise BrokerAwayError(f"reading {self._state_topic}: not at the end after {self._timeout_s:.0f} s")
            for message in consumer.consume(_BATCH_MAX, 0.05):
                error, number, key = message.error(), message.partition(), message.key()
                if number is None:
                    continue
                if error is None:
                    _apply(entries[number], key or b"", message.value())
                elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    # The end at that moment, so at or after the end taken before; also where the tail was compacted.
                    missing.pop(number, None)
                elif not error.retriable():
                    raise BrokerAwayError(f"reading {self._state_topic}: {error.str()}")
            for at in consumer.position([TopicPartition(self._state_topic, number) for number in missing]):
                if at.offset >= missing[at.partition]:
                    del missing[at.partition]


def _apply(entries: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value
