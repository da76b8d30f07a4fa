"""Faust's Kafka consumer, started from our barrier and handing over many records at a time.

Two things differ from the driver's: positions come from the roster, never from the group, and all
records fetched of a partition travel as one message, so what Faust costs per message (about 60 µs,
whatever is in it) is paid once per fetch. Both rest on the source of the pinned version: the test
fails when a method this relies on changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from typing_extensions import override

from agents._owner import RawItem


class Bundle(ConsumerMessage):
    """Carry consecutive records of one partition through Faust as one message; its offset is the last one's.

    `reading` counts how often the partition was read again before these were fetched.
    """

    __slots__ = ("reading", "records")

    def __init__(self, tp: TP, records: Sequence[Any], generation: int | None, reading: int = 0) -> None:
        """Wrap records as the driver fetched them."""
        last = records[-1]
        super().__init__(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            b"",
            None,
            0,
            sum(record.serialized_value_size for record in records),
            tp,
            generation_id=generation,
        )
        self.reading = reading
        self.records: list[RawItem] = [(record.offset, record.key, record.value or b"") for record in records]


class BarrierConsumer(driver.Consumer):
    """Consume from the positions that the transport's `positions` answers."""

    transport: BarrierTransport

    @override
    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin as the driver's consumer does."""
        super().__init__(*args, **options)
        self.readings: Counter[TP] = Counter()

    async def go_back(self, tp: TP, offset: int) -> None:
        """Read a partition again from an offset: a reading begins, bundles of earlier ones are of no use.

        Raises what the driver raises when the partition is not assigned any more.
        """
        self.readings[tp] += 1
        await self._thread.seek_wait({tp: offset})

    @override
    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to our positions; asked after on_rebalance_complete, and again whenever Faust would go back."""
        starts: Mapping[TP, int] = self.transport.positions(self.assignment())
        await self._thread.seek_wait(starts)
        return starts

    @override
    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch, and yield one bundle per partition and `take_max_records`."""
        # Stamped before the fetch: what was asked for under a generation belongs to it.
        generation, readings = self.app.consumer_generation_id, self.readings.copy()
        fetched, active = await self._wait_next_records(timeout)
        if self.should_stop or not fetched:
            return
        if not self.flow_active:
            await self._undo()
            return
        for tp, records in _interleave(fetched, self.transport.take_max_records):
            # Another task may have stopped the flow since the last item.
            if not self.flow_active or generation != self.app.consumer_generation_id:  # type: ignore[redundant-expr]  # mypy cannot see that
                break
            if self.readings[tp] != readings[tp]:
                continue
            if active is None or tp in active or tp in self._buffered_partitions:
                self._read_on(tp, records[0].offset)
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, Bundle(tp, records, generation, readings[tp])

    def _read_on(self, tp: TP, offset: int) -> None:
        """Let Faust take what it has seen before: what came late of an earlier fetch may have moved its mark."""
        seen = self._read_offset[tp]
        if seen is not None and seen > offset:
            self._read_offset[tp] = offset

    async def _undo(self) -> None:
        """Undo a fetch that a rebalance overtook; the seek after the rebalance decides anyway."""
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001 - as the driver does: the assignment may be gone
            self.log.info("seeking while the flow is stopped: %r", error)


def _interleave(fetched: Mapping[Any, Sequence[Any]], most: int) -> Iterator[tuple[TP, Sequence[Any]]]:
    """Yield takes of the partitions in turn, so that none waits for all of another."""
    longest = max((len(records) for records in fetched.values()), default=0)
    for begin in range(0, longest, most):
        for tp, records in fetched.items():
            if begin < len(records):
                yield TP(tp.topic, tp.partition), records[begin : begin + most]


class BarrierTransport(driver.Transport):
    """Create BarrierConsumers; `positions` and `take_max_records` are set by `use`."""

    Consumer = BarrierConsumer
    positions: Callable[[set[TP]], Mapping[TP, int]]
    take_max_records: int


class BarrierApp(faust.App):
    """Be a Faust app whose consumer starts from barriers; serves no web, whatever the command line says."""

    class BootStrategy(faust.app.BootStrategy):
        """Start without the web server: `faust worker` would otherwise open port 6066 on all addresses."""

        enable_web = False

    barrier_positions: Callable[[set[TP]], Mapping[TP, int]]
    barrier_take_max_records: int

    @property
    def barrier_consumer(self) -> BarrierConsumer:
        """Return the consumer, which our transport made."""
        made: Any = self.consumer
        return made  # type: ignore[no-any-return]  # faust types it as its own

    @override
    def _new_transport(self) -> BarrierTransport:
        transport = BarrierTransport(self.conf.broker_consumer, self)
        transport.positions = self.barrier_positions
        transport.take_max_records = self.barrier_take_max_records
        return transport
