"""Record a market of the simulator in this loop: producer, a log in memory, and the agents' core over it.

It cannot imitate: a broker between the stages, several partitions, workers that fall behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from agents._core import PartitionCore
from cryptoflow import clock
from cryptoflow.config import Producer, Settings
from exchanges import Exchange, StreamKind
from producers._intake import Intake
from producers._link import Link
from producers._market import MarketRun
from producers._session import Session
from schemas import decode_raw
from schemas._registry import load
from schemas._reseed import ReseedRequest
from tests.doubles.memory_log import MemoryLog
from tests.doubles.venue_run import VenueRun, until, venue

QUICK: dict[str, Any] = {
    "alive_interval_s": 0.3, "reconnect_min_s": 0.1, "reconnect_max_s": 0.3, "overlap_grace_s": 0.2,
    "close_timeout_s": 0.5,
}  # fmt: skip
_TICK_S = 0.01
_WATCH_S = 0.2
SYMBOLS = 2


class MarketBench:
    """Hold what records, and the rows that the agents made of it so far."""

    def __init__(self, market: str, log: MemoryLog, run: VenueRun) -> None:
        """Take a market's full name."""
        self.name, _, self.market = market.partition(".")
        self.exchange: Exchange = load("exchanges", "EXCHANGE")[self.name]
        self.venue = run
        self.log = log
        self.producers: list[MarketRun] = []
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.asks_trades = True
        self._core = PartitionCore({self.name: self.exchange}, f"raw.{self.name}", 0)
        self._read = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def record(self, stack: AsyncExitStack, **own: Any) -> MarketRun:
        """Start a producer; several of them share the log."""
        settings = Settings(environment="test", producer=Producer(endpoints=self.venue.endpoints, **{**QUICK, **own}))
        intake = Intake(self.log.envelopes, self.log.publisher, self.log.balance, settings.producer.feed)
        made = MarketRun(settings, self.name, self.exchange.markets[self.market], "test", intake)
        await made.prepare([], stack)
        room = asyncio.Event()
        room.set()
        self._tasks += [asyncio.create_task(body) for body in made.open(room)]
        self.producers.append(made)
        return made

    async def run(self) -> None:
        """Move the log on, process it, pass on what the agents ask for."""
        watched_s = 0.0
        while True:
            self.log.intake.tick()
            self.process()
            now_s = clock.monotonic_s()
            if now_s - watched_s >= _WATCH_S:
                watched_s = now_s
                for one in self.producers:
                    one.watch(clock.now_ns())
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(_TICK_S)

    def process(self) -> None:
        """Let the agents take what is new in the log."""
        fresh = self.log.client.delivered[self._read :]
        if not fresh:
            return
        records = [(self._read + place, key, value) for place, (_, key, value) in enumerate(fresh)]
        self._read += len(fresh)
        outputs = self._core.process(records)
        for md in outputs.md:
            self.rows.setdefault(md.topic, []).extend(md.batch.to_pylist())
        for ask in outputs.reseeds:
            request = ReseedRequest(
                ask.exchange, ask.market, ask.symbol, ask.broken_at_ns,
                kind=ask.kind, from_id=ask.from_id, to_id=ask.to_id,
            )  # fmt: skip
            if self.asks_trades or request.kind == "book":
                for one in self.producers:
                    one.reseed(request)

    def sessions(self, line: int = 1, producer: int = 0) -> Sequence[Session]:
        """Return the sessions of a line."""
        lines = self.producers[producer]._lines
        assert lines is not None
        return lines.fleets[line - 1].sessions

    async def streaming(self, line: int = 1, producer: int = 0) -> None:
        """Wait until every stream of a line is acknowledged and heard, but for liquidations."""

        def heard() -> bool:
            return all(one.streaming and _is_heard(one) for one in self.sessions(line, producer))

        await until(heard, 20, "streaming")

    async def cut(self, line: int = 1, producer: int = 0) -> None:
        """Cut every connection of a line and wait until others took their place."""
        links = [one.link for one in self.sessions(line, producer)]
        for link in links:
            assert link is not None
            abort(link)
        await until(lambda: all(link is None or link.ended.done() for link in links), 10, "losing the connections")
        await self.streaming(line, producer)

    def gaps(self) -> list[dict[str, Any]]:
        """Return the gap rows."""
        return self.rows.get("md.gaps", [])

    def frames(self) -> int:
        """Count the frames in the log."""
        return sum(len(decode_raw(value).frames) for _, _, value in self.log.client.delivered)

    async def close(self) -> None:
        """Stop recording and process the rest."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.log.intake.flush()
        self.log.publisher.pump()
        self.process()


def _is_heard(session: Session) -> bool:
    link = session.link
    if link is None or link.receiver.is_holding:
        return False
    last = link.watchdog.last_ns
    return all(info.heard in last for info in session.carried.streams if info.kind is not StreamKind.LIQUIDATIONS)


def abort(link: Link) -> None:
    """Cut a connection without a word, as a network does."""
    link._connection._socket.transport.abort()


@asynccontextmanager
async def market_bench(path: Path, market: str, **options: Any) -> AsyncIterator[tuple[MarketBench, AsyncExitStack]]:
    """Start the market in the simulator and the agents; the caller starts producers with `record`."""
    log = MemoryLog(path / "spool")
    asked = {"markets": (market,), "symbols": SYMBOLS, "rate_fps": 200, "run_s": 120, "start_wait_s": 5, **options}
    async with venue(path / "venue", **asked) as run, AsyncExitStack() as stack:
        bench = MarketBench(market, log, run)
        task = asyncio.create_task(bench.run())
        try:
            yield bench, stack
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await bench.close()
    log.close()
