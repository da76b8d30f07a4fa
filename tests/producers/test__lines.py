"""Two lines carry the same streams; what one loses the other covers, and labels tell them apart."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from cryptoflow import clock, metrics
from cryptoflow.config import Producer
from exchanges import Market
from exchanges.binance import USDM
from producers._books import Books
from producers._declare import Declare
from producers._egress import Egress
from producers._election import Election
from producers._ipshards import IpShards
from producers._lines import Lines, Parts
from producers._link import Surroundings
from producers._plan import Carried
from producers._receiver import Hooks
from producers._session import Session
from producers._watchdog import NS_PER_S, SilenceLimits
from schemas import GapEvidence, RawFrame, Switch, feed_of
from tests.doubles.memory_log import MemoryLog
from tests.doubles.scripted_venue import ScriptedVenue, scripted_venue
from tests.doubles.venue_run import until

TRADES, DEPTH = "aaausdt@aggTrade", "aaausdt@depth@100ms"
STREAMS = tuple(stream for stream in USDM.streams if stream.channel in {"aggTrade", "depth@100ms"})
ONE_ENDPOINT = tuple(dataclasses.replace(stream, endpoint="public") for stream in STREAMS)
SETTINGS = Producer(
    reconnect_min_s=0.05, reconnect_max_s=0.1, overlap_grace_s=0.3, overlap_max_s=3, close_timeout_s=0.5
)  # fmt: skip


class LineBench:
    """Run two lines against a scripted venue."""

    def __init__(self, venue: ScriptedVenue, log: MemoryLog, market: Market) -> None:
        """Carry one symbol."""
        self.venue = venue
        self.log = log
        self.lost: list[str] = []
        books = Books(market.book_rules, 0.0, in_stream=market.in_stream_snapshots)
        # What is told, not what follows.
        books.lost = lambda symbol, *_: self.lost.append(symbol)  # type: ignore[method-assign, misc]
        around = Surroundings(
            exchange="binance", market=market, settings=SETTINGS, limits=SilenceLimits(30, 15, 30, 5, 120),
            intake=log.intake, declare=Declare(log.intake, log.lane, lambda: (), self.lost.append),
            hooks=Hooks(log.lane), room=None, election=Election(market.scoped_kinds),
        )  # fmt: skip

        def open_session(one: Surroundings, carried: Carried) -> Session:
            return Session(one, carried, venue.url, Egress(IpShards(), 60.0))

        self.lines = Lines(around, Parts(ONE_ENDPOINT, books, lambda: ["AAAUSDT"], open_session), 2)
        self.lines.fit(["AAAUSDT"], {})
        self.task = asyncio.create_task(self.lines.run())

    async def both(self) -> None:
        """Wait until both lines publish."""

        def streaming() -> bool:
            links = [session.link for session in self.lines.sessions]
            return all(link and link.feed.streaming and not link.receiver.is_holding for link in links)

        await until(streaming, 8, "both lines streaming")

    def is_back(self) -> bool:
        """Tell whether a third connection has taken the place of one."""
        return self.venue.opened == 3 and len(self.venue.subscribers(TRADES)) == 2

    def told(self, kind: str) -> list[RawFrame]:
        """Return the symbol's frames of a kind."""
        return [frame for frame in self.log.frames("AAAUSDT") if frame.k == kind]

    def numbers(self) -> list[tuple[str, int]]:
        """Return label and number of the trades in log order."""
        return [(feed_of(one.c), msgspec.json.decode(one.payload())["data"]["u"]) for one in self.told("trades")]


@asynccontextmanager
async def lines(log: MemoryLog, market: Market = USDM) -> AsyncIterator[LineBench]:
    """Run two lines and end them."""
    async with scripted_venue() as venue:
        one = LineBench(venue, log, market)
        try:
            yield one
        finally:
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)


async def test_silence_goes_on_while_nothing_is_connected(memory_log: MemoryLog) -> None:
    """A venue that is away is the longest silence of all; it must not look like the last good moment."""

    def silent_s() -> list[float]:
        told = [metrics.stream_silence_seconds.labels("binance", "usdm", kind, "7") for kind in ("trades", "book")]
        return [float(one._value.get()) for one in told]

    async with lines(memory_log) as one:
        one.lines.measure("binance", "7", clock.now_ns())
        await one.both()
        now_ns = clock.now_ns()
        one.lines.measure("binance", "7", now_ns + 5 * NS_PER_S)
        connected = silent_s()
        assert all(5 <= seconds < 60 for seconds in connected)
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)
        for later_s in (105, 205):
            one.lines.measure("binance", "7", now_ns + later_s * NS_PER_S)
            assert silent_s() == pytest.approx([seconds + later_s - 5 for seconds in connected])


async def test_both_lines_publish_under_labels_of_their_own(memory_log: MemoryLog) -> None:
    """Two connections ask for the same; every frame arrives once from each."""
    async with lines(memory_log) as one:
        await one.both()
        await one.venue.send(TRADES, 1)
        await until(lambda: len(one.numbers()) == 2, 5, "both frames")
        assert sorted(one.numbers()) == [(":1", 1), (":2", 1)]
        assert one.lines.streaming
        served = one.lines.served_ns({"AAAUSDT": ("trades", "book", "funding"), "BBBUSDT": ("trades",)})
        assert list(served["AAAUSDT"]) == ["trades", "book"]
        assert served["BBBUSDT"] == {}
        assert all(0 < at_ns <= clock.now_ns() for at_ns in served["AAAUSDT"].values())
        assert one.venue.asked.count(("SUBSCRIBE", [TRADES, DEPTH])) == 2


async def test_what_one_line_lost_is_its_own_evidence_and_no_lost_book(memory_log: MemoryLog) -> None:
    """The gap frame has the label of the line; the book goes on with the other, and is lost with both."""
    async with lines(memory_log) as one:
        await one.both()
        await one.venue.send(TRADES, 1)
        await until(lambda: len(one.numbers()) == 2, 5, "both frames")
        one.venue.subscribers(TRADES)[0].transport.abort()
        await until(lambda: one.told("gap"), 5, "the gap")
        (gap,) = one.told("gap")
        assert feed_of(gap.c) in {":1", ":2"}
        assert one.lost == []
        await one.both()
        await one.venue.cut()
        await until(lambda: len(one.told("gap")) >= 2, 5, "the second gap")
        await until(lambda: "AAAUSDT" in one.lost, 5, "the book")


async def test_a_line_that_comes_late_holds_its_frames_back_until_the_other_has_passed_them(
    memory_log: MemoryLog,
) -> None:
    """It may be ahead of the other: its first frames must not look like a break."""
    async with lines(memory_log) as one:
        await one.both()
        await one.venue.send(TRADES, 1)
        await until(lambda: len(one.numbers()) == 2, 5, "both frames")
        stays = one.venue.subscribers(TRADES)[1]
        one.venue.subscribers(TRADES)[0].transport.abort()
        await until(one.is_back, 5, "the new connection")
        comes = one.venue.subscribers(TRADES)[1]
        await one.venue.send(TRADES, 3, only=comes)
        await one.venue.send(TRADES, 2, only=stays)
        await one.venue.send(TRADES, 3, only=stays)
        await until(lambda: len(one.numbers()) == 5, 5, "all frames")
        assert [number for _, number in one.numbers()[2:]] == [2, 3, 3]


async def test_frames_held_back_are_published_before_the_other_line_says_what_it_lost(memory_log: MemoryLog) -> None:
    """They prove that nothing was lost."""
    async with lines(memory_log) as one:
        await one.both()
        await one.venue.send(TRADES, 1)
        await until(lambda: len(one.numbers()) == 2, 5, "both frames")
        stays = one.venue.subscribers(TRADES)[1]
        one.venue.subscribers(TRADES)[0].transport.abort()
        await until(one.is_back, 5, "the new connection")
        for number in (2, 3):
            await one.venue.send(TRADES, number)
        await until(lambda: len(one.numbers()) == 4, 5, "the frames of the line that stays")
        stays.transport.abort()
        await until(lambda: len(one.told("gap")) == 2, 5, "the second gap")
        kinds = [frame.k for frame in memory_log.frames("AAAUSDT") if frame.k in {"trades", "gap"}]
        assert kinds == ["trades"] * 2 + ["gap"] + ["trades"] * 4 + ["gap"]


async def test_of_scoped_kinds_the_spare_is_elected_when_the_other_is_lost(memory_log: MemoryLog) -> None:
    """The gap of the line that counted comes first, then the switch to the one that serves; it stays."""
    market = dataclasses.replace(USDM, scoped_kinds=frozenset({"book", "book_snapshot"}))
    async with lines(memory_log, market) as one:
        await one.both()
        await one.venue.send(DEPTH, 1)
        await until(lambda: len(one.told("book")) == 2, 5, "both frames")
        (first,) = one.told("switch")
        elected = msgspec.json.decode(first.payload(), type=Switch)
        counting = next(s for s in one.lines.sessions if s.link and s.link.receiver.conn == elected.conn)
        spare = next(s for s in one.lines.sessions if s is not counting)
        assert counting.link is not None
        assert spare.link is not None
        spare_conn = spare.link.receiver.conn
        counting.link._connection._socket.transport.abort()
        await until(lambda: len(one.told("switch")) == 2, 5, "the switch")
        switch = msgspec.json.decode(one.told("switch")[1].payload(), type=Switch)
        assert (switch.conn, switch.streams) == (spare_conn, ("book",))
        assert one.lost == ["AAAUSDT"]
        await one.both()
        one.lines.watch(clock.now_ns())
        assert len(one.told("switch")) == 2
        evidence = [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in one.told("gap")]
        assert [gap.streams for gap in evidence] == [("trades", "book")]
