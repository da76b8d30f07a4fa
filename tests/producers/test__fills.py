"""Missing trades are fetched by id, published as backfill, and ids that never existed are proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from cryptoflow import events
from exchanges import RestRequest, TradeFill
from exchanges.binance import USDM
from producers import _fills as fills
from producers._fills import Fills, MissingTrades, judge
from producers._rest import Rest
from schemas import RawFrame
from tests.doubles.memory_log import MemoryLog
from tests.doubles.rest_venue import RestVenue, rest_venue
from tests.doubles.venue_run import until


def trades(_symbol: str, body: bytes) -> list[tuple[int, bytes]]:
    """Cut an answer of ids into trades; ids out of order are no answer."""
    ids = msgspec.json.decode(body, type=list[int])
    return [(one, b"%d" % one) for one in ids]


FILL = TradeFill(lambda symbol, first: RestRequest("/t", {"symbol": symbol, "fromId": str(first)}, 1), trades, 3)


@asynccontextmanager
async def running(log: MemoryLog, venue: RestVenue, trades_max: int = 100) -> AsyncIterator[Fills]:
    """Run the filler."""
    log.lane("AAAUSDT")
    rest = Rest(venue.base, USDM.rest, 1000, timeout_s=5, local_address="")
    async with rest:
        one = Fills(FILL, rest, log.lanes.get, log.intake, trades_max=trades_max)
        task = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def filled(log: MemoryLog) -> list[RawFrame]:
    """Return the backfilled frames."""
    return [frame for frame in log.frames("AAAUSDT") if frame.k == "trades_backfill"]


def test_ids_left_out_between_two_trades_never_existed() -> None:
    """Only what lies between two trades of one answer is proven absent, and only inside the range."""
    answer = judge([(4, b"4"), (7, b"7"), (8, b"8"), (12, b"12")], 5, 10)
    assert [one for one, _ in answer.trades] == [7, 8]
    assert answer.absent == [(5, 6), (9, 10)]
    assert answer.next_id is None


@pytest.mark.parametrize(("found", "next_id"), [([], None), ([4], None), ([5], 6), ([5, 6, 7], 8), ([5, 9], None)])
def test_asking_goes_on_behind_the_last_trade_given(found: list[int], next_id: int | None) -> None:
    """An answer that brings nothing of the range ends it: the venue has no more."""
    assert judge([(one, b"") for one in found], 5, 9).next_id == next_id


async def test_a_range_is_fetched_page_by_page(memory_log: MemoryLog) -> None:
    """Every id of the range is published once, with source backfill, in rising order; neighbours are not."""
    async with rest_venue() as venue, running(memory_log, venue) as one:
        venue.script = [(200, {}, b"[4,5,6]"), (200, {}, b"[6,7,9]"), (200, {}, b"[9,10,11]")]
        assert one.ask(MissingTrades("AAAUSDT", 5, 10))
        await until(lambda: len(filled(memory_log)) == 6, 5, "the trades")
        assert [bytes(frame.raw) for frame in filled(memory_log) if frame.m is None] == [b"5", b"6", b"7", b"9", b"10"]
        assert [frame.m for frame in filled(memory_log) if frame.m] == [{"absent_from": 8, "absent_to": 8}]
        assert [url.partition("fromId=")[2] for url in venue.asked] == ["4", "6", "9"]
        assert [frame.n for frame in filled(memory_log)] == list(range(1, 7))
        assert {frame.c for frame in filled(memory_log)} <= memory_log.intake.conns


async def test_a_range_waiting_is_not_asked_twice(memory_log: MemoryLog) -> None:
    """Nor is one that is too long, or one of a symbol that is not ours."""
    async with rest_venue() as venue, running(memory_log, venue, trades_max=50) as one:
        venue.script = [(500, {}, b"no")]
        assert one.ask(MissingTrades("AAAUSDT", 5, 10))
        assert not one.ask(MissingTrades("AAAUSDT", 5, 10))
        assert not one.ask(MissingTrades("AAAUSDT", 5, 55))
        assert not one.ask(MissingTrades("BBBUSDT", 5, 10))


async def test_a_range_served_is_not_served_again(memory_log: MemoryLog) -> None:
    """A worker that reads the same records again asks once more."""
    async with rest_venue() as venue, running(memory_log, venue) as one:
        venue.script = [(200, {}, b"[4,5,6]")]
        missing = MissingTrades("AAAUSDT", 5, 5)
        assert one.ask(missing)
        await until(lambda: len(filled(memory_log)) == 1, 5, "the trade")
        await until(lambda: not one._asked, 5, "the end")
        assert not one.ask(missing)
        assert len(venue.asked) == 1


async def test_a_refusal_is_tried_again_and_then_given_up(
    memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ATTEMPTS_MAX the range is forgotten and that is told: it stays a gap and may be asked for again."""
    told: list[events.FillGivenUp] = []

    def emit(one: events.FillGivenUp) -> None:
        told.append(one)

    monkeypatch.setattr(events.FillGivenUp, "emit", emit)
    monkeypatch.setattr(fills, "_RETRY_S", 0.0)
    monkeypatch.setattr(fills, "ATTEMPTS_MAX", 2)
    async with rest_venue() as venue, running(memory_log, venue) as one:
        venue.script = [(200, {}, b"{"), (200, {}, b"["), (200, {}, b"[4,5,6]")]
        missing = MissingTrades("AAAUSDT", 5, 5)
        assert one.ask(missing)
        await until(lambda: len(venue.asked) == 2, 10, "two attempts")
        await until(lambda: one.ask(missing), 5, "the range forgotten")
        (given_up,) = told
        assert (given_up.exchange, given_up.market, given_up.symbol) == ("binance", "usdm", "AAAUSDT")
        assert (given_up.first, given_up.last, given_up.attempts) == (5, 5, 2)
        assert given_up.detail.startswith("reading /t of")
        await until(lambda: len(filled(memory_log)) == 1, 10, "the trade")
