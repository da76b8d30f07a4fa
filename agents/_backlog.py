"""Raw records between Faust and the core: merged while they wait, bounded in bytes.

A take costs about a millisecond however small it is, so under load what has arrived meanwhile is
taken at once: latency decides the size of a take, never a timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from agents._owner import RawItem
from agents._roster import Partition


@dataclass(slots=True)
class Arrived:
    """Hold records of one partition that came under one generation and reading."""

    generation: int | None
    partition: Partition
    records: list[RawItem]
    size_bytes: int
    reading: int = 0


@dataclass(slots=True)
class Backlog:
    """Queue arrivals per partition; partitions take turns. One taker, any number of givers, one event loop."""

    max_bytes: int
    take_max_records: int
    size_bytes: int = 0
    _queues: dict[Partition, deque[Arrived]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def put(self, arrived: Arrived) -> None:
        """Queue an arrival; waits while the backlog is full. One arrival is accepted whatever its size."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.size_bytes or self.size_bytes < self.max_bytes)
            self._queues.setdefault(arrived.partition, deque()).append(arrived)
            self.size_bytes += arrived.size_bytes
            self._changed.notify_all()

    async def take(self) -> Arrived:
        """Return what waits of the next partition, merged up to the limit; waits for something to come."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._queues))
            partition = next(iter(self._queues))
            queue = self._queues.pop(partition)
            merged = queue.popleft()
            while queue and self._fits(merged, queue[0]):
                following = queue.popleft()
                merged.records += following.records
                merged.size_bytes += following.size_bytes
            if queue:
                # Put back at the end: the others come first.
                self._queues[partition] = queue
            self.size_bytes -= merged.size_bytes
            self._changed.notify_all()
            return merged

    def _fits(self, merged: Arrived, following: Arrived) -> bool:
        # Records that come a second time stay apart: an owner tells them by their first offset.
        same = (merged.generation, merged.reading) == (following.generation, following.reading)
        same = same and merged.records[-1][0] < following.records[0][0]
        return same and len(merged.records) + len(following.records) <= self.take_max_records

    async def clear(self) -> None:
        """Drop everything: it belongs to an assignment that is over."""
        async with self._changed:
            self._queues.clear()
            self.size_bytes = 0
            self._changed.notify_all()
