"""A link reads into the log, subscribes at the venue's pace and stops reading when asked to wait."""

from __future__ import annotations

import asyncio
import dataclasses

import msgspec
import pytest

from cryptoflow.config import Producer
from exchanges import Market, StreamKind
from exchanges.binance import USDM
from producers import _intake
from producers._connection import Target, open_connection
from producers._declare import Declare
from producers._link import Link, Surroundings
from producers._plan import Carried
from producers._receiver import Hooks
from producers._watchdog import SilenceLimits, StreamInfo
from schemas import GapEvidence
from tests.doubles.memory_log import MemoryLog
from tests.doubles.scripted_venue import ScriptedVenue, scripted_venue
from tests.doubles.venue_run import until

STREAM = "aaausdt@aggTrade"


async def opened(
    venue: ScriptedVenue, log: MemoryLog, room: asyncio.Event | None, market: Market = USDM, **endpoint: object
) -> Link:
    """Open a started link with one stream, of a kind that waits for room where there is an end to it."""
    return await opened_with({"trades": "wait"}, venue, log, room, market, **endpoint)


async def opened_with(
    policies: dict[str, str],
    venue: ScriptedVenue,
    log: MemoryLog,
    room: asyncio.Event | None,
    market: Market = USDM,
    **endpoint: object,
) -> Link:
    """Open a started link with one stream of trades."""
    around = Surroundings(
        exchange="binance", market=market, settings=Producer.model_validate({"policies": policies}),
        limits=SilenceLimits(30, 15, 30, 5, 120),
        intake=log.intake,
            declare=Declare(log.intake, log.lane, lambda: (), lambda _symbol: None), hooks=Hooks(log.lane), room=room,
    )  # fmt: skip
    where = dataclasses.replace(USDM.endpoint("market"), **endpoint)  # type: ignore[arg-type] # any of its fields
    carried = Carried(where, (StreamInfo(STREAM, StreamKind.TRADES, "AAAUSDT", None),))
    link = Link(await open_connection(Target.of(venue.url, Producer())), around, carried, lambda: None)
    link.start()
    return link


async def test_it_subscribes_and_starts_the_timers_with_the_answer(memory_log: MemoryLog) -> None:
    """After the acknowledgement the feed streams and the watchdog watches."""
    async with scripted_venue() as venue:
        link = await opened(venue, memory_log, None)
        await until(lambda: link.feed.streaming, 5, "streaming")
        assert link.acknowledged_ns
        assert venue.asked == [("SUBSCRIBE", [STREAM])]
        await link.stop()
        assert link.ended.result() == "closed"


async def test_a_link_that_stopped_is_not_remembered_for_ever(
    memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections come and go for as long as the process runs."""
    monkeypatch.setattr(_intake, "ENDED_MAX_CONNECTIONS", 1)
    async with scripted_venue() as venue:
        first, second = [await opened(venue, memory_log, None) for _ in range(2)]
        await first.stop()
        assert first.receiver.conn in memory_log.intake.conns
        await second.stop()
        assert first.receiver.conn not in memory_log.intake.conns


async def test_without_room_the_socket_is_not_read(memory_log: MemoryLog) -> None:
    """The policy wait leaves frames at the venue until the broker has caught up."""
    room = asyncio.Event()
    room.set()
    async with scripted_venue() as venue:
        link = await opened(venue, memory_log, room)
        await until(lambda: link.feed.streaming, 5, "streaming")
        room.clear()
        for number in range(5):
            await venue.send(STREAM, number)
        await asyncio.sleep(0.1)
        assert len(memory_log.frames("AAAUSDT")) <= 1
        room.set()
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 5, 5, "catching up")
        await link.stop()


async def test_what_another_connection_waits_for_holds_nothing_up(memory_log: MemoryLog) -> None:
    """The policy is of a kind: a socket that does not bring it is read on."""
    async with scripted_venue() as venue:
        link = await opened_with({"funding": "wait", "trades": "spill"}, venue, memory_log, asyncio.Event())
        await until(lambda: link.feed.streaming, 5, "streaming")
        await venue.send(STREAM, 1)
        await venue.send(STREAM, 2)
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 2, 5, "reading on")
        await link.stop()


async def test_heartbeats_are_sent_where_the_venue_wants_them(memory_log: MemoryLog) -> None:
    """The endpoint says what and how often."""
    async with scripted_venue() as venue:
        beat = b'{"method":"PING","params":[]}'
        link = await opened(venue, memory_log, None, heartbeat=beat, heartbeat_interval_s=0.05)
        await until(lambda: link.ended.done() or ("PING", []) in venue.asked, 5, "a heartbeat")
        await link.stop()
        assert ("PING", []) in venue.asked


async def test_what_passes_while_a_stream_is_given_up_is_declared(memory_log: MemoryLog) -> None:
    """A late frame may close the silence's gap; the new acceptance says that frames after it can be missing."""
    async with scripted_venue() as venue:
        link = await opened(venue, memory_log, None)
        await until(lambda: link.feed.streaming, 5, "streaming")
        await venue.send(STREAM, 1)
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 1, 5, "a frame")
        heard_ns = link.watchdog.last_ns[STREAM]
        link.resubscribe([STREAM])
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 2, 5, "the gap")
        gap = msgspec.json.decode(memory_log.frames("AAAUSDT")[1].payload(), type=GapEvidence)
        assert (gap.cause, gap.streams, gap.from_ns) == ("resubscribe", ("trades",), heard_ns)
        await link.stop()


async def test_what_comes_before_a_stream_is_given_up_is_not_missed(memory_log: MemoryLog) -> None:
    """Requests wait for the venue's pace: the gap begins with the last frame before the stream is given up."""
    async with scripted_venue() as venue:
        link = await opened(venue, memory_log, None, messages_per_s=0.5)
        await until(lambda: link.feed.streaming, 5, "streaming")
        link.resubscribe([STREAM])
        await venue.send(STREAM, 1)
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 1, 5, "a frame")
        heard_ns = link.watchdog.last_ns[STREAM]
        assert ("UNSUBSCRIBE", [STREAM]) not in venue.asked
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 2, 5, "the gap")
        gap = msgspec.json.decode(memory_log.frames("AAAUSDT")[1].payload(), type=GapEvidence)
        assert (gap.cause, gap.from_ns) == ("resubscribe", heard_ns)
        await link.stop()


async def test_a_replacement_draws_level_with_what_the_old_connection_brought_last(memory_log: MemoryLog) -> None:
    """Where frames have no ids it waits for that frame, however late it comes; not for what came before it listened."""
    market = dataclasses.replace(USDM, scoped_kinds=frozenset({"trades"}))
    async with scripted_venue() as venue:
        old = await opened(venue, memory_log, None, market)
        await until(lambda: old.feed.streaming, 5, "streaming")
        old.receiver.remember()
        await venue.send(STREAM, 1)
        await until(lambda: memory_log.frames("AAAUSDT"), 5, "the first frame")
        fresh = await opened(venue, memory_log, None, market)
        fresh.receiver.hold()
        await until(lambda: fresh.feed.streaming, 5, "streaming")
        await fresh.draw_level(old)
        first, second = venue.subscribers(STREAM)
        await venue.send(STREAM, 2, only=first)
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 2, 5, "the newest frame")
        await old.stop()
        level = asyncio.create_task(fresh.draw_level(old))
        await venue.send(STREAM, 1, only=second)
        await until(lambda: fresh.receiver.held == 1, 5, "another frame")
        await asyncio.sleep(0.05)
        assert not level.done()
        await venue.send(STREAM, 2, only=second)
        await asyncio.wait_for(level, 5)
        assert fresh.receiver.joins(old.receiver).keys() == {("AAAUSDT", "trades")}
        await fresh.stop()


async def test_a_replacement_that_ends_draws_level_no_more(memory_log: MemoryLog) -> None:
    """Nothing more will come on it."""
    market = dataclasses.replace(USDM, scoped_kinds=frozenset({"trades"}))
    async with scripted_venue() as venue:
        old, fresh = [await opened(venue, memory_log, None, market) for _ in range(2)]
        await until(lambda: old.feed.streaming and fresh.feed.streaming, 5, "streaming")
        old.receiver.remember()
        fresh.receiver.hold()
        await venue.send(STREAM, 1, only=venue.subscribers(STREAM)[0])
        await until(lambda: memory_log.frames("AAAUSDT"), 5, "a frame")
        level = asyncio.create_task(fresh.draw_level(old))
        await fresh.stop()
        await asyncio.wait_for(level, 5)
        await old.stop()
