"""A market records what it was asked for, writes signs of life, and brings back what was dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest

from cryptoflow import clock
from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.errors import ConfigError
from exchanges.binance import SPOT, USDM
from producers import _roster
from producers._holes import Hole
from producers._market import MarketRun
from producers._reseed import ReseedRequest
from producers._wants import Asked
from tests.doubles.memory_log import MemoryLog
from tests.doubles.rest_venue import RestVenue, rest_venue
from tests.doubles.scripted_venue import ScriptedVenue, scripted_venue
from tests.doubles.venue_run import until

FUNDING, TRADES, DEPTH = "aaausdt@markPrice@1s", "aaausdt@aggTrade", "aaausdt@depth@100ms"


def listing(*symbols: str) -> bytes:
    """Invent an exchangeInfo body."""
    entries: list[dict[str, Any]] = [
        {
            "symbol": name, "pair": name, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
            "status": "TRADING", "baseAsset": name[:3], "quoteAsset": "USDT", "marginAsset": "USDT", "filters": [],
        }
        for name in symbols
    ]  # fmt: skip
    return msgspec.json.encode({"symbols": entries})


def market_run(log: MemoryLog, rest: RestVenue, sockets: ScriptedVenue | None, **changes: Any) -> MarketRun:
    """Make a market that reaches the doubles."""
    urls = {f"binance.usdm.{name}": sockets.url for name in ("public", "market")} if sockets else {}
    own = {"endpoints": {**urls, "binance.usdm.rest": rest.base}, "alive_interval_s": 0.3, **changes}
    settings = Settings(environment="test", kafka=Kafka(), producer=Producer(**own))
    return MarketRun(settings, "binance", USDM, "test", log.intake)


@asynccontextmanager
async def recording(log: MemoryLog, **changes: Any) -> AsyncIterator[tuple[MarketRun, ScriptedVenue, RestVenue]]:
    """Run one market with one symbol until it streams."""
    async with rest_venue() as rest, scripted_venue() as sockets, AsyncExitStack() as stack:
        rest.script = [(200, {}, listing("AAAUSDT", "BBBUSDT"))]
        run = market_run(log, rest, sockets, **changes)
        await run.prepare(["AAAUSDT"], stack)
        rest.script = [(200, {}, b'{"lastUpdateId":5,"E":1,"T":1,"bids":[],"asks":[]}')]
        tasks = [asyncio.create_task(body) for body in run.open(asyncio.Event())]
        try:
            await until(lambda: run.streaming, 5, "streaming")
            yield run, sockets, rest
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def delta(sockets: ScriptedVenue, first: int, last: int, prev: int) -> None:
    """Send an invented book delta."""
    ids = b'"U":%d,"u":%d,"pu":%d' % (first, last, prev)
    body = b'{"stream":"%b","data":{"e":"depthUpdate","E":1,"T":1,"s":"AAAUSDT",%b,"b":[],"a":[]}}'
    for socket in sockets.subscribers(DEPTH):
        await socket.send(body % (DEPTH.encode(), ids), text=True)


def kinds(log: MemoryLog) -> list[str]:
    """Return the kinds of the symbol's frames."""
    return [frame.k for frame in log.frames("AAAUSDT")]


async def test_it_subscribes_what_was_asked_for_and_nothing_else(memory_log: MemoryLog) -> None:
    """The definition comes first; only the chosen symbol's streams are subscribed, on their endpoints."""
    async with recording(memory_log) as (run, sockets, _):
        asked = {name for _, names in sockets.asked for name in names}
        assert asked == {f"aaausdt@{stream.channel}" for stream in USDM.streams if stream.default}
        assert kinds(memory_log)[0] == "instrument"
        assert run.wanted() == {("usdm", "AAAUSDT"): frozenset(s.kind.value for s in USDM.streams if s.default)}
        assert run.facts() == {"symbols": 1, "connections": 2, "streaming": 2, "books_valid": 0}


async def test_a_first_delta_brings_a_snapshot_and_a_break_another(memory_log: MemoryLog) -> None:
    """The peek at sequences makes the producer quick."""
    async with recording(memory_log) as (run, sockets, rest):
        await delta(sockets, 1, 10, 0)
        await until(lambda: run.facts()["books_valid"] == 1, 5, "the splice")
        rest.script = [(200, {}, b'{"lastUpdateId":25,"E":1,"T":1,"bids":[],"asks":[]}')]
        await delta(sockets, 21, 30, 20)
        await until(lambda: kinds(memory_log).count("book_snapshot") == 2, 5, "the second snapshot")
        reasons = [frame.m and frame.m["reason"] for frame in memory_log.frames("AAAUSDT") if frame.m]
        assert reasons == ["subscribe", "resync"]


async def test_agents_and_drops_ask_for_snapshots_too(memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for another market is not ours; a dropped definition is written again."""
    monkeypatch.setattr("producers._books.REDO_S", 0.0)
    async with recording(memory_log) as (run, sockets, _):
        await delta(sockets, 1, 10, 0)
        await until(lambda: run.facts()["books_valid"] == 1, 5, "the splice")
        run.reseed(ReseedRequest("binance", "spot", "AAAUSDT", clock.now_ns()))
        run.reseed(ReseedRequest("binance", "usdm", "AAAUSDT", clock.now_ns()))
        await until(lambda: kinds(memory_log).count("book_snapshot") == 2, 5, "the asked one")
        run.dropped(run.lanes["AAAUSDT"], Hole(1, 2, 3, {"book"}, {"book", "instrument"}))
        await until(lambda: kinds(memory_log).count("book_snapshot") == 3, 5, "the lost one")
        run._instruments.write(run.lanes, memory_log.intake)
        assert kinds(memory_log).count("instrument") == 2


async def test_idle_streams_that_were_heard_are_called_alive(memory_log: MemoryLog) -> None:
    """One frame per symbol and connection, naming streams and the limit that guards them."""
    async with recording(memory_log) as (run, sockets, _):
        await sockets.send(TRADES, 1)
        await until(lambda: "trades" in kinds(memory_log), 5, "a trade")

        def watched() -> bool:
            run.watch(clock.now_ns())
            return "alive" in kinds(memory_log)

        await until(watched, 5, "a sign of life")
        frame = next(frame for frame in memory_log.frames("AAAUSDT") if frame.k == "alive")
        told = msgspec.json.decode(frame.payload())
        assert "trades" in told["streams"]
        assert "funding" not in told["streams"]
        assert told["silence_limit_ns"] > 0


async def test_after_a_pause_every_connection_is_opened_again(memory_log: MemoryLog) -> None:
    """Each declares its gap."""
    async with recording(memory_log) as (run, sockets, _):
        await sockets.send(TRADES, 1)
        await until(lambda: "trades" in kinds(memory_log), 5, "a trade")
        run.paused("paused for 9 s")
        await until(lambda: sockets.opened == 4 and run.streaming, 5, "opening again")
        assert "gap" in kinds(memory_log)


async def test_replicas_share_the_symbols(memory_log: MemoryLog) -> None:
    """Only owned symbols are recorded; an unknown one ends in one line."""
    names = [f"S{number:02d}USDT" for number in range(20)]
    chosen: list[str] = []
    for index in range(2):
        async with rest_venue() as rest, AsyncExitStack() as stack:
            rest.script = [(200, {}, listing(*names))]
            run = market_run(memory_log, rest, None, replica_count=2, replica_index=index)
            await run.prepare([], stack)
            chosen += run.lanes
            stranger = market_run(memory_log, rest, None)
            with pytest.raises(ConfigError, match="NOPE is not listed"):
                await stranger.prepare(["NOPE"], stack)
    assert sorted(chosen) == names


async def test_what_ends_here_and_goes_on_elsewhere_has_no_gap(
    memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for the change: an order, or the venue that lists a symbol no more."""
    monkeypatch.setattr(Asked, "elsewhere", ("IX",))
    spared: list[set[str]] = []
    async with rest_venue() as rest, AsyncExitStack() as stack:
        rest.script = [(200, {}, listing("AAAUSDT"))]
        run = market_run(memory_log, rest, None)
        await run.prepare(["AAAUSDT"], stack)
        monkeypatch.setattr(run._roster, "apply", lambda _symbols, _intake, names: spared.append(set(names)) or (0, 0))
        run.apply([], ["AAAUSDT"])
    assert spared == [{"IX", "AAAUSDT"}]


def test_lanes_of_other_symbols_are_bounded(memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of symbols nobody asked for are published under their own key, at bounded memory."""
    monkeypatch.setattr(_roster, "OTHER_SYMBOLS_MAX", 2)
    run = MarketRun(Settings(environment="test"), "binance", USDM, "test", memory_log.intake)
    lanes = [run.lane_of(f"S{number}") for number in range(5)]
    assert [lane.symbol for lane in lanes] == [f"S{number}" for number in range(5)]
    assert len(run._roster._others) == 2
    assert run.lane_of("").symbol == "_conn" or run.lane_of("").key.endswith(b"_conn")


async def test_a_market_without_the_kinds_asked_for_does_not_hold_readiness_up(memory_log: MemoryLog) -> None:
    """Its other markets are recorded; of this one there is nothing to wait for."""
    run = MarketRun(
        Settings(environment="test", producer=Producer(streams=("funding",))),
        "binance",
        SPOT,
        "test",
        memory_log.intake,
    )
    run._roster.apply(["AAAUSDT"], memory_log.intake)
    assert not run.streaming
    for body in run.open(asyncio.Event()):
        body.close()
    assert run.streaming


@pytest.mark.parametrize(("channel", "is_filled"), [("trade", True), ("aggTrade", False)])
def test_only_trades_whose_ids_rest_knows_are_fetched(memory_log: MemoryLog, channel: str, *, is_filled: bool) -> None:
    """Ids of aggregates mean other trades to the request for single fills."""
    settings = Settings(environment="test", producer=Producer(channels={"binance.spot": [channel]}))
    run = MarketRun(settings, "binance", SPOT, "test", memory_log.intake)
    assert (run._fills is not None) is is_filled
