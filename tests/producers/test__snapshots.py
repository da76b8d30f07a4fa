"""Snapshots enter the log in receive order, with why and when they were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cryptoflow import clock
from exchanges.binance import USDM
from producers._books import Books
from producers._rest import Rest
from producers._snapshots import Snapshots
from schemas import RawFrame
from tests.doubles.memory_log import MemoryLog
from tests.doubles.rest_venue import RestVenue, rest_venue
from tests.doubles.venue_run import until


def body(last: int) -> bytes:
    """Invent a REST book."""
    return b'{"lastUpdateId":%d,"E":1,"T":1,"bids":[["1.0","2"]],"asks":[["1.1","2"]]}' % last


@asynccontextmanager
async def running(log: MemoryLog, venue: RestVenue) -> AsyncIterator[Books]:
    """Run the fetcher."""
    books = Books(USDM.book_rules, 0.0)
    log.lane("AAAUSDT")
    rest = Rest(venue.base, USDM.rest, 1000, timeout_s=5, local_address="")
    async with rest:
        task = asyncio.create_task(Snapshots(USDM, rest, books, log.lanes.get, log.intake, 2).run())
        try:
            yield books
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def snapshots(log: MemoryLog) -> list[RawFrame]:
    """Return the snapshot frames."""
    return [frame for frame in log.frames("AAAUSDT") if frame.k == "book_snapshot"]


async def test_a_snapshot_travels_with_its_request_time_and_reason(memory_log: MemoryLog) -> None:
    """Its bytes are the REST body; its identity is its own connection and number."""
    async with rest_venue() as venue, running(memory_log, venue) as books:
        venue.script = [(200, {}, body(5))]
        before_ns = clock.now_ns()
        books.delta("AAAUSDT", 1, 10, 0, clock.monotonic_s())
        await until(lambda: snapshots(memory_log), 5, "a snapshot")
        (frame,) = snapshots(memory_log)
        assert frame.payload() == body(5)
        assert frame.m is not None
        assert frame.m["reason"] == "subscribe"
        assert before_ns <= int(frame.m["requested_ns"]) <= frame.t
        assert frame.n == 1
        assert frame.c in memory_log.intake.conns, "a replica would take it for another's"
        assert books.valid_count() == 1
        assert venue.asked == ["/fapi/v1/depth?symbol=AAAUSDT&limit=1000"]


async def test_a_stale_snapshot_is_published_and_fetched_again(memory_log: MemoryLog) -> None:
    """Everything received is published; the next one heals the book."""
    async with rest_venue() as venue, running(memory_log, venue) as books:
        venue.script = [(200, {}, body(5)), (200, {}, body(105))]
        books.delta("AAAUSDT", 100, 110, 99, clock.monotonic_s())
        await until(books.valid_count, 5, "the second snapshot")
        assert [frame.m and frame.m["reason"] for frame in snapshots(memory_log)] == ["subscribe", "resync"]
        assert [frame.n for frame in snapshots(memory_log)] == [1, 2]


@pytest.mark.parametrize("failure", [(500, {}, b"no"), (429, {"Retry-After": "1"}, b"no")])
async def test_a_failed_request_is_tried_again_after_its_wait(
    memory_log: MemoryLog, failure: tuple[int, dict[str, str], bytes]
) -> None:
    """One failure, one wait, one success: no storm."""
    async with rest_venue() as venue, running(memory_log, venue) as books:
        venue.script = [failure, (200, {}, body(5))]
        books.delta("AAAUSDT", 1, 10, 0, clock.monotonic_s())
        await until(books.valid_count, 5, "the second try")
        assert len(venue.asked) == 2


async def test_an_unreadable_body_is_published_and_asked_for_again(memory_log: MemoryLog) -> None:
    """What arrived is in the log byte for byte; the book stays without a snapshot."""
    async with rest_venue() as venue, running(memory_log, venue) as books:
        venue.script = [(200, {}, b'{"lastUpdateId":\xff')]
        books.delta("AAAUSDT", 1, 10, 0, clock.monotonic_s())
        await until(lambda: snapshots(memory_log), 5, "the frame")
        assert snapshots(memory_log)[0].payload() == b'{"lastUpdateId":\xff'
        assert books.valid_count() == 0
        await asyncio.sleep(0.1)
        assert len(venue.asked) == 1


async def test_an_answer_for_a_symbol_that_changed_hands_is_published(memory_log: MemoryLog) -> None:
    """It was asked for and received; no further one is asked for."""
    async with rest_venue() as venue, running(memory_log, venue) as books:
        venue.script = [(200, {}, body(5))]
        books.delta("AAAUSDT", 1, 10, 0, clock.monotonic_s())
        venue.go.clear()
        await until(lambda: venue.asked, 5, "the request")
        books.forget("AAAUSDT")
        venue.go.set()
        await until(lambda: snapshots(memory_log), 5, "a snapshot")
        assert "AAAUSDT" not in books
