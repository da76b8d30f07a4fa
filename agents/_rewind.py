"""Send a consumer back to records that it passed over, and give up when that does not help.

After a rebalance the consumer may hand over records beyond the next one, because others fetched with
them were dropped. State and outputs are untouched then, so reading again from the next record is all
that is needed.
"""

from __future__ import annotations

from typing import Protocol

from cryptoflow.errors import StopError
from cryptoflow.events import RecordsReadAgain

REWINDS_MAX = 10
"""Times that a consumer is sent back to one record; if none brings it the process ends."""


class Consumer(Protocol):
    """Read on from another place."""

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Read a partition again from an offset; nothing happens when it is not assigned any more.

        Records fetched before are not handed over after it returns.
        """


class Rewind:
    """Send the consumer of one partition back."""

    def __init__(self, topic: str, partition: int) -> None:
        """Begin with a consumer that reads on."""
        self._topic = topic
        self._partition = partition
        self._sought = -1
        self._times = 0

    async def ask(self, consumer: Consumer, wanted: int, came: int) -> None:
        """Send the consumer back to `wanted`, for `came` came. Raises StopError after too many times."""
        self._times = self._times + 1 if self._sought == wanted else 1
        self._sought = wanted
        if self._times > REWINDS_MAX:
            raise StopError(
                f"reading {self._topic}/{self._partition}: offset {came} came, {wanted} is next", fix="it is read again"
            )
        RecordsReadAgain(topic=self._topic, partition=self._partition, next_offset=wanted, came_offset=came).emit()
        await consumer.go_back(self._topic, self._partition, wanted)
