"""Record a live session into a file, as the simulator replays it: no broker, no spool, no agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptoflow import clock, events
from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError, UnreachableError
from producers._addresses import addresses_of
from producers._choose import NOTHING_FITS_FIX, Selections, nothing_fits
from producers._egress import Egress
from producers._look import Everything, MarketName, prepare
from producers._market import MarketRun
from producers._plan import refuse_no_streams
from producers._produce import Recorded
from producers._recording import Recording
from producers._stop import finished_before
from producers._watchdog import PauseDetector

START_WAIT_S = 120.0
"""Wait for every stream to be served before the time asked for begins anyway."""

_Found = dict[MarketName, tuple[MarketRun, Everything]]

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
    and bytes about every second. Raises ConfigError or StopError in one line before anything is opened,
    UnreachableError when it is stopped before.
    """
    # Twice the same frames would be no recording of what one connection sees.
    once = settings.producer.model_copy(update={"connections_per_stream": {}, "feed": ""})
    settings = settings.model_copy(update={"producer": once})
    selections.check({venue.exchange.name: venue.markets for venue in venues})
    shards = await addresses_of(
        settings.producer, {venue.exchange.name: tuple(venue.exchange.markets) for venue in venues}
    )
    async with AsyncExitStack() as stack:
        recording = stack.enter_context(Recording(path))
        egress = Egress(shards, settings.producer.address_cool_down_s, recording)
        try:
            found = await _prepared(stop, prepare(settings, venues, selections, egress, stack))
            selections.refuse_unknown({key: want.unknown for key, (_, want) in found.items()})
            _refuse_nothing(found)
            refuse_no_streams({".".join(key): market.streams for key, (market, _) in found.items()}, settings.producer)
        except BaseException:
            # Nothing was seen: the name is free for the next attempt.
            recording.discard()
            raise
        markets = {".".join(key): market for key, (market, _) in found.items()}
        session = _Session(list(markets.values()), recording, on_progress, settings.producer.pause_limit_s)
        seconds, reason = await session.run(limit_s, bytes_max, stop)
    symbols = {name: list(market.held) for name, market in markets.items()}
    return Captured(path, dict(recording.counts), recording.bytes, seconds, symbols, session.complete, reason)


async def _prepared(stop: asyncio.Event, asking: Coroutine[Any, Any, _Found]) -> _Found:
    found: _Found = {}

    async def ask() -> None:
        found.update(await asking)

    if not await finished_before(stop, ask()):
        raise UnreachableError(
            "recording: stopped before the venue said what it lists; nothing is kept",
            fix="give it more time, or check that the venue is reachable",
        )
    return found


def _refuse_nothing(found: _Found) -> None:
    if not any(market.held for market, _ in found.values()):
        raise ConfigError(nothing_fits(found), fix=NOTHING_FITS_FIX)


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
                waits_s = 0.0 if self.complete else START_WAIT_S
                if limit_s and now_s - began_s >= limit_s + waits_s:
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
