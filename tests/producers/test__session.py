"""A session keeps its streams alive, replaces connections without a gap and declares what it missed."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from cryptoflow import clock
from cryptoflow.config import Producer
from exchanges import StreamKind
from exchanges.binance import USDM
from producers._declare import Declare
from producers._egress import Egress
from producers._ipshards import IpShards
from producers._link import Surroundings
from producers._plan import Carried
from producers._receiver import Hooks
from producers._session import PAUSE, Session
from producers._watchdog import SilenceLimits, StreamInfo
from schemas import GapEvidence, RawFrame
from tests.doubles.memory_log import MemoryLog
from tests.doubles.scripted_venue import ScriptedVenue, scripted_venue
from tests.doubles.venue_run import until

TRADES, QUOTES, OTHER = "aaausdt@aggTrade", "aaausdt@bookTicker", "bbbusdt@aggTrade"
SETTINGS: dict[str, Any] = {
    "reconnect_min_s": 0.05, "reconnect_max_s": 0.1, "overlap_grace_s": 0.2, "overlap_max_s": 3,
    "lifetime_share": 1.0, "close_timeout_s": 1, "open_timeout_s": 2,
}  # fmt: skip
LIMITS = SilenceLimits(30, 15, 30, 5, 120)


class Bench:
    """Run one session against a scripted venue."""

    def __init__(self, venue: ScriptedVenue, log: MemoryLog, limits: SilenceLimits, endpoint: dict[str, Any]) -> None:
        """Subscribe two symbols."""
        self.venue = venue
        self.log = log
        self.lost: list[str] = []
        infos = tuple(
            StreamInfo(name, kind, name[:7].upper(), None)
            for name, kind in ((TRADES, StreamKind.TRADES), (QUOTES, StreamKind.BOOK), (OTHER, StreamKind.TRADES))
        )
        settings = Producer(**SETTINGS)
        around = Surroundings(
            exchange="binance", market=USDM, settings=settings, limits=limits, intake=log.intake,
            declare=Declare(log.intake, log.lane, lambda: (), self.lost.append), hooks=Hooks(log.lane), room=None,
        )  # fmt: skip
        where = dataclasses.replace(USDM.endpoint("public"), messages_per_s=100.0, **endpoint)
        self.session = Session(around, Carried(where, infos), venue.url, Egress(IpShards(), 60.0))
        self.task = asyncio.create_task(self.session.run())

    async def streaming(self, opened: int = 1) -> None:
        """Wait until the connection with this number is acknowledged."""
        await until(lambda: self.venue.opened >= opened and self.session.streaming, 5, "streaming")

    async def say(self, stream: str, *numbers: int) -> None:
        """Send frames and wait until they are in the log."""
        for number in numbers:
            await self.venue.send(stream, number)
        await until(lambda: self.updates(stream)[-1:] == list(numbers[-1:]), 5, "receiving")

    def updates(self, stream: str) -> list[int]:
        """Return the invented numbers of a stream's frames in log order."""
        frames = self.log.frames(stream[:7].upper())
        found = [msgspec.json.decode(frame.payload()) for frame in frames if frame.k != "gap"]
        return [one["data"]["u"] for one in found if one["stream"] == stream]

    def gaps(self, symbol: str) -> list[GapEvidence]:
        """Return a symbol's gap evidence."""
        frames: list[RawFrame] = self.log.frames(symbol)
        return [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in frames if frame.k == "gap"]


@asynccontextmanager
async def bench(log: MemoryLog, limits: SilenceLimits = LIMITS, **endpoint: Any) -> AsyncIterator[Bench]:
    """Run a session and end it."""
    async with scripted_venue() as venue:
        one = Bench(venue, log, limits, endpoint)
        try:
            yield one
        finally:
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)
        await until(lambda: not venue.clients, 5, "closing the sockets")


async def test_a_disconnect_is_one_gap_per_symbol_before_the_next_connection(memory_log: MemoryLog) -> None:
    """The gap starts at the last frame received, names the streams carried, and stands before new frames."""
    async with bench(memory_log) as one:
        await one.streaming()
        await one.say(TRADES, 1, 2)
        last = one.session.link.receiver.last_ns if one.session.link else 0
        await one.venue.cut()
        await one.streaming(2)
        await one.say(TRADES, 3)
        frames = memory_log.frames("AAAUSDT")
        assert [frame.k for frame in frames] == ["trades", "trades", "gap", "trades"]
        assert one.gaps("AAAUSDT") == [
            GapEvidence("disconnect", ("trades", "book"), last, detail=one.gaps("AAAUSDT")[0].detail)
        ]
        assert [gap.streams for gap in one.gaps("BBBUSDT")] == [("trades",)]
        assert one.lost == ["AAAUSDT"]
        first, _, last_conn = (frame.c for frame in frames if frame.k == "trades")
        assert one.gaps("AAAUSDT")[0].detail.endswith(f" (connection {first})")
        assert first != last_conn


async def test_connecting_is_tried_until_it_succeeds(memory_log: MemoryLog) -> None:
    """A venue that refuses for a while gets no gap per attempt."""
    async with bench(memory_log) as one:
        await one.streaming()
        await one.say(TRADES, 1)
        one.venue.admits = False
        await one.venue.cut()
        await until(lambda: one.venue.opened >= 4, 5, "trying again")
        one.venue.admits = True
        await one.streaming(5)
        assert len(one.gaps("AAAUSDT")) == 1


async def test_an_unanswered_subscription_costs_the_connection(memory_log: MemoryLog) -> None:
    """After all attempts another connection is opened."""
    async with bench(memory_log, ack_timeout_s=0.1) as one:
        one.venue.answers = False
        await until(lambda: one.venue.opened >= 2, 5, "opening again")
        one.venue.answers = True
        await one.streaming()


async def test_a_refused_subscription_costs_the_connection(memory_log: MemoryLog) -> None:
    """An error answer is a failure, not an acknowledgement."""
    async with bench(memory_log) as one:
        one.venue.refusal = "Invalid request"
        await until(lambda: one.venue.opened >= 2, 5, "opening again")
        one.venue.refusal = ""
        await one.streaming()


async def test_a_server_notice_brings_a_replacement_without_a_gap(memory_log: MemoryLog) -> None:
    """During the overlap the new connection's frames wait; then they follow the old one's, all of them."""
    async with bench(memory_log) as one:
        await one.streaming()
        await one.say(TRADES, 1)
        (old,) = one.venue.subscribers(TRADES)
        await one.venue.send_raw(b'{"e":"serverShutdown","E":1}')
        await until(lambda: len(one.venue.subscribers(TRADES)) == 2, 5, "overlapping")
        new = one.venue.subscribers(TRADES)[1]
        await one.venue.send(TRADES, 2, only=new)
        await one.venue.send(TRADES, 2, only=old)
        await one.venue.send(TRADES, 3, only=new)
        await until(lambda: one.venue.subscribers(TRADES) == [new], 5, "closing the old one")
        await one.say(TRADES, 4)
        assert one.updates(TRADES) == [1, 2, 2, 3, 4]
        conns = [frame.c for frame in memory_log.frames("AAAUSDT")]
        assert conns == sorted(conns, key=conns.index)
        assert one.gaps("AAAUSDT") == []
        assert one.lost == []


async def test_the_lifetime_brings_a_replacement_in_time(memory_log: MemoryLog) -> None:
    """Before the venue cuts, another connection takes over; frames go on throughout."""
    async with bench(memory_log, lifetime_s=1.0) as one:
        await one.streaming()
        number = 0
        deadline = clock.monotonic_s() + 4
        while one.venue.opened < 3 and clock.monotonic_s() < deadline:
            number += 1
            await one.venue.send(TRADES, number)
            await asyncio.sleep(0.02)
        await until(lambda: number in one.updates(TRADES), 5, "receiving the last")
        assert one.venue.opened >= 2
        assert sorted(set(one.updates(TRADES))) == list(range(1, number + 1))
        assert one.gaps("AAAUSDT") == []


async def test_a_replacement_that_never_gets_ready_leaves_the_old_one_alone(memory_log: MemoryLog) -> None:
    """Without answers the old connection stays and nothing is declared."""
    async with bench(memory_log) as one:
        await one.streaming()
        one.venue.answers = False
        one.session.replace("test")
        await until(lambda: one.venue.opened == 2, 5, "opening the replacement")
        await until(lambda: len(one.venue.clients) == 1, 6, "giving the replacement up")
        await one.say(TRADES, 7)
        assert one.gaps("AAAUSDT") == []


async def test_when_the_old_connection_dies_first_the_gap_comes_before_the_held_frames(memory_log: MemoryLog) -> None:
    """An overlap that was not ready covers nothing."""
    async with bench(memory_log) as one:
        await one.streaming()
        await one.say(TRADES, 1)
        (old,) = one.venue.subscribers(TRADES)
        one.venue.answers = False
        one.session.replace("test")
        await until(lambda: len(one.venue.subscribers(TRADES)) == 2, 5, "opening the replacement")
        new = one.venue.subscribers(TRADES)[1]
        await one.venue.send(TRADES, 5, only=new)
        old.transport.abort()
        await until(lambda: one.updates(TRADES) == [1, 5], 5, "releasing")
        assert [frame.k for frame in memory_log.frames("AAAUSDT")] == ["trades", "gap", "trades"]


async def test_acknowledged_but_silent_is_declared_and_subscribed_again_alone(memory_log: MemoryLog) -> None:
    """The smallest thing is asked for again; once it talks nothing more is declared."""
    limits = SilenceLimits(30, 0.2, 2, 5, 0.3)
    async with bench(memory_log, limits) as one:
        await one.streaming()
        await one.say(OTHER, 1)
        await one.say(QUOTES, 1)

        def alarmed() -> bool:
            one.session.watch(clock.now_ns())
            return bool(one.gaps("AAAUSDT"))

        await until(alarmed, 3, "noticing the silence")
        (gap,) = one.gaps("AAAUSDT")
        assert (gap.cause, gap.streams) == ("silence", ("trades",))
        assert "unheard_limit_s" in gap.detail
        conn = one.session.link.receiver.conn if one.session.link else ""
        assert gap.detail.endswith(f" (connection {conn})")
        asked = ["SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"]
        await until(lambda: [method for method, names in one.venue.asked if TRADES in names] == asked, 3, "asking")
        assert not any(QUOTES in names for _, names in one.venue.asked[1:])
        await one.say(TRADES, 1)
        assert one.venue.opened == 1


async def test_a_silent_connection_is_opened_again(memory_log: MemoryLog) -> None:
    """No data frame at all within the limit is a gap of cause silence for every symbol."""
    async with bench(memory_log, SilenceLimits(0.3, 15, 30, 5, 120)) as one:
        await one.streaming()
        await one.say(TRADES, 1)

        def watched() -> bool:
            one.session.watch(clock.now_ns())
            return one.venue.opened == 2

        await until(watched, 5, "opening again")
        assert [gap.cause for gap in one.gaps("BBBUSDT")] == ["silence"]


async def test_after_a_pause_of_our_own_the_connection_is_not_trusted(memory_log: MemoryLog) -> None:
    """The gap says pause, and starts at the last frame received."""
    async with bench(memory_log) as one:
        await one.streaming()
        await one.say(TRADES, 1)
        one.session.reconnect(PAUSE, "this process was paused for 9 s")
        await one.streaming(2)
        (gap,) = one.gaps("AAAUSDT")
        conn = memory_log.frames("AAAUSDT")[0].c
        assert (gap.cause, gap.detail) == ("pause", f"this process was paused for 9 s (connection {conn})")


async def test_an_error_in_the_reader_ends_the_session_aloud(memory_log: MemoryLog) -> None:
    """A reader that dies silently would look like a silent venue."""
    async with bench(memory_log) as one:
        await one.streaming()
        assert one.session.link is not None
        one.session.link.receiver._intake = None  # type: ignore[assignment] # a bug, on purpose
        await one.venue.send(TRADES, 1)
        await until(one.task.done, 5, "ending")
        assert isinstance(one.task.exception(), AttributeError)


async def test_a_kind_that_several_channels_feed_is_missed_until_the_last_is_served(memory_log: MemoryLog) -> None:
    """Its gap ends with the first that speaks; the time until the others are accepted is declared, too."""
    async with bench(memory_log, streams_per_request_max=1) as one:
        mark, rate = (StreamInfo(f"cccusdt@{name}", StreamKind.FUNDING, "CCCUSDT", None) for name in ("mark", "rate"))
        await one.streaming()
        one.session.add((mark, rate))
        await until(lambda: one.venue.subscribers(rate.name), 5, "subscribing")
        await one.streaming()
        assert one.gaps("CCCUSDT") == []
        await one.venue.cut()
        await one.streaming(2)
        first, rest = one.gaps("CCCUSDT")
        assert (first.cause, first.to_ns, rest.cause, rest.streams) == ("disconnect", 0, "disconnect", ("funding",))
        assert first.from_ns < rest.from_ns < rest.to_ns
