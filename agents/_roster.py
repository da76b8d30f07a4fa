"""The partitions a worker owns at the moment, and the generation of the group that gave them.

A batch delivered under an earlier generation is dropped whole: somebody else may have its partition.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from agents._owner import Core, Limits, Outputs, PartitionOwner, Ports, RawItem
from agents._position import Identity, Restored, Span

Partition = tuple[str, int]
"""A raw topic and partition number."""


class Reader(Protocol):
    """Read what was left for partitions, after they were assigned."""

    async def read(self, partitions: Sequence[Partition]) -> Mapping[Partition, tuple[Restored, Identity, Span]]:
        """Return checkpoints up to the end they have now, identity and span of each partition."""


class Roster:
    """Keep the owners of one process. All calls come from one event loop."""

    def __init__(
        self,
        reader: Reader,
        ports: Ports,
        limits: Limits,
        core: Callable[[str, int], Core],
        generation: Callable[[], int | None],
    ) -> None:
        """Own nothing; `generation` tells the group's generation as the consumer knows it now."""
        self.owners: dict[Partition, PartitionOwner] = {}
        self.generation: int | None = None
        self.restored = False
        self._reader = reader
        self._ports = ports
        self._limits = limits
        self._core = core
        self._now_generation = generation
        self._revision = 0
        self._locks: dict[Partition, asyncio.Lock] = {}
        self._cores: dict[Partition, Core] = {}

    async def restore(self, generation: int | None, partitions: Iterable[Partition]) -> bool:
        """Replace all memory by what the checkpoint topic says; return False when overtaken by a rebalance."""
        self.drop()
        revision = self._revision
        wanted = sorted(partitions)
        left = await self._reader.read(wanted) if wanted else {}
        if revision != self._revision or generation != self._now_generation():
            return False
        for partition in wanted:
            owner = self._new_owner(partition, generation)
            owner.begin(*left[partition])
            self.owners[partition] = owner
            self._locks[partition] = asyncio.Lock()
        self.generation = generation
        self.restored = True
        return True

    def _new_owner(self, partition: Partition, generation: int | None) -> PartitionOwner:
        def live() -> bool:
            return self.owners.get(partition) is owner and self._is_current(generation)

        core = self._cores[partition] = self._core(*partition)
        owner = PartitionOwner(*partition, core, self._ports, self._limits, live)
        return owner

    def gaps_open(self) -> Counter[tuple[str, str]]:
        """Count the gaps open now in all partitions owned, by exchange and market."""
        found: Counter[tuple[str, str]] = Counter()
        for partition in self.owners:
            found.update(self._cores[partition].gaps_open())
        return found

    def _is_current(self, generation: int | None) -> bool:
        return generation == self.generation and generation == self._now_generation()

    async def deliver(self, generation: int | None, partition: Partition, records: Sequence[RawItem]) -> Outputs | None:
        """Hand records to the owner of their partition; records of an earlier generation are dropped."""
        owner = self.owners.get(partition)
        if owner is None or not self._is_current(generation):
            return None
        async with self._locks[partition]:
            return await owner.take(records)

    async def checkpoint(self, *, last: bool = False) -> None:
        """Write the checkpoints of all partitions; the `last` ones hold every state."""
        for partition, owner in list(self.owners.items()):
            async with self._locks[partition]:
                await owner.checkpoint(last=last)

    async def release(self) -> None:
        """Write last checkpoints, then forget everything."""
        await self.checkpoint(last=True)
        self.drop()

    def drop(self) -> None:
        """Forget everything at once; what is still on its way belongs to a dead epoch."""
        self._revision += 1
        self.owners = {}
        self._cores = {}
        self.generation = None
        self.restored = False
