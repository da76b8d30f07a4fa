"""Record one market: its lanes, sessions, books, snapshots and definitions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from cryptoflow import clock, events
from cryptoflow.config import Settings
from exchanges import DeltaVerdict, Market, Stream, StreamKind
from producers import _guard as guard
from producers._books import Books
from producers._connection import ConnectLimiter
from producers._declare import Declare
from producers._envelope import Lane
from producers._holes import Hole
from producers._instruments import Instruments
from producers._intake import Intake
from producers._link import Surroundings
from producers._own import ALIVE, BOOK_SNAPSHOT, INSTRUMENT
from producers._plan import choose_streams, choose_symbols, is_owned, spread
from producers._receiver import Hooks
from producers._reseed import ReseedRequest
from producers._rest import BUDGET_SHARE, Rest
from producers._router import CONNECTION_SYMBOL
from producers._session import PAUSE, Session
from producers._snapshots import Snapshots
from producers._watchdog import NS_PER_S, SilenceLimits

_MINUTE_S = 60.0
OTHER_SYMBOLS_MAX = 4096
"""Lanes remembered of symbols that were not asked for; further ones are made anew each time."""


class MarketRun:
    """Hold the parts of one market of an exchange; `prepare`, then `run` until cancelled."""

    def __init__(self, settings: Settings, exchange: str, market: Market, source: str, intake: Intake) -> None:
        """Take the market; nothing is reached yet. Raises ConfigError for a wrong channel."""
        own = settings.producer
        self._settings = settings
        self._exchange = exchange
        self.market = market
        self._source = source
        self._intake = intake
        self.streams: tuple[Stream, ...] = choose_streams(exchange, market, own)
        self.lanes: dict[str, Lane] = {}
        self._others: dict[str, Lane] = {}
        self._books = Books(market.book_rules, own.snapshot_interval_s)
        told = own.rest_weight_per_minute * market.rest.window_s / _MINUTE_S
        weight_max = int(told or market.rest.weight_max * BUDGET_SHARE)
        self._rest = Rest(
            guard.rest_base(settings, exchange, market),
            market.rest,
            weight_max,
            timeout_s=own.rest_timeout_s,
            local_address=own.local_address,
        )
        self._instruments = Instruments(market, self._rest)
        self.sessions: list[Session] = []
        self._alive_ns = 0

    async def prepare(self, symbols: Sequence[str], stack: AsyncExitStack) -> None:
        """Ask the venue for its instruments and choose symbols. Raises ConfigError or StopError in one line."""
        await stack.enter_async_context(self._rest)
        await self._instruments.start()
        chosen = choose_symbols(self._exchange, self.market.name, symbols, self._instruments.definitions)
        own = self._settings.producer
        for symbol in chosen:
            if is_owned(self._exchange, self.market.name, symbol, own):
                self.lanes[symbol] = Lane(self._exchange, self.market.name, symbol, self._source)

    def open(self, room: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """Write the definitions and return what is to run."""
        self._instruments.write(self.lanes, self._intake)
        own = self._settings.producer
        kinds = {stream.kind.value for stream in self.streams}
        waits = any(policy == "wait" and kind in kinds for kind, policy in own.policies.items())
        limits = SilenceLimits(
            connection_silence_s=own.connection_silence_s,
            silence_min_s=own.silence_min_s,
            silence_factor=own.silence_factor,
            silence_period_factor=own.silence_period_factor,
            unheard_limit_s=own.unheard_limit_s,
        )
        around = Surroundings(
            exchange=self._exchange,
            market=self.market,
            settings=own,
            limits=limits,
            intake=self._intake,
            declare=Declare(self._intake, self.lane_of, self.lanes.keys, self._books.lost, self.market.scoped_kinds),
            hooks=Hooks(self.lane_of, on_book=self._on_book, is_ours=self.lanes.__contains__),
            room=room if waits else None,
        )
        limiters = {e.name: ConnectLimiter(e.connects_max, e.connects_window_s) for e in self.market.endpoints}
        for carried in spread(self.market, self.streams, list(self.lanes)):
            url = guard.websocket_url(self._settings, self._exchange, self.market.name, carried.endpoint)
            self.sessions.append(Session(around, carried, url, limiters[carried.endpoint.name]))
        snapshots = Snapshots(
            self.market, self._rest, self._books, self.lanes, self._intake, own.snapshot_parallel_requests
        )
        return [
            *(session.run() for session in self.sessions),
            snapshots.run(),
            self._instruments.run(self.lanes, self._intake, own.instruments_interval_s),
        ]

    def lane_of(self, symbol: str) -> Lane:
        """Return a symbol's lane, also of an index or of a symbol not recorded; of the connections for ""."""
        lane = self.lanes.get(symbol) or self._others.get(symbol)
        if lane is None:
            name = symbol or CONNECTION_SYMBOL
            if len(self._others) >= OTHER_SYMBOLS_MAX:
                return Lane(self._exchange, self.market.name, name, self._source)
            lane = self._others[symbol] = Lane(self._exchange, self.market.name, name, self._source)
        return lane

    def wanted(self) -> dict[tuple[str, str], frozenset[str]]:
        """Return the stream kinds recorded per (market, symbol)."""
        kinds = frozenset(stream.kind.value for stream in self.streams)
        return {(self.market.name, symbol): kinds for symbol in self.lanes}

    def watch(self, now_ns: int) -> None:
        """Look for silence and write signs of life; call about every second."""
        for session in self.sessions:
            session.watch(now_ns)
        if now_ns - self._alive_ns >= self._settings.producer.alive_interval_s * NS_PER_S:
            self._alive_ns = now_ns
            self._write_alive(now_ns)
            self._measure(now_ns)

    def paused(self, detail: str) -> None:
        """Open every connection again: this process did not run for a while."""
        for session in self.sessions:
            session.reconnect(PAUSE, detail)

    def reseed(self, request: ReseedRequest) -> None:
        """Take an agent's request."""
        if request.exchange == self._exchange and request.market == self.market.name:
            self._books.reseed(request.symbol, request.broken_at_ns, clock.monotonic_s())

    def dropped(self, lane: Lane, hole: Hole) -> None:
        """Bring back what the log cannot do without: a book's snapshot, a definition."""
        if hole.kinds & {BOOK_SNAPSHOT, StreamKind.BOOK.value}:
            self._books.dropped(lane.symbol, clock.monotonic_s())
        if INSTRUMENT in hole.kinds:
            self._instruments.forget(lane.symbol)

    @property
    def streaming(self) -> bool:
        """Tell whether every stream is acknowledged."""
        return bool(self.sessions) and all(session.streaming for session in self.sessions)

    def facts(self) -> dict[str, object]:
        """Return what a person wants to know."""
        return {
            "symbols": len(self.lanes),
            "connections": len(self.sessions),
            "streaming": sum(session.streaming for session in self.sessions),
            "books_valid": self._books.valid_count(),
        }

    def _on_book(self, symbol: str, raw: bytes) -> None:
        if symbol not in self.lanes:
            return
        try:
            peek = self.market.peek_book(raw)
        except (ValueError, RecursionError):
            return  # it is in the log; the agent makes a dead letter and a gap of it
        verdict = self._books.delta(symbol, peek.first, peek.last, peek.prev, clock.monotonic_s())
        if verdict is DeltaVerdict.BREAK:
            shard = self._intake.balance.shard
            events.BookBroken(exchange=self._exchange, market=self.market.name, symbol=symbol, shard=shard).emit()

    def _write_alive(self, now_ns: int) -> None:
        least_s = self._settings.producer.alive_interval_s
        for session in self.sessions:
            link = session.link
            if link is None or link.ended.done():
                continue
            for symbol, (kinds, limit_ns) in link.watchdog.idle(now_ns, least_s).items():
                alive = {"streams": [kind.value for kind in kinds], "silence_limit_ns": limit_ns}
                self._intake.own(self.lanes[symbol], ALIVE, msgspec.json.encode(alive))

    def _measure(self, now_ns: int) -> None:
        shard = self._intake.balance.shard
        silent: dict[str, float] = {}
        for session in self.sessions:
            if session.link is not None:
                for info, seconds in session.link.watchdog.silences(now_ns):
                    silent[info.kind.value] = max(seconds, silent.get(info.kind.value, 0.0))
        for kind, seconds in silent.items():
            events.stream_silence_seconds.labels(self._exchange, self.market.name, kind, shard).set(seconds)
        events.book_valid.labels(self._exchange, self.market.name).set(self._books.valid_count())
