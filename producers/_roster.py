"""Know the symbols of a market that are recorded: their lanes, and how they come and go while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptoflow import clock
from exchanges import Market, Per, Stream
from producers._declare import Declare
from producers._envelope import Lane
from producers._instruments import Instruments
from producers._intake import Intake
from producers._router import CONNECTION_SYMBOL
from schemas import GapEvidence

OTHER_SYMBOLS_MAX = 4096
"""Lanes remembered of symbols that were not asked for; further ones are made anew each time."""

SETTLE_LIMIT_S = 30.0
"""Longest wait for a venue to stop sending what was given up."""

REMOVED = "removed"
_POLL_S = 0.05


class Carriers(Protocol):
    """Be what carries the streams of symbols: a fleet of connections, or several that carry the same."""

    def fit(self, symbols: Sequence[str], indexes: Mapping[str, str]) -> None:
        """Carry the streams of these symbols and no others."""
        ...

    async def settled(self, limit_s: float) -> bool:
        """Wait until nothing comes of streams given up any more; False when it takes longer than the limit."""
        ...


@dataclass(slots=True)
class _Leaving:
    """Remember what a symbol or an index was recorded of, until the venue has stopped sending it."""

    kinds: tuple[str, ...]
    from_ns: int


class Roster:
    """Hold the lanes of one market; `begin` gives it the connections, before that symbols are only written down."""

    def __init__(
        self, exchange: str, market: Market, source: str, streams: Sequence[Stream], instruments: Instruments
    ) -> None:
        """Start with nobody."""
        self._exchange = exchange
        self._market = market
        self._source = source
        self._streams = streams
        self._instruments = instruments
        self.lanes: dict[str, Lane] = {}
        self._others: dict[str, Lane] = {}
        self._fleet: Carriers | None = None
        self._declare: Declare | None = None
        self._leaving: dict[str, _Leaving] = {}
        self._gone: set[str] = set()

    def lane_of(self, symbol: str) -> Lane:
        """Return a symbol's lane, also of an index or of a symbol not recorded; of the connections for ""."""
        lane = self.lanes.get(symbol) or self._others.get(symbol)
        if lane is None:
            lane = Lane(self._exchange, self._market.name, symbol or CONNECTION_SYMBOL, self._source)
            if len(self._others) < OTHER_SYMBOLS_MAX:
                self._others[symbol] = lane
        return lane

    def recorded(self, symbol: str) -> Lane | None:
        """Return the lane of a symbol that we record, or another replica now; None once its last gap frame stands."""
        return self.lanes.get(symbol) or (None if symbol in self._gone else self._others.get(symbol))

    def kinds(self, per: Collection[Per] = (Per.SYMBOL, Per.MARKET)) -> frozenset[str]:
        """Return the stream kinds recorded of a symbol, or of an index."""
        return frozenset(
            kind.value for stream in self._streams if stream.per in per for kind in (stream.kind, *stream.also)
        )

    def wanted(self, symbols: Collection[str] | None = None) -> dict[tuple[str, str], frozenset[str]]:
        """Return the stream kinds per (market, symbol) recorded, or of these symbols; with the indexes they follow."""
        kinds, of_index = self.kinds(), self.kinds({Per.INDEX})
        names = self.lanes if symbols is None else symbols
        found = {(self._market.name, symbol): kinds for symbol in names} if kinds else {}
        return found | {(self._market.name, index): of_index for index in self.indexes(names).values()}

    def indexes(self, symbols: Collection[str] | None = None) -> Mapping[str, str]:
        """Return the index each symbol recorded, or each of these, follows, where the market has streams of indexes."""
        if not any(stream.per is Per.INDEX for stream in self._streams):
            return {}
        known = self._instruments.by_name
        names = self.lanes if symbols is None else symbols
        return {name: known[name].index or "" for name in names if name in known and known[name].index}

    def begin(self, fleet: Carriers, declare: Declare) -> None:
        """Carry the streams of the symbols written down so far."""
        self._fleet, self._declare = fleet, declare
        fleet.fit(list(self.lanes), self.indexes())

    def apply(self, symbols: Iterable[str], intake: Intake, handed_over: Collection[str] = ()) -> tuple[int, int]:
        """Record just these symbols from now on; return how many came and went.

        What went is unsubscribed and, once the venue has stopped sending it, ends with a gap frame of
        cause `removed`; but for symbols and indexes `handed_over` to another replica, which records them on.
        """
        asked = dict.fromkeys(symbols)
        added = [symbol for symbol in asked if symbol not in self.lanes]
        removed = [symbol for symbol in self.lanes if symbol not in asked]
        indexes = self.indexes()
        unfollowed = {indexes[symbol] for symbol in removed if symbol in indexes and symbol not in handed_over}
        for symbol in removed:
            # The same lane: frames on their way to it keep their order.
            self._others[symbol] = self.lanes.pop(symbol)
            if symbol not in handed_over:
                self._leave(symbol, self.kinds())
        for symbol in added:
            lane = self.lane_of(symbol)
            self._others.pop(symbol, None)
            self.lanes[symbol] = lane
            self._leaving.pop(symbol, None)
            self._gone.discard(symbol)
        for index in unfollowed.difference(self.indexes().values(), handed_over):
            self._leave(index, self.kinds({Per.INDEX}))
        if self._fleet is not None:
            self._instruments.write({symbol: self.lanes[symbol] for symbol in added}, intake)
            self._fleet.fit(list(self.lanes), self.indexes())
        return len(added), len(removed)

    def is_leaving(self, symbols: Iterable[str]) -> bool:
        """Tell whether the last gap frame of one of these symbols is still to come."""
        return not self._leaving.keys().isdisjoint(symbols)

    async def run(self) -> None:
        """See symbols off until cancelled."""
        while True:
            if self._leaving and self._fleet is not None and self._declare is not None:
                going = dict(self._leaving)
                await self._fleet.settled(SETTLE_LIMIT_S)
                self._see_off(going)
            await asyncio.sleep(_POLL_S)

    def end(self) -> None:
        """See off what is left, once nothing comes any more: the next run does not know that it was recorded."""
        self._see_off(dict(self._leaving))

    def _see_off(self, going: Mapping[str, _Leaving]) -> None:
        for symbol, left in going.items():
            # One that came back meanwhile has been taken out.
            if self._leaving.get(symbol) is left and self._declare is not None:
                del self._leaving[symbol]
                self._gone.add(symbol)
                detail = f"{symbol} is recorded no more"
                self._declare.gap_of(symbol, GapEvidence(REMOVED, left.kinds, left.from_ns, detail=detail))

    def _leave(self, symbol: str, kinds: Iterable[str]) -> None:
        if self._fleet is not None:
            self._leaving[symbol] = _Leaving(tuple(sorted(kinds)), clock.now_ns())
