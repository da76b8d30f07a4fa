"""An hour without a venue, 1,000 symbols, in virtual time: no published limit is passed, no storm, all comes back.

The producer's own market, sessions and REST run against the simulator's own doors and limits.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptoflow import clock, events
from cryptoflow.config import Producer, Settings
from cryptoflow.simulator.venues import markets
from cryptoflow.simulator.venues._values import Frame
from exchanges import Market, StreamKind
from producers._market import MarketRun
from producers._watchdog import StreamInfo
from schemas import GapEvidence, decode_raw
from schemas._registry import load
from tests.doubles.memory_log import MemoryLog
from tests.doubles.memory_net import MemoryNet, Outage
from tests.doubles.virtual_loop import EPOCH_NS, NS_PER_S, VirtualClock, run_virtually

SYMBOLS = 1000
OTHER_SYMBOLS = int(os.environ.get("CRYPTOFLOW_TEST_OUTAGE_SYMBOLS", "100"))
"""Symbols of the markets besides the first; 1,000 in the nightly run."""

HOUR_S = 3600.0
CALM_S = 120.0
"""After so long every back-off has reached its largest."""

REST_TRIES_MAX = 20
SNAPSHOT_WEIGHT, WEIGHT_PER_MINUTE = 20, 2400
EVERY_S = 60.0
TALK_S = 0.5
COARSE = {
    "producers._session._POLL_S": 0.25, "producers._fleet._POLL_S": 0.25, "producers._roster._POLL_S": 1.0,
    "producers._fills._POLL_S": 1.0, "producers._snapshots._POLL_S": 0.5, "producers._link._TICK_S": 0.05,
    "cryptoflow.simulator.door._TICK_S": 1.0,
}  # fmt: skip
"""How often is looked, coarser than in life: it costs real time, and no limit depends on it."""


class Bench:
    """Run one market over a network in memory."""

    def __init__(self, net: MemoryNet, log: MemoryLog, market: Market, **own: Any) -> None:
        """Record everything the market lists."""
        self.net = net
        self.log = log
        self.market = market
        exchange = net.market.partition(".")[0]
        chosen = {"channels": {net.market: quiet_channels(market)}, "alive_interval_s": EVERY_S, **own}
        producer = Producer(endpoints=net.endpoints, **chosen)
        self.run = MarketRun(Settings(environment="test", producer=producer), exchange, market, "test", log.intake)
        self.talks = True
        self.every_s = EVERY_S
        self.muted: list[StreamInfo] = []

    async def tick(self) -> None:
        """Move the log on and watch, as the producer's process does."""
        while True:
            for _ in range(10):
                self.log.intake.tick()
                await asyncio.sleep(0.1)
            self.run.watch(clock.now_ns())

    async def talk(self) -> None:
        """Let the venue send a frame of each stream every `every_s`, symbol after symbol."""
        net = self.net
        models = list(net.source._models.values())
        # In no order, so that every connection hears something all the time.
        random.Random(1).shuffle(models)
        turn = 0.0
        while True:
            await asyncio.sleep(TALK_S)
            if not self.talks:
                continue
            net.source._now_ns = clock.now_ns()
            frames: list[Frame] = []
            upto = turn + len(models) * TALK_S / self.every_s
            for place in range(int(turn), int(upto)):
                model = models[place % len(models)]
                model.close(net.source.now_ms, frames)
                model.voice.quote(net.source.now_ms, frames)
            turn = upto
            mute = {self.key(name) for info in self.muted for name in (info.name, info.heard)}
            for key, payload in frames:
                if key not in mute:
                    net.outlet.offer(key, payload)
            await net.outlet.flush()

    def unserved(self) -> list[str]:
        """Return the streams nobody gets at the venue."""
        routes = self.net.hub.routes
        return [
            info.name
            for info in self.infos()
            if not routes.get(self.key(info.name)) and not routes.get(self.key(info.heard))
        ]

    def infos(self) -> list[StreamInfo]:
        """Return all streams."""
        return [info for session in self.run.sessions for info in session.carried.streams]

    def key(self, name: str) -> str:
        """Return a stream's key in the simulator."""
        return self.net.venue.key(self.net.market.partition(".")[2], name)

    def mute(self, symbol: str) -> None:
        """Let the streams of a symbol be silent, but for liquidations, which may be absent for hours."""
        kind = StreamKind.LIQUIDATIONS
        self.muted += [info for info in self.infos() if info.symbol == symbol and info.kind is not kind]

    def evidence(self) -> list[tuple[str, GapEvidence]]:
        """Return the gap evidence in the log with its symbols."""
        records = [decode_raw(value) for _, _, value in self.log.client.delivered]
        return [
            (record.symbol, msgspec.json.decode(frame.payload(), type=GapEvidence))
            for record in records
            for frame in record.frames
            if frame.k == "gap"
        ]

    async def until(self, condition: Any, limit_s: float, doing: str) -> float:
        """Wait in virtual time; return how long it took."""
        began_s = clock.monotonic_s()
        while not condition():
            assert clock.monotonic_s() - began_s < limit_s, f"{doing}: not within {limit_s:g} s"
            await asyncio.sleep(0.5)
        return clock.monotonic_s() - began_s


def quiet_channels(market: Market) -> tuple[str, ...]:
    """Return the default channels that may be quiet for a while: the others cost a frame a second and symbol."""
    return tuple(
        stream.channel for stream in market.streams if stream.default and (stream.period_s or EVERY_S) >= EVERY_S
    )


def market_of(name: str) -> Market:
    """Return a market by its full name."""
    exchange, _, market = name.partition(".")
    found: Market = load("exchanges", "EXCHANGE")[exchange].markets[market]
    return found


@asynccontextmanager
async def recording(name: str, symbols: int, path: Path, patch: pytest.MonkeyPatch, **own: Any) -> AsyncIterator[Bench]:
    """Record a market of so many symbols until it streams."""
    net = MemoryNet(name, symbols, {})
    patch.setattr("producers._session.open_connection", net.open_connection)
    patch.setattr("producers._rest.aiohttp", net.aiohttp)
    for constant, value in COARSE.items():
        patch.setattr(constant, value)
    # All gap frames of a lost market come at once.
    log = MemoryLog(path / "spool", spool_max_bytes=1 << 24)
    bench = Bench(net, log, market_of(name), **own)
    async with AsyncExitStack() as stack:
        await bench.run.prepare([], stack)
        room = asyncio.Event()
        room.set()
        bodies = [*bench.run.open(room), bench.tick(), bench.talk(), net.door.tick_for_ever(), net.ping()]
        tasks = [asyncio.create_task(body) for body in bodies]
        try:
            yield bench
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            left = set(tasks)
            while left:
                # `wait_for` of Python 3.11 forgets a cancellation that comes with what it waits for.
                for task in left:
                    task.cancel()
                _, left = await asyncio.wait(left, timeout=1.0)
    log.close()


def most_in(times: Sequence[float], window_s: float) -> int:
    """Return the largest number of events in any window."""
    most, first = 0, 0
    for last, at_s in enumerate(times):
        while at_s - times[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def check_limits(bench: Bench) -> None:
    """Hold a run to the venue's published limits: nothing refused, nobody cut, no window too full."""
    net = bench.net
    limits = net.door.limits(net.venue)
    assert net.notes.named("refused") == []
    assert [one["reason"] for one in net.notes.named("cut")] == []
    assert [one for one in net.notes.named("rest") if one.get("refused")] == []
    assert most_in(net.attempts, limits.connects_window_s) <= limits.connects_max
    if limits.messages_max:
        sent = [end.messages for end in net.ends]
        for one in [sorted(at_s for messages in sent for at_s in messages)] if limits.messages_per_address else sent:
            assert most_in(one, limits.messages_window_s) <= limits.messages_max
    for client in net.hub.clients.values():
        assert len(client.subscribed) <= (limits.streams_max or len(client.subscribed))


def check_outage(bench: Bench, attempts: Sequence[float]) -> None:
    """Hold an hour of failing connects to what was promised: rare after a while, and spread."""
    settings = bench.run._settings.producer
    sessions = len(bench.run.sessions)
    settled = [at_s for at_s in attempts if at_s - attempts[0] > CALM_S]
    # A venue that limits connects by address is tried no faster than about once a second, whoever waits.
    assert len(settled) >= min(sessions / 2 / settings.reconnect_max_s, 0.5) * HOUR_S
    # With full jitter a wait lasts half the largest on average; single minutes may be busier.
    assert len(settled) <= 1.5 * sessions * HOUR_S / (settings.reconnect_max_s / 2)
    assert most_in(settled, 60.0) <= 4 * sessions * 60.0 / settings.reconnect_max_s
    assert most_in(settled, 1.0) <= max(4, sessions / 2)


def check_log(bench: Bench, began_s: float) -> None:
    """Hold the log to one gap of cause disconnect per symbol and connection, from the loss on."""
    lost = [(symbol, gap.streams) for symbol, gap in bench.evidence() if gap.cause == "disconnect"]
    assert Counter(lost).most_common(1)[0][1] == 1
    wanted = {(symbol, kind) for (_, symbol), kinds in bench.run.wanted().items() for kind in kinds}
    told = {(symbol, kind) for symbol, kinds in lost for kind in kinds}
    carried = {
        (symbol, kind.value)
        for session in bench.run.sessions
        for info in session.carried.streams
        for kind in info.kinds
        for symbol in ([info.symbol] if info.symbol else bench.run.lanes)
    }
    assert told == carried
    assert wanted <= carried
    starts = [gap.from_ns for _, gap in bench.evidence() if gap.cause == "disconnect"]
    assert max(starts) <= EPOCH_NS + int(began_s * NS_PER_S)


async def outage_of(bench: Bench, outage: Outage, again_s: float) -> None:
    """Take the venue away for an hour and give it back; everything is subscribed again within `again_s`."""
    net = bench.net
    first_s = await bench.until(lambda: bench.run.streaming and not bench.unserved(), again_s, "streaming")
    await asyncio.sleep(EVERY_S)
    before = len(net.attempts), len(net.asked)
    net.outage, bench.talks = outage, False
    began_s = clock.monotonic_s()
    net.cut()
    await asyncio.sleep(HOUR_S)
    check_outage(bench, net.attempts[before[0] :])
    asked = net.asked[before[1] :]
    assert most_in(asked, 60.0) <= REST_TRIES_MAX
    tried = net.attempts[before[0] :]
    net.outage, bench.talks = "", True
    back_s = await bench.until(lambda: bench.run.streaming and not bench.unserved(), again_s, "streaming again")
    tell(bench, first_s, tried, back_s)
    check_log(bench, began_s)


def tell(bench: Bench, first_s: float, tried: Sequence[float], back_s: float) -> None:
    """Print the figures of an outage as a row of a table; `make outage ARGS=-s` shows them."""
    net, limits = bench.net, bench.net.door.limits(bench.net.venue)
    most = most_in(net.attempts, limits.connects_window_s)
    print(  # noqa: T201 - what a benchmark would print
        f"| {net.market} | {len(bench.run.lanes):,} | {len(bench.infos()):,} | {len(bench.run.sessions)} "
        f"| {first_s:.0f} | {len(tried):,} | {most_in(tried, EVERY_S)} "
        f"| {most} of {limits.connects_max} in {limits.connects_window_s:g} s | {back_s:.0f} |"
    )


def test_an_hour_without_binance_usdm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 symbols: all is subscribed again, and every book is whole as soon as the weight allows it."""

    async def body() -> None:
        async with recording("binance.usdm", SYMBOLS, tmp_path, monkeypatch) as bench:
            await outage_of(bench, "refused", 60.0)
            waits = [round(later - before, 2) for before, later in pairwise(bench.net.attempts)]
            assert len(set(waits)) > len(waits) / 2
            snapshots = len(bench.net.notes.named("rest"))
            took_s = await bench.until(lambda: bench.run.facts()["books_valid"] == SYMBOLS, 1200.0, "all books")
            weight = (len(bench.net.notes.named("rest")) - snapshots) * SNAPSHOT_WEIGHT
            assert took_s > weight / WEIGHT_PER_MINUTE * 60.0 - 60.0
            assert weight <= SYMBOLS * SNAPSHOT_WEIGHT * 1.1
            check_limits(bench)

    run_virtually(body(), VirtualClock(), monkeypatch)


@pytest.mark.parametrize("market", [name for name in markets() if name != "binance.usdm"])
def test_an_hour_without_another_market(market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of the market is passed when connects hang for an hour and then succeed, all at once."""

    async def body() -> None:
        async with recording(market, OTHER_SYMBOLS, tmp_path, monkeypatch) as bench:
            await outage_of(bench, "hanging", 900.0)
            await asyncio.sleep(EVERY_S)
            check_limits(bench)

    run_virtually(body(), VirtualClock(), monkeypatch)


@pytest.mark.parametrize("market", markets())
def test_a_half_open_connection_is_noticed_in_time(
    market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that stays open and says nothing, heartbeats included, costs at most twice `connection_silence_s`."""

    async def body() -> None:
        async with recording(market, 2, tmp_path, monkeypatch) as bench:
            bench.every_s = 2.0
            await bench.until(lambda: bench.run.streaming and not bench.unserved(), 60, "streaming")
            await asyncio.sleep(EVERY_S)
            dead = list(bench.net.hub.clients.values())
            for client in dead:
                client.freeze()
            limit_s = bench.run._settings.producer.connection_silence_s

            def replaced() -> bool:
                return bench.run.streaming and not any(client.number in bench.net.hub.clients for client in dead)

            await bench.until(replaced, 2 * limit_s, "noticing the half-open connections")
            assert {gap.cause for _, gap in bench.evidence()} == {"silence"}

    run_virtually(body(), VirtualClock(), monkeypatch)


@pytest.mark.parametrize("market", markets())
def test_a_silent_stream_is_noticed_in_time(market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged and never heard, or silent after its rate was learned: at most twice the limit that is named."""

    async def body() -> None:
        async with recording(market, 8, tmp_path, monkeypatch, channels={}) as bench:
            bench.every_s = 1.0
            late, never = list(bench.run.lanes)[:2]
            bench.mute(never)
            await bench.until(lambda: bench.run.streaming, 60, "streaming")
            await asyncio.sleep(EVERY_S)
            bench.mute(late)
            limits = bench.run._settings.producer
            periods = [(info.period_s or 0.0) * limits.silence_period_factor for info in bench.muted]
            # A book whose stream is asked for again is heard once more, by its snapshot, and silent from there on.
            await asyncio.sleep(4 * max(limits.unheard_limit_s, *periods))
            first: dict[str, events.StreamSilent] = {}
            for one in told:
                first.setdefault(one.stream, one)
            for info in bench.muted:
                assert info.name in first, info
                assert first[info.name].silent_s <= 2 * first[info.name].limit_s, info
            learned = [first[info.name].limit_s for info in bench.muted if info.symbol == late and not info.period_s]
            assert min(learned) < limits.unheard_limit_s

    told: list[events.StreamSilent] = []

    def emit(one: events.StreamSilent) -> None:
        told.append(one)

    monkeypatch.setattr(events.StreamSilent, "emit", emit)
    run_virtually(body(), VirtualClock(), monkeypatch)
