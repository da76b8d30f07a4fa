"""Record a live session into a file, as the simulator replays it: no broker, no spool, no agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from typing_extensions import override

from cryptoflow import clock, events
from cryptoflow.config import Settings
from producers import _guard as guard
from producers._addresses import addresses_of
from producers._balance import Balance
from producers._choose import Selections, choose
from producers._egress import Egress
from producers._envelope import Envelopes, Lane
from producers._intake import Intake
from producers._market import MarketRun
from producers._produce import Recorded
from producers._publisher import Publisher
from producers._recording import Recording
from producers._watchdog import PauseDetector
from schemas import InstrumentDefinition

_POLL_S = 0.05
_WATCH_S = 1.0


@dataclass(frozen=True)
class Captured:
    """Say what a recording holds: rows by event, and symbols by market; `complete` when every stream was served."""

    path: Path
    rows: Mapping[str, int]
    bytes: int
    seconds: float
    symbols: Mapping[str, Sequence[str]]
    complete: bool
    reason: str


@dataclass
class _All:
    """Want what an expression means, whoever owns it."""

    exchange: str
    market: str
    selections: Selections
    unknown: list[str] = field(default_factory=list)

    @property
    def needs_volumes(self) -> bool:
        """Tell whether traded values are needed."""
        return bool(self.selections.of(self.exchange, self.market).top)

    def __call__(self, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols to record."""
        chosen = choose(self.selections.of(self.exchange, self.market), listed, volumes)
        self.unknown = chosen.unknown
        return chosen.symbols


class _Nowhere(Intake):
    """Publish nothing: what passes is heard at the socket."""

    def __init__(self) -> None:
        # Never asked, because nothing is taken.
        super().__init__(Envelopes(1, 1, 0.0, 0.0), cast("Publisher", None), Balance())

    @override
    def take(self, lane: Lane, kind: str, frame: bytes, received_ns: int) -> None:
        """Let the frame go."""
        del lane, kind, frame, received_ns


async def record(  # noqa: PLR0913, PLR0917 - one argument per thing a person says
    settings: Settings,
    venues: Sequence[Recorded],
    selections: Selections,
    path: Path,
    limit_s: float,
    bytes_max: int,
    stop: asyncio.Event,
    on_progress: Callable[[Mapping[str, int], int], None] = lambda _rows, _bytes: None,
) -> Captured:
    """Write what passes between a producer and venues into a file until the limit, the size or `stop`.

    Connections are kept up as a producer does: paced, watched, opened again. `on_progress` hears rows
    and bytes about every second. Raises ConfigError or StopError in one line before anything is opened.
    """
    settings = settings.model_copy(
        update={"producer": settings.producer.model_copy(update={"replica_count": 1, "replica_index": 0})}
    )
    overridden = bool(settings.producer.endpoints)
    for venue in venues:
        guard.check_source(settings, venue.exchange, venue.markets, "test" if overridden else guard.LIVE)
    selections.check({venue.exchange.name: venue.markets for venue in venues})
    shards = await addresses_of(
        settings.producer, {venue.exchange.name: tuple(venue.exchange.markets) for venue in venues}
    )
    async with AsyncExitStack() as stack:
        recording = stack.enter_context(Recording(path))
        egress = Egress(shards, settings.producer.address_cool_down_s, recording)
        try:
            markets = await _prepare(settings, venues, selections, egress, stack)
        except BaseException:
            # Nothing was seen: the name is free for the next attempt.
            recording.discard()
            raise
        session = _Session(list(markets.values()), recording, on_progress, settings.producer.pause_limit_s)
        seconds, reason = await session.run(limit_s, bytes_max, stop)
    symbols = {name: list(market.held) for name, market in markets.items()}
    return Captured(path, dict(recording.counts), recording.bytes, seconds, symbols, session.complete, reason)


async def _prepare(
    settings: Settings, venues: Sequence[Recorded], selections: Selections, egress: Egress, stack: AsyncExitStack
) -> dict[str, MarketRun]:
    """Ask every market what it lists and choose its symbols."""
    markets: dict[str, MarketRun] = {}
    unknown: dict[tuple[str, str], list[str]] = {}
    for venue in venues:
        exchange = venue.exchange.name
        for name in venue.markets:
            want = _All(exchange, name, selections)
            market = MarketRun(settings, exchange, venue.exchange.markets[name], "test", _Nowhere(), egress)
            await market.prepare(want, stack)
            markets[f"{exchange}.{name}"] = market
            unknown[exchange, name] = want.unknown
    selections.refuse_unknown(unknown)
    return markets


class _Session:
    """Serve the markets of a recording."""

    def __init__(
        self,
        markets: Sequence[MarketRun],
        recording: Recording,
        on_progress: Callable[[Mapping[str, int], int], None],
        pause_limit_s: float,
    ) -> None:
        self._markets = markets
        self._recording = recording
        self._on_progress = on_progress
        self._pauses = PauseDetector(pause_limit_s)
        self._pause_limit_s = pause_limit_s
        self.complete = False

    async def run(self, limit_s: float, bytes_max: int, stop: asyncio.Event) -> tuple[float, str]:
        """Serve; return the seconds since every stream was served first, or all of them, and why it ended."""
        began_s = watched_s = clock.monotonic_s()
        room = asyncio.Event()
        room.set()
        bodies: list[Coroutine[Any, Any, None]] = [body for market in self._markets for body in market.open(room)]
        tasks = [asyncio.create_task(body) for body in bodies]
        try:
            while True:
                now_s = clock.monotonic_s()
                if not self.complete and all(market.streaming for market in self._markets):
                    # The time asked for is time with data.
                    self.complete, began_s = True, now_s
                if stop.is_set():
                    return now_s - began_s, "stopped"
                if limit_s and now_s - began_s >= limit_s:
                    return now_s - began_s, "time"
                if self._recording.bytes >= bytes_max:
                    return now_s - began_s, "size"
                for task in tasks:
                    if task.done():
                        task.result()
                if now_s - watched_s >= _WATCH_S:
                    watched_s = now_s
                    self._watch(now_s)
                await asyncio.sleep(_POLL_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, now_s: float) -> None:
        now_ns = clock.now_ns()
        paused_s = self._pauses.tick(now_s, now_ns)
        for market in self._markets:
            if paused_s:
                market.paused(f"this process was paused for {paused_s:.1f} s")
            market.watch(now_ns)
        if paused_s:
            events.SelfPaused(paused_s=round(paused_s, 3), limit_s=self._pause_limit_s).emit()
        self._on_progress(self._recording.counts, self._recording.bytes)
