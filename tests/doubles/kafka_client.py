"""A Kafka producer client that acknowledges what its test says.

It cannot imitate: batching, retries, partitions (acknowledgements come in any order only when the
test asks for it), fatal states beyond the error it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import confluent_kafka


class ScriptedClient:
    """Keep records until acknowledged; `away` keeps them for ever, `refuse` raises on produce."""

    def __init__(self) -> None:
        """Start with a broker that answers at once."""
        self.away = False
        self.refuse = False
        self.error: object = None
        self.delivered: list[tuple[str, bytes, bytes]] = []
        self.waiting: deque[tuple[str, bytes, bytes, Callable[[Any, Any], None]]] = deque()
        self.purged = False

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        """Queue a record."""
        if self.refuse:
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(-184))
        self.waiting.append((topic, key, value, on_delivery))

    def poll(self, timeout: float) -> int:
        """Acknowledge all that waits, unless the broker is away."""
        del timeout
        return 0 if self.away else self.acknowledge(len(self.waiting))

    def acknowledge(self, count: int) -> int:
        """Acknowledge the oldest records."""
        for _ in range(count):
            topic, key, value, done = self.waiting.popleft()
            if self.error is None:
                self.delivered.append((topic, key, value))
            done(self.error, None)
        return count

    def purge(self, *, in_queue: bool, in_flight: bool) -> None:
        """Forget what waits."""
        del in_queue, in_flight
        self.purged = True
        self.waiting.clear()
