"""Record one market: its lanes, sessions, books, snapshots and definitions."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import msgspec

from cryptoflow import clock, events, metrics
from cryptoflow.config import Settings
from exchanges import DeltaVerdict, Market, Stream, StreamKind, drain
from producers import _guard as guard
from producers._books import Books
from producers._declare import Declare
from producers._egress import Egress, RestPool
from producers._election import Election
from producers._envelope import Lane
from producers._fills import Fills, MissingTrades
from producers._holes import Hole
from producers._instruments import Changes, Instruments
from producers._intake import Intake
from producers._ipshards import IpShards
from producers._lines import Lines, Parts
from producers._link import Surroundings
from producers._own import BOOK_SNAPSHOT, INSTRUMENT, SWITCH
from producers._plan import Carried, choose_streams, choose_symbols
from producers._receiver import Hooks
from producers._reseed import ReseedRequest
from producers._rest import Rest, budget_of
from producers._roster import Roster
from producers._session import PAUSE, Session
from producers._snapshots import Snapshots
from producers._wants import Asked, Wants
from producers._watchdog import NS_PER_S, SilenceLimits
from schemas import GapEvidence, InstrumentDefinition, Switch

_POLL_S = 0.05


class MarketRun:
    """Hold the parts of one market of an exchange; `prepare`, then `run` until cancelled."""

    def __init__(
        self,
        settings: Settings,
        exchange: str,
        market: Market,
        source: str,
        intake: Intake,
        egress: Egress | None = None,
    ) -> None:
        """Take the market; nothing is reached yet. Raises ConfigError for a wrong channel."""
        own = settings.producer
        self._egress = egress or Egress(IpShards(fallback=own.local_address), own.address_cool_down_s)
        self._wants: Wants | None = None
        self._volumes: Mapping[str, Decimal] = {}
        self._settings = settings
        self._exchange = exchange
        self.market = market
        self._source = source
        self._intake = intake
        self.streams: tuple[Stream, ...] = choose_streams(exchange, market, own)
        interval_s = own.snapshot_interval_s if market.snapshot_request is not None else 0.0
        self._books = Books(market.book_rules, interval_s, in_stream=market.in_stream_snapshots)
        make = functools.partial(
            Rest,
            guard.rest_base(settings, exchange, market),
            market.rest,
            budget_of(market.rest, own.rest_weight_per_minute),
            timeout_s=own.rest_timeout_s,
        )
        self._rest = RestPool(self._egress, lambda address: make(local_address=address), self._address_of)
        self._instruments = Instruments(market, self._rest)
        self._roster = Roster(exchange, market, source, self.streams, self._instruments)
        self.lanes: Mapping[str, Lane] = self._roster.lanes
        self.lane_of = self._roster.lane_of
        self._declare = Declare(intake, self.lane_of, self.lanes.keys, self._lost, market.scoped_kinds)
        self._lines: Lines | None = None
        self._fills = self._make_fills()
        self._alive_ns = 0

    @property
    def sessions(self) -> Sequence[Session]:
        """Return the connections that are kept up."""
        return self._lines.sessions if self._lines is not None else ()

    async def prepare(self, symbols: Sequence[str] | Wants, stack: AsyncExitStack) -> None:
        """Ask the venue for its instruments and choose symbols. Raises ConfigError or StopError in one line."""
        await stack.enter_async_context(self._rest)
        await self._instruments.start()
        if callable(symbols):
            self._wants = symbols
            if symbols.needs_volumes:
                self._volumes = await self._instruments.volumes()
            chosen = self.chosen()
        else:
            choose_symbols(self._exchange, self.market.name, symbols, self.listed)
            self._wants = Asked(self._exchange, self.market.name, tuple(symbols), self._settings.producer)
            chosen = self.chosen()
        self._egress.shards.check(self._exchange, self.market.name, chosen)
        self._roster.apply(chosen, self._intake)

    def chosen(self) -> list[str]:
        """Return the symbols to record now out of what the venue lists; those it began with, when nobody chooses."""
        return list(self.lanes) if self._wants is None else self._wants(self.listed, self._volumes)

    @property
    def books(self) -> Books:
        """Return what is known of the books, for people to look at."""
        return self._books

    @property
    def held(self) -> Sequence[str]:
        """Return the symbols recorded now."""
        return list(self.lanes)

    @property
    def listed(self) -> Sequence[InstrumentDefinition]:
        """Return what the venue lists."""
        return self._instruments.definitions

    def apply(self, symbols: Iterable[str], handed_over: Collection[str] = ()) -> tuple[int, int]:
        """Record just these symbols from now on; return how many came and went.

        What went ends with a gap frame of cause `removed`, but for symbols `handed_over` to another replica,
        and indexes that another one follows.
        """
        before = list(self.lanes)
        elsewhere = self._wants.elsewhere if self._wants is not None else ()
        counts = self._roster.apply(symbols, self._intake, {*handed_over, *elsewhere})
        for symbol in before:
            if symbol not in self.lanes:
                self._books.forget(symbol)
        return counts

    async def add(self, symbols: Sequence[str]) -> list[str]:
        """Record these, by native or canonical name, too; return the native symbols that are new.

        Raises ConfigError for a name the venue does not list.
        """
        named = choose_symbols(self._exchange, self.market.name, symbols, self.listed)
        fresh = [symbol for symbol in named if symbol not in self.lanes] if symbols else []
        self.apply([*self.lanes, *fresh])
        return fresh

    async def remove(self, symbols: Sequence[str]) -> list[str]:
        """Record these no more; return those that were, once the venue has stopped sending them."""
        natives = {one.symbol: one.native_symbol for one in self.listed}
        named = {natives.get(name, name) for name in symbols}
        gone = [symbol for symbol in self.lanes if symbol in named]
        self.apply([symbol for symbol in self.lanes if symbol not in named])
        while self._roster.is_leaving(gone):  # noqa: ASYNC110 - its own limit ends the wait
            await asyncio.sleep(_POLL_S)
        return gone

    def open(self, room: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """Write the definitions and return what is to run."""
        self._instruments.write(self.lanes, self._intake)
        own = self._settings.producer
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
            declare=self._declare,
            hooks=Hooks(
                self.lane_of,
                on_book=self._on_book,
                on_snapshot=self._on_snapshot,
                is_ours=self.lanes.__contains__,
            ),
            room=room,
            feed=own.feed,
            election=Election(self.market.scoped_kinds),
        )
        parts = Parts(self.streams, self._books, lambda: list(self.lanes), self._open_session, self._address_of)
        self._lines = Lines(around, parts, own.connections_of(self._exchange, self.market.name))
        self._roster.begin(self._lines, self._declare)
        snapshots = Snapshots(
            self.market,
            self._rest,
            self._books,
            self._roster.recorded,
            self._intake,
            own.snapshot_parallel_requests,
            self._lines.resubscribe_book,
            own.feed,
        )
        fills = [self._fills.run()] if self._fills is not None else []
        return [
            *fills,
            self._lines.run(),
            self._roster.run(),
            snapshots.run(),
            self._instruments.run(self.lanes, self._intake, own.instruments_interval_s, self._changed),
        ]

    def end(self) -> None:
        """Write what is still to be said, once what `open` returned is over."""
        self._roster.end()

    def wanted(self, symbols: Collection[str] | None = None) -> dict[tuple[str, str], frozenset[str]]:
        """Return the stream kinds per (market, symbol) recorded, or of these symbols; with the indexes they follow."""
        return self._roster.wanted(symbols)

    def missed(self, symbol: str, evidence: GapEvidence) -> None:
        """Declare a gap in a symbol's lane; a book then needs a snapshot."""
        self._intake.gap(self.lane_of(symbol), evidence)
        if StreamKind.BOOK.value in evidence.streams:
            self._lost(symbol)

    def elect(self, symbol: str, kinds: Sequence[str], conn: str) -> None:
        """Write into a symbol's lane that another connection counts: it is another replica's."""
        elected = msgspec.json.encode(Switch(conn=conn, streams=tuple(kinds)))
        self._intake.own(self.lane_of(symbol), SWITCH, elected)

    def served_ns(self) -> Mapping[str, Mapping[str, int]]:
        """Return since when each kind of each symbol, and of each index they follow, is acknowledged."""
        wanted = {name: kinds for (_, name), kinds in self.wanted().items()}
        return self._lines.served_ns(wanted) if self._lines is not None else {}

    def watch(self, now_ns: int) -> None:
        """Look for silence, write signs of life, tell of unverified rules; call about every second."""
        for rule, what in drain():
            events.UnverifiedRule(rule=rule, what=what).emit()
        if self._lines is None:
            return
        self._lines.watch(now_ns)
        if now_ns - self._alive_ns >= self._settings.producer.alive_interval_s * NS_PER_S:
            self._alive_ns = now_ns
            self._lines.write_alive(now_ns, self._settings.producer.alive_interval_s)
            self._lines.measure(self._exchange, self._intake.balance.shard, now_ns)
            metrics.book_valid.labels(self._exchange, self.market.name).set(self._books.valid_count())

    def paused(self, detail: str) -> None:
        """Open every connection again: this process did not run for a while."""
        for session in self.sessions:
            session.reconnect(PAUSE, detail)

    def reseed(self, request: ReseedRequest) -> None:
        """Take an agent's request: for a book's snapshot, or for trades by id."""
        if request.exchange != self._exchange or request.market != self.market.name:
            return
        if request.kind == "trades":
            if self._fills is not None and request.from_id is not None and request.to_id is not None:
                self._fills.ask(MissingTrades(request.symbol, request.from_id, request.to_id))
        else:
            self._books.reseed(request.symbol, request.broken_at_ns, clock.monotonic_s())

    def dropped(self, lane: Lane, hole: Hole) -> None:
        """Bring back what the log cannot do without: a book's snapshot, a definition."""
        if hole.kinds & {BOOK_SNAPSHOT, StreamKind.BOOK.value}:
            self._books.dropped(lane.symbol, clock.monotonic_s())
        if INSTRUMENT in hole.kinds:
            self._instruments.forget(lane.symbol)

    @property
    def streaming(self) -> bool:
        """Tell whether every stream is acknowledged; whoever owns nothing, or no kind of it, has none to wait for."""
        if self._lines is None or (self.lanes and self.streams and not self.sessions):
            return False
        return self._lines.streaming

    def facts(self) -> dict[str, object]:
        """Return what a person wants to know."""
        return {
            "symbols": len(self.lanes),
            "connections": len(self.sessions),
            "streaming": sum(session.streaming for session in self.sessions),
            "books_valid": self._books.valid_count(),
        }

    def _make_fills(self) -> Fills | None:
        """Return what fetches missing trades, where the venue gives them by id."""
        own, fill = self._settings.producer, self.market.trade_fill
        most = own.trade_fill_max_trades
        if fill is None or not most or (fill.channel and fill.channel not in {one.channel for one in self.streams}):
            return None
        return Fills(fill, self._rest, self.lanes.get, self._intake, trades_max=most, feed=own.feed)

    def _open_session(self, around: Surroundings, carried: Carried) -> Session:
        url = guard.websocket_url(self._settings, self._exchange, self.market.name, carried.endpoint)
        return Session(around, carried, url, self._egress)

    def _address_of(self, symbol: str) -> str:
        return self._egress.shards.address(self._exchange, self.market.name, symbol)

    def _lost(self, symbol: str) -> None:
        self._books.lost(symbol, clock.now_ns())

    def _on_book(self, symbol: str, raw: bytes, _received_ns: int) -> None:
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

    def _on_snapshot(self, symbol: str, raw: bytes, received_ns: int) -> None:
        if symbol not in self.lanes:
            return
        try:
            peek = self.market.peek_book(raw)
        except (ValueError, RecursionError):
            return
        now_s = clock.monotonic_s()
        self._books.snapshot(symbol, peek.last, now_s, in_stream=True, received_ns=received_ns, at_ns=peek.at_ns)

    async def _changed(self, changes: Changes) -> None:
        """Follow the venue's list: what ended is recorded no more, what began is, if it is wanted."""
        held = dict.fromkeys(self.lanes)
        known = self._instruments.by_name
        self._tell(changes, known)
        for old, new in changes.renamed:
            if old in held and new not in held:
                held[new] = None
        ended = {*changes.delisted, *(old for old, new in changes.renamed if old != new)}
        for symbol in ended & held.keys():
            self._instruments.write_last(self.lanes[symbol], self._intake)
        wanted = [symbol for symbol in self.chosen() if known[symbol].is_trading]
        self.apply([symbol for symbol in dict.fromkeys([*held, *wanted]) if symbol not in ended])

    def _tell(self, changes: Changes, known: Mapping[str, InstrumentDefinition]) -> None:
        where = {"exchange": self._exchange, "market": self.market.name}
        for native in changes.listed:
            events.SymbolListed(**where, symbol=known[native].symbol, native_symbol=native).emit()
        for native in changes.delisted:
            events.SymbolDelisted(**where, native_symbol=native, was_recorded=native in self.lanes).emit()
        for old, new in changes.renamed:
            events.SymbolRenamed(**where, old=old, new=new, symbol=known[new].symbol).emit()
