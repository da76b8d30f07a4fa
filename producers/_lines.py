"""Keep the lines of one market: one connection per stream, or two that carry the same.

Each line is a fleet of its own with its own label (`:1`, `:2`), so its gaps and signs of life are its own
and the agents tell what the other line covered. Of kinds whose ids do not hold across connections one
line counts at a time (`Election`); of a book whose ids do, both feed one chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cryptoflow import clock, metrics
from exchanges import BOOK_SNAPSHOT, Stream, StreamKind
from producers._books import Books
from producers._declare import Declare
from producers._fleet import Fleet
from producers._link import Link, Surroundings
from producers._plan import Carried
from producers._session import Session
from producers._watchdog import NS_PER_S, StreamInfo
from schemas import line_label

BOOK = StreamKind.BOOK.value


@dataclass(frozen=True)
class Parts:
    """Hold what the lines of a market are made of."""

    streams: Sequence[Stream]
    books: Books
    ours: Callable[[], Sequence[str]]
    open_session: Callable[[Surroundings, Carried], Session]
    address_of: Callable[[str], str] = lambda _symbol: ""


class Lines:
    """Hold `count` fleets that carry the same streams; a single one has the label of its producer."""

    def __init__(self, around: Surroundings, parts: Parts, count: int) -> None:
        """Make the fleets; nothing is opened before `run`."""
        self._market = around.market
        self._books = parts.books
        self._election = around.election
        self._has_scoped_book = bool({BOOK, BOOK_SNAPSHOT} & around.market.scoped_kinds)
        self.fleets: list[Fleet] = []
        self._declares: list[Declare] = []
        self._silent_ns: dict[str, int] = {}
        for number in range(1, count + 1):
            own = self._line(around, parts, number) if count > 1 else around
            self._declares.append(own.declare)
            self.fleets.append(Fleet(own, parts.streams, _bound(parts, own), parts.address_of))

    @property
    def sessions(self) -> list[Session]:
        """Return the connections of all lines."""
        return [session for fleet in self.fleets for session in fleet.sessions]

    @property
    def streaming(self) -> bool:
        """Tell whether every stream of a line was answered."""
        return any(all(session.streaming for session in fleet.sessions) for fleet in self.fleets)

    def served_ns(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, dict[str, int]]:
        """Return since when each kind of each symbol is acknowledged on some line; no kind that is not wholly."""
        found: dict[str, dict[str, int]] = {symbol: {} for symbol in wanted}
        for served in map(_served_ns, self.fleets):
            for symbol, kind in ((symbol, kind) for symbol, kinds in wanted.items() for kind in kinds):
                # A market's stream may bring the kind, or one of the symbol.
                since = [served[fed] for fed in ((symbol, kind), ("", kind)) if fed in served]
                if since and all(since):
                    found[symbol][kind] = min(max(since), found[symbol].get(kind, max(since)))
        return found

    def fit(self, symbols: Sequence[str], indexes: Mapping[str, str]) -> None:
        """Carry the streams of these symbols and no others, on every line."""
        for fleet in self.fleets:
            fleet.fit(symbols, indexes)

    async def settled(self, limit_s: float) -> bool:
        """Wait until nothing comes of streams given up any more; False when it takes longer than the limit."""
        return all(await asyncio.gather(*(fleet.settled(limit_s) for fleet in self.fleets)))

    def resubscribe_book(self, symbol: str) -> bool:
        """Ask for a symbol's book stream again on one line, the one that counts; False when none can be asked."""
        for number, fleet in enumerate(self.fleets, 1):
            if self._counts_book(number, symbol) and fleet.resubscribe_book(symbol):
                return True
        return False

    async def run(self) -> None:
        """Serve every line until cancelled. Raises what ends one of them unexpectedly."""
        tasks = [asyncio.create_task(fleet.run()) for fleet in self.fleets]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def watch(self, now_ns: int) -> None:
        """Look for silence on every line, and let somebody count for what nobody counts for."""
        for session in self.sessions:
            session.watch(now_ns)
        if len(self.fleets) > 1 and self._market.scoped_kinds:
            for number, fleet in enumerate(self.fleets, 1):
                for session in fleet.sessions:
                    self._take_over(number, self._election.vacant(session.carried.streams))

    def write_alive(self, now_ns: int, least_s: float) -> None:
        """Write signs of life of idle streams, each line its own."""
        for declare, fleet in zip(self._declares, self.fleets, strict=True):
            for session in fleet.sessions:
                link = _open(session)
                if link is not None and not link.receiver.is_holding:
                    declare.alive(link.watchdog.idle(now_ns, least_s))

    def measure(self, exchange: str, shard: str, now_ns: int) -> None:
        """Tell the longest silence by stream kind; while a connection is gone, it goes on for what that carried."""
        silent: dict[str, float] = {}
        for session in self.sessions:
            if session.link is not None:
                for info, seconds in session.link.watchdog.silences(now_ns):
                    silent[info.kind.value] = max(seconds, silent.get(info.kind.value, 0.0))
                continue
            for kind in {info.kind.value for info in session.carried.streams}:
                since_ns = self._silent_ns.setdefault(kind, now_ns)
                silent[kind] = max((now_ns - since_ns) / NS_PER_S, silent.get(kind, 0.0))
        for kind, seconds in silent.items():
            self._silent_ns[kind] = now_ns - int(seconds * NS_PER_S)
            metrics.stream_silence_seconds.labels(exchange, self._market.name, kind, shard).set(seconds)

    def _line(self, around: Surroundings, parts: Parts, number: int) -> Surroundings:
        """Return the surroundings of one line of several."""
        label = line_label(around.feed, number)
        intake = around.intake.line(label)

        def on_lost(symbol: str) -> None:
            if not self._is_covered(number, symbol):
                self._books.lost(symbol, clock.now_ns())

        def on_book(symbol: str, raw: bytes, received_ns: int) -> None:
            if self._counts_book(number, symbol):
                around.hooks.on_book(symbol, raw, received_ns)

        def on_snapshot(symbol: str, raw: bytes, received_ns: int) -> None:
            if self._counts_book(number, symbol):
                around.hooks.on_snapshot(symbol, raw, received_ns)

        declare = Declare(intake, around.hooks.lane_of, parts.ours, on_lost, around.market.scoped_kinds)
        declare.counts_for = lambda symbol, kind: self._election.counts_for(number, symbol, kind)
        self._election.enter(number, lambda streams: self._take_over(number, streams))
        hooks = replace(around.hooks, on_book=on_book, on_snapshot=on_snapshot)
        peers = _Peers(self, number)
        return replace(around, intake=intake, declare=declare, hooks=hooks, feed=label, line=number, peers=peers)

    def others(self, number: int) -> list[Session]:
        """Return the sessions of the other lines."""
        return [one for place, fleet in enumerate(self.fleets, 1) if place != number for one in fleet.sessions]

    def _counts_book(self, number: int, symbol: str) -> bool:
        return not self._has_scoped_book or self._election.counts_for(number, symbol, BOOK)

    def _is_covered(self, number: int, symbol: str) -> bool:
        """Tell whether a book is whole though one line lost it."""
        if self._has_scoped_book:
            return not self._election.counts_for(number, symbol, BOOK)
        return any(_serves_book(session, symbol) for session in self.others(number))

    def _take_over(self, number: int, streams: Sequence[StreamInfo]) -> list[StreamInfo]:
        """Let a line count for streams another lost; a book goes on with a snapshot of this line."""
        taken = [info for session in self.fleets[number - 1].sessions for info in session.take_over(streams)]
        for info in taken:
            if self._has_scoped_book and StreamKind.BOOK in info.kinds:
                self._books.reseed(info.symbol, clock.now_ns(), clock.monotonic_s())
        return taken


class _Peers:
    """Know the other lines of one line."""

    def __init__(self, lines: Lines, number: int) -> None:
        """Take all lines and the number of the one that asks."""
        self._lines = lines
        self._number = number

    def back(self, streams: Sequence[StreamInfo]) -> bool:
        """Tell whether the others have these streams on connections that publish."""
        carried: set[str] = set()
        for session in self._lines.others(self._number):
            link = _open(session)
            if link is not None and not link.receiver.is_holding:
                carried.update(info.name for info in session.carried.streams)
        return carried.issuperset(info.name for info in streams)

    def lose(self) -> None:
        """Let the others publish what they hold back."""
        for session in self._lines.others(self._number):
            session.let_go()


def _bound(parts: Parts, around: Surroundings) -> Callable[[Carried], Session]:
    return lambda carried: parts.open_session(around, carried)


def _open(session: Session) -> Link | None:
    link = session.link
    return link if link is not None and not link.ended.done() else None


def _served_ns(fleet: Fleet) -> dict[tuple[str, str], int]:
    """Return since when each kind of each symbol ("" for what serves the market) is acknowledged; 0 if not yet."""
    found: dict[tuple[str, str], int] = {}
    for session in fleet.sessions:
        link = _open(session)
        for info in session.carried.streams:
            at_ns = link.served_ns.get(info.name, 0) if link is not None else 0
            for kind in info.kinds:
                fed = info.symbol, kind.value
                found[fed] = max(at_ns, found.get(fed, at_ns)) if at_ns and found.get(fed, at_ns) else 0
    return found


def _serves_book(session: Session, symbol: str) -> bool:
    link = _open(session)
    return link is not None and any(
        info.symbol == symbol and StreamKind.BOOK in info.kinds and link.feed.is_acknowledged(info.name)
        for info in session.carried.streams
    )
