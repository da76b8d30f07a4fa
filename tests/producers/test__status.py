"""The status of a stream says what its frames, gaps and books were, and what is expected of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest

from cryptoflow import clock
from cryptoflow.config import Kafka, Producer, Settings
from exchanges.binance import USDM
from producers import _status
from producers._choose import selections
from producers._market import MarketRun
from producers._orders import CountOrder
from producers._ownership import Ownership, Wants
from producers._status import Status
from schemas import GapEvidence
from tests.doubles.memory_log import MemoryLog
from tests.doubles.rest_venue import rest_venue
from tests.doubles.scripted_venue import ScriptedVenue, scripted_venue
from tests.doubles.venue_run import until

TRADES, DEPTH, FUNDING = "aaausdt@aggTrade", "aaausdt@depth@100ms", "aaausdt@markPrice@1s"


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


class Bench:
    """Hold a market that streams, and its status."""

    def __init__(self, run: MarketRun, sockets: ScriptedVenue, status: Status, ownership: Ownership) -> None:
        """Take the parts."""
        self.run = run
        self.sockets = sockets
        self.status = status
        self.ownership = ownership

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the streams by name."""
        rows: Any = self.status.facts()["streams"]
        return {row["name"]: row for row in rows}

    async def heard(self, name: str, count: int) -> None:
        """Wait until so many frames of a stream came."""
        await until(lambda: self.rows()[name]["frames"] == count, 5, "hearing")


@asynccontextmanager
async def bench(log: MemoryLog, **changes: Any) -> AsyncIterator[Bench]:
    """Run one market with one symbol until it streams."""
    async with rest_venue() as rest, scripted_venue() as sockets, AsyncExitStack() as stack:
        rest.script = [(200, {}, listing("AAAUSDT"))]
        urls = {f"binance.usdm.{name}": sockets.url for name in ("public", "market")}
        own = {"endpoints": {**urls, "binance.usdm.rest": rest.base}, "reconnect_min_s": 0.05, "reconnect_max_s": 0.1}
        settings = Settings(environment="test", kafka=Kafka(), producer=Producer(**{**own, **changes}))
        run = MarketRun(settings, "binance", USDM, "test", log.intake)
        ownership = Ownership(settings, "binance", selections(["all"]), log.intake.conns.__contains__)
        await run.prepare(Wants(ownership, "usdm"), stack)
        rest.script = [(200, {}, b'{"lastUpdateId":5,"E":1,"T":1,"bids":[],"asks":[]}')]
        status = Status({("binance", "usdm"): run}, {"binance": ownership}, log.intake, {"replica": 0, "feed": ""})
        tasks = [asyncio.create_task(body) for body in run.open(asyncio.Event())]
        try:
            await until(lambda: run.streaming, 5, "streaming")
            yield Bench(run, sockets, status, ownership)
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


async def test_a_stream_is_unheard_until_its_first_frame(memory_log: MemoryLog) -> None:
    """Then its last frame and its count are told; other streams stay as they are."""
    async with bench(memory_log) as one:
        assert {row["state"] for row in one.rows().values()} == {"unheard"}
        assert one.rows()[TRADES]["silence_s"] is None
        before_ns = clock.now_ns()
        await one.sockets.send(TRADES, 1)
        await one.heard(TRADES, 1)
        row = one.rows()[TRADES]
        assert (row["state"], row["symbol"], row["stream"], row["owner"]) == ("ok", "AAAUSDT", "trades", "0/1")
        assert before_ns <= row["last_ns"] <= clock.now_ns()
        assert 0 <= row["silence_s"] < 5
        assert row["limit_s"] == Producer().unheard_limit_s
        assert row["book_valid"] is None
        assert one.rows()[DEPTH]["state"] == "unheard"
        assert msgspec.json.encode(one.status.facts())


async def test_a_book_tells_whether_it_is_whole_and_how_often_it_began_anew(memory_log: MemoryLog) -> None:
    """A break of its sequence is a resync; the stream itself is fine."""
    async with bench(memory_log) as one:
        assert one.rows()[DEPTH]["book_valid"] is False
        await delta(one.sockets, 1, 10, 0)
        await until(lambda: one.rows()[DEPTH]["book_valid"], 5, "the splice")
        assert one.rows()[DEPTH]["resyncs"] == 0
        await delta(one.sockets, 21, 30, 20)
        await until(lambda: one.rows()[DEPTH]["resyncs"] == 1, 5, "the break")
        assert one.rows()[DEPTH]["state"] == "ok"


async def test_gaps_are_counted_per_stream_with_the_last_cause(memory_log: MemoryLog) -> None:
    """A disconnect is one for each stream of the connection; another kind's gap is not ours."""
    async with bench(memory_log) as one:
        await one.sockets.send(TRADES, 1)
        await one.heard(TRADES, 1)
        one.run.missed("AAAUSDT", GapEvidence("restart", ("book",), 1, 2))
        assert (one.rows()[DEPTH]["gaps"], one.rows()[DEPTH]["last_gap"]) == (1, "restart")
        assert (one.rows()[TRADES]["gaps"], one.rows()[TRADES]["last_gap"]) == (0, "")
        await one.sockets.cut()
        await until(lambda: one.sockets.opened == 4 and one.run.streaming, 5, "opening again")
        row = one.rows()[TRADES]
        assert (row["gaps"], row["last_gap"], row["frames"], row["state"]) == (1, "disconnect", 0, "unheard")


async def test_what_is_not_served_says_why(memory_log: MemoryLog) -> None:
    """Silent beyond its limit, not answered, not connected."""
    async with bench(memory_log, silence_period_factor=1.1) as one:
        await one.sockets.send(FUNDING, 1)
        await one.heard(FUNDING, 1)
        later_ns = clock.now_ns() + 3_000_000_000
        for session in one.run.sessions:
            assert session.link is not None
            session.link.watchdog.check(later_ns)
        assert (one.rows()[FUNDING]["state"], one.rows()[FUNDING]["limit_s"]) == ("silent", 1.1)
        one.sockets.answers = False
        await one.sockets.cut()
        await until(lambda: one.sockets.opened == 4, 5, "opening again")
        await until(lambda: {row["state"] for row in one.rows().values()} == {"waiting"}, 5, "asking")
        one.sockets.admits = False
        await one.sockets.cut()
        await until(lambda: {row["state"] for row in one.rows().values()} == {"disconnected"}, 5, "losing it")
        assert {row["conn"] for row in one.rows().values()} == {""}


async def test_the_rate_is_held_against_the_documented_or_the_usual_one(
    memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usual rate is known after some looks; a look too early is none."""
    monkeypatch.setattr(_status, "_USUAL_MIN_SAMPLES", 2)
    async with bench(memory_log) as one:
        assert one.rows()[FUNDING]["expected_per_s"] == 1.0
        assert one.rows()[TRADES]["expected_per_s"] is None
        began_s = clock.monotonic_s()
        for look in range(1, 4):
            for number in range(20):
                await one.sockets.send(TRADES, number)
            await one.heard(TRADES, 20 * look)
            one.status.sample(began_s + 10 * look)
            one.status.sample(began_s + 10 * look + 5)
        monkeypatch.setattr(clock, "monotonic_s", lambda: began_s + 40)
        row = one.rows()[TRADES]
        assert row["expected_per_s"] == pytest.approx(2.0, rel=0.3)
        # The last look but one was 20 s ago, and 20 frames came since.
        assert row["rate_per_s"] == pytest.approx(1.0, rel=0.1)


async def test_the_owner_is_as_ordered_and_a_handover_is_told(memory_log: MemoryLog) -> None:
    """Its replica among so many, the direction, the feed and what the process says of itself."""
    async with bench(memory_log) as one:
        order = CountOrder("binance", "usdm", 3, 1, 5)
        one.ownership.replicas.take(order.key, msgspec.json.encode(order))
        one.ownership.handover.give(("usdm", "AAAUSDT"), 0)
        row = one.rows()[TRADES]
        assert (row["owner"], row["handover"], row["feed"]) == ("0/3", "giving", "")
        facts = one.status.facts()
        assert (facts["replica"], facts["feed"]) == (0, "")
