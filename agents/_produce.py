"""Deliver records to Kafka and wait for the broker's word: idempotent, in order, never expiring."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

import confluent_kafka
from typing_extensions import override

from agents._outgoing import Headers, Outgoing
from agents._owner import Outlet, Store
from cryptoflow.config import Kafka
from cryptoflow.errors import CryptoflowError, StopError

_POLL_S = 0.1
_FULL_WAIT_S = 0.02


class KafkaOutlet(Outlet, Store):
    """Send the records of all partitions of one process.

    Messages never expire: when the broker is away, delivery waits, and the worker with it. An
    error of a delivery or of the producer itself is final and reaches whoever awaits.
    """

    def __init__(
        self, kafka: Kafka, state_topic: str, on_error: Callable[[CryptoflowError], None], client_id: str = "cryptoflow"
    ) -> None:
        """Connect; call from within the event loop that awaits the deliveries."""
        self._state_topic = state_topic
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._producer = confluent_kafka.Producer(
            {
                **kafka.client(),
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": 0,
                # Experimental in librdkafka's words; it makes a lost message fatal instead of a silent hole.
                "enable.gapless.guarantee": True,
                "compression.type": kafka.compression,
                "message.max.bytes": kafka.message_max_bytes,
                "linger.ms": 0,
                "error_cb": self._failed,
            }
        )
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="deliveries", daemon=True)
        self._thread.start()

    @override
    def start(self, chains: Mapping[str, Sequence[Outgoing]]) -> asyncio.Future[list[None]]:  # type: ignore[override]  # a future is awaited for None's sake
        """Begin to send chains side by side, the records of one chain one after another."""
        return asyncio.gather(*(self._chain(records) for records in chains.values()))

    async def _chain(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            await self._send(record.topic, record.partition, None, record.value, record.headers)

    @override
    async def write(self, partition: int, entries: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write checkpoint entries; their order is librdkafka's, which is gapless."""
        await asyncio.gather(*(self._send(self._state_topic, partition, key, value) for key, value in entries))

    async def _send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        delivered: asyncio.Future[None] = self._loop.create_future()

        def report(error: confluent_kafka.KafkaError | None, _: confluent_kafka.Message) -> None:
            self._loop.call_soon_threadsafe(_complete, delivered, error, topic)

        while True:
            try:
                self._producer.produce(
                    topic, value=value, key=key, partition=partition, headers=headers, on_delivery=report
                )
                break
            except BufferError:
                await asyncio.sleep(_FULL_WAIT_S)
            except confluent_kafka.KafkaException as error:
                raise StopError(f"sending to {topic}: {error.args[0].str()}") from error
        await delivered

    def _poll(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(_POLL_S)

    def _failed(self, error: confluent_kafka.KafkaError) -> None:
        if error.fatal():
            self._loop.call_soon_threadsafe(self._on_error, StopError(f"producing: {error.str()}"))

    def close(self, timeout_s: float) -> None:
        """Stop; what is not delivered after the timeout stays undelivered."""
        self._producer.flush(timeout_s)
        self._closed.set()
        self._thread.join(timeout_s)


def _complete(delivered: asyncio.Future[None], error: confluent_kafka.KafkaError | None, topic: str) -> None:
    if delivered.done():
        return
    if error is None:
        delivered.set_result(None)
    else:
        delivered.set_exception(StopError(f"delivering to {topic}: {error.str()}"))
