"""What differs from Faust's own consumer, and the source it was written against."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import faust
import pytest
from faust import streams
from faust.app.base import App, BootStrategy
from faust.tables.recovery import Recovery
from faust.transport import consumer as upstream
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents._consumer import BarrierApp, BarrierConsumer, BarrierTransport, Bundle, _interleave

RELIED_ON: dict[Callable[..., Any], str] = {
    upstream.Consumer.getmany: "4b168d84882a",
    upstream.Consumer._wait_next_records: "6218e1969a63",
    upstream.Consumer._drain_messages: "44a2500309e8",
    upstream.Consumer._add_gap: "4df2573ded7c",
    upstream.Consumer._new_offset: "1d2c7ea89a7a",
    upstream.Consumer.perform_seek: "0e8c130ff4b0",
    driver.Consumer._to_message: "7c24f6511b2f",
    driver.AIOKafkaConsumerThread._seek_wait: "9d221e816d94",
    driver.ConsumerRebalanceListener.on_partitions_assigned: "1c1f8406ad36",
    Recovery._resume_streams: "d986a6710c1a",
    App._on_partitions_revoked: "d5c895bbe57d",
    App._stop_consumer: "55854a5de12c",
    App._new_transport: "42db531312dd",
    BootStrategy._should_enable_web: "2b6c66a4448a",
    streams.Stream.events: "c62f4dd3a73f",
}


def digest(function: Callable[..., Any]) -> str:
    """Return a short hash of a function's source."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


@pytest.mark.parametrize("function", RELIED_ON, ids=lambda function: function.__qualname__)
def test_upstream_is_what_this_was_written_against(function: Callable[..., Any]) -> None:
    """A changed upstream method means: read it again, run the stack tests, then note the new hash here."""
    assert digest(function) == RELIED_ON[function], digest(function)


@dataclass
class Record:
    """Be a record as the driver fetches it."""

    offset: int
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    timestamp: int = 1_790_000_000_000
    timestamp_type: int = 0
    serialized_value_size: int = 1


def test_a_bundle_stands_at_its_last_record() -> None:
    """Faust acknowledges the last offset, so the group's lag is right; our records keep their own offsets."""
    bundle = Bundle(TP("raw.x", 1), [Record(5), Record(6, None), Record(8, value=None)], 3)
    assert (bundle.topic, bundle.partition, bundle.offset, bundle.generation_id) == ("raw.x", 1, 8, 3)
    assert bundle.records == [(5, b"k", b"v"), (6, None, b"v"), (8, b"k", b"")]


def test_partitions_take_turns() -> None:
    """No partition waits for all records of another."""
    fetched = {TP("raw.x", 0): list(range(5)), TP("raw.x", 1): [9]}
    assert [(tp.partition, [*records]) for tp, records in _interleave(fetched, 2)] == [
        (0, [0, 1]),
        (1, [9]),
        (0, [2, 3]),
        (0, [4]),
    ]


@pytest.fixture(autouse=True)
def _loops_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the event loops that Faust makes for threads which never start."""
    made: list[asyncio.AbstractEventLoop] = []
    create = asyncio.new_event_loop

    def remembering() -> asyncio.AbstractEventLoop:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", remembering)
    yield
    for loop in made:
        if not loop.is_running():
            loop.close()


def app() -> BarrierApp:
    """Make an app that connects nowhere."""
    made = BarrierApp("test", broker="kafka://127.0.0.1:1", store="memory://")
    made.barrier_positions = lambda assigned: dict.fromkeys(assigned, 7)
    made.barrier_take_max_records = 2
    return made


def test_the_app_brings_its_own_transport() -> None:
    """Consumers come from our subclass, with our positions."""
    transport = app()._new_transport()
    assert isinstance(transport, BarrierTransport)
    assert transport.Consumer is BarrierConsumer
    assert transport.positions({TP("raw.x", 0)}) == {TP("raw.x", 0): 7}
    assert transport.take_max_records == 2


def test_no_web_server_whatever_the_command_line_says() -> None:
    """`faust worker` sets web_enabled; two workers on a host must not meet on port 6066."""
    made = app()
    made.conf.web_enabled = True
    assert list(made.boot_strategy.web_server()) == []


class Fetched:
    """Script what a fetch brings; `during` happens while it waits."""

    def __init__(self, records: Any, during: Callable[[], None] = lambda: None) -> None:
        """Keep the script."""
        self.records = records
        self.during = during

    async def __call__(self, _timeout: float) -> tuple[Any, None]:
        """Answer as `_wait_next_records` does."""
        self.during()
        return self.records, None


async def consumer(fetched: Fetched) -> BarrierConsumer:
    """Make a consumer whose fetches are scripted."""
    made = app()
    made.consumer_generation_id = 3
    built = made._new_transport().create_consumer(
        callback=lambda _: None, on_partitions_revoked=lambda _: None, on_partitions_assigned=lambda _: None
    )
    assert isinstance(built, BarrierConsumer)
    built._wait_next_records = fetched
    built.highwater = lambda _tp: 100
    return built


async def taken(built: BarrierConsumer) -> list[Bundle]:
    """Take what one getmany yields."""
    return [message async for _, message in built.getmany(1.0)]


async def test_a_fetch_becomes_bundles_of_the_generation_it_was_asked_under() -> None:
    """All records of a fetch travel in few messages."""
    bundles = await taken(await consumer(Fetched({TP("raw.x", 0): [Record(n) for n in range(5)]})))
    assert [[offset for offset, _, _ in bundle.records] for bundle in bundles] == [[0, 1], [2, 3], [4]]
    assert {bundle.generation_id for bundle in bundles} == {3}


async def test_a_fetch_that_a_rebalance_overtook_is_dropped() -> None:
    """Records asked for under one generation are never stamped with the next."""
    fetched = Fetched({TP("raw.x", 0): [Record(1)]})
    built = await consumer(fetched)
    fetched.during = lambda: setattr(built.app, "consumer_generation_id", 4)
    assert await taken(built) == []


async def test_a_stopped_flow_goes_back_instead() -> None:
    """What was fetched while the flow stopped is not handed on."""
    built = await consumer(Fetched({TP("raw.x", 0): [Record(1)]}))
    built.flow_active = False
    gone_back = []

    async def seek() -> None:
        gone_back.append(True)
        raise RuntimeError("no assignment")

    built.perform_seek = seek
    assert await taken(built) == []
    assert gone_back == [True]


async def test_going_back_seeks_and_drops_what_was_fetched_before() -> None:
    """Of the fetch on its way only the partition that went back is dropped; later bundles tell the new reading."""
    two = {TP("raw.x", 0): [Record(n) for n in range(10, 13)], TP("raw.x", 1): [Record(5)]}
    fetched = Fetched(two)
    built = await consumer(fetched)
    sought: list[Any] = []

    async def seek_wait(positions: Any) -> None:
        sought.append(positions)

    built._thread.seek_wait = seek_wait
    bundles = built.getmany(1.0)
    (_, first) = await anext(bundles)
    await built.go_back(TP("raw.x", 0), 7)
    assert sought == [{TP("raw.x", 0): 7}]
    assert [(tp.partition, bundle.reading) async for tp, bundle in bundles] == [(1, 0)]
    assert (first.reading, built.readings[TP("raw.x", 0)]) == (0, 1)
    assert {(bundle.partition, bundle.reading) for bundle in await taken(built)} == {(0, 1), (1, 0)}


async def test_faust_takes_again_what_is_read_again() -> None:
    """Its mark of what it has seen is lowered to what comes, and never raised."""
    built = await consumer(Fetched({TP("raw.x", 0): [Record(7), Record(8)], TP("raw.x", 1): [Record(7)]}))
    built._read_offset.update({TP("raw.x", 0): 12, TP("raw.x", 1): 3})
    await taken(built)
    assert built._read_offset == {TP("raw.x", 0): 7, TP("raw.x", 1): 3}


async def test_seeking_asks_for_our_positions() -> None:
    """Whatever the group has committed, the consumer goes where the roster says."""
    built = await consumer(Fetched({}))
    sought: list[Any] = []

    async def seek_wait(positions: Any) -> None:
        sought.append(positions)

    built.assignment = lambda: {TP("raw.x", 2)}
    built._thread.seek_wait = seek_wait
    assert await built.seek_to_committed() == {TP("raw.x", 2): 7}
    assert sought == [{TP("raw.x", 2): 7}]


def test_faust_is_the_pinned_version() -> None:
    """Internals are subclassed: any other version needs a look."""
    assert faust.__version__ == "0.15.3"
