"""Decide which symbols this replica records: the expression, the orders, the shard, and what changes hands.

One exchange's part of a process. Everything that changes the symbols of a running market comes through
`wanted`: at start, when the venue's list changes, when people order it, when a handover moves on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from cryptoflow import clock, events
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, StopError
from producers import _controls as controls
from producers._choose import Selections, choose
from producers._handover import Given, Handover, Taken
from producers._orders import REPLICAS, SYMBOLS, ReplicaOrders, SymbolOrders, count_key, names_of, who_is
from producers._replica import Replica
from producers._restart import LastHeard, Symbol, last_heard
from producers._tail import Tail
from producers._waiting import Waiting
from schemas import GapEvidence, InstrumentDefinition

ALIVE_INTERVALS = 3
"""A symbol of a living owner is heard of within so many `alive_interval_s`, but for a margin."""

_ALIVE_MARGIN_S = 5.0
HOLD_INTERVALS = 2
"""A giver stays so many `alive_interval_s` after the proof: by then the taker has seen it, too."""

_POLL_S = 0.1
_TOLD_EVERY_S = 60.0


class Running(Protocol):
    """Be what ownership needs of a market that is recorded."""

    @property
    def held(self) -> Sequence[str]:
        """Return the native symbols recorded now."""
        ...

    @property
    def listed(self) -> Sequence[InstrumentDefinition]:
        """Return what the venue lists."""
        ...

    def chosen(self) -> list[str]:
        """Return the symbols it is to record now, as its `Wants` says."""
        ...

    def apply(self, symbols: Iterable[str], handed_over: Collection[str] = ()) -> tuple[int, int]:
        """Record just these symbols; return how many came and went. Another replica goes on with some."""
        ...

    def wanted(self, symbols: Collection[str] | None = None) -> dict[Symbol, frozenset[str]]:
        """Return the stream kinds recorded per (market, symbol or index), or to be recorded with these symbols."""
        ...

    def served_ns(self) -> Mapping[str, Mapping[str, int]]:
        """Return since when each kind of each symbol or index is acknowledged; no kind that is not wholly."""
        ...

    def missed(self, symbol: str, evidence: GapEvidence) -> None:
        """Declare a gap in a symbol's lane."""
        ...

    def elect(self, symbol: str, kinds: Sequence[str], conn: str) -> None:
        """Write into a symbol's lane that another connection counts."""
        ...


@dataclass(frozen=True)
class Wants:
    """Choose the symbols of one market out of what the venue lists."""

    ownership: Ownership
    market: str

    @property
    def needs_volumes(self) -> bool:
        """Tell whether traded values are needed."""
        return bool(self.ownership.selections.of(self.ownership.exchange, self.market).top)

    @property
    def elsewhere(self) -> Collection[str]:
        """Return symbols and indexes that other replicas record, too."""
        return self.ownership.elsewhere.get(self.market, ())

    def __call__(self, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols this replica is to record now."""
        return self.ownership.wanted(self.market, listed, volumes)


class Ownership:
    """Hold one exchange's choice of symbols and what changes hands."""

    def __init__(
        self, settings: Settings, exchange: str, selections: Selections, is_ours: Callable[[str], bool]
    ) -> None:
        """Take the configuration; nothing is reached before `load`."""
        own = settings.producer
        self.exchange = exchange
        self.selections = selections
        self._settings = settings
        self._own = Replica(own.replica_index, own.replica_count)
        self._who = who_is(own.replica_index, own.streams)
        self._tables = (controls.ControlTable(settings, SYMBOLS), controls.ControlTable(settings, REPLICAS))
        self.symbols = SymbolOrders()
        self.replicas = ReplicaOrders()
        self.unknown: dict[tuple[str, str], list[str]] = {}
        self.waiting = Waiting(exchange)
        self.is_idle = True
        """Tells that nothing listed is wanted by any replica, in no market asked about so far."""
        self.handover = Handover(
            is_ours, own.feed, own.streams, own.handover_limit_s, own.alive_interval_s * HOLD_INTERVALS
        )
        self._counts = {"taken": 0, "given": 0, "declared": 0}
        self._told_s = float("-inf")
        self._begun: set[str] = set()
        self._began_ns = clock.now_ns()
        self.elsewhere: dict[str, set[str]] = {}
        self._read_to: dict[int, int] = {}
        """Where the log was read to, per partition, before the first symbol of a handover was taken up."""

    async def load(self) -> None:
        """Read what was ordered before. Raises BrokerAwayError."""
        for table, take in zip(self._tables, (self.symbols.take, self.replicas.take), strict=True):
            for key, value in (await asyncio.to_thread(table.load)).items():
                take(key, value)

    def poll(self) -> bool:
        """Take new orders; tell whether there were any."""
        changed = False
        for table, take in zip(self._tables, (self.symbols.take, self.replicas.take), strict=True):
            for key, value in table.poll():
                take(key, value)
                changed = True
        return changed

    async def close(self) -> None:
        """Leave the control topics."""
        for table in self._tables:
            await asyncio.to_thread(table.close)

    def replica(self, market: str) -> Replica:
        """Return this replica of a market, among as many as there are to be."""
        return self.replicas.replica(self._key(market), self._own)

    def wanted(self, market: str, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols to record now: those owned, and those not yet given up."""
        chosen = choose(self.selections.of(self.exchange, market), listed, volumes)
        self.unknown[self.exchange, market] = chosen.unknown
        names = names_of(listed)
        self.waiting.note(market, self.symbols.of(self.exchange, market), names)
        symbols = self.symbols.apply(self.exchange, market, chosen.symbols, names)
        self.is_idle = self.is_idle and not symbols
        replica = self.replica(market)
        ours = {symbol for symbol in symbols if replica.owns(self.exchange, market, symbol)}
        theirs = set(symbols) - ours
        self._note_elsewhere(market, symbols, theirs, listed)
        if market not in self._begun:
            self._begun.add(market)
            self._give_later(market, theirs)
        ours |= {symbol for name, symbol in self.handover.giving if name == market}
        return [symbol for symbol in symbols if symbol in ours]

    def _note_elsewhere(
        self, market: str, symbols: Iterable[str], theirs: set[str], listed: Sequence[InstrumentDefinition]
    ) -> None:
        """Remember what was others' before an order that has not settled here, and the indexes others follow."""
        earlier = self.replicas.earlier(self._key(market), self._own, self._who)
        before = {one for one in symbols if earlier and not earlier.owns(self.exchange, market, one)}
        indexes = {one.index for one in listed if one.index and one.native_symbol in theirs | before}
        self.elsewhere[market] = before | indexes

    def _give_later(self, market: str, others: Iterable[str]) -> None:
        """Keep at a start what was ours before and is to be given up: its new owner may not be there yet."""
        earlier = self.replicas.earlier(self._key(market), self._own, self._who)
        if earlier is None:
            return
        for symbol in others:
            if earlier.owns(self.exchange, market, symbol):
                self.handover.give((market, symbol), clock.monotonic_s())

    def start(self, lanes: Collection[Symbol], heard: LastHeard, now_ns: int) -> set[Symbol]:
        """Begin with the handovers that a start falls into; return what is taken up beside a living owner.

        What another replica writes of is taken without a gap being declared: a symbol it owned before, an
        index that its symbols follow, too, or whatever it has written of since this process began (it was
        started before the order that makes room for it, or beside the one it replaces). If that is one symbol,
        it is also every other that was heard lately: a quiet one has not had its turn yet.
        """
        self._read_to = self._read_to or heard.ends
        taken: set[Symbol] = set()
        moving = {lane for lane in lanes if lane[1] in self.elsewhere.get(lane[0], ())}
        others = {lane for lane in lanes if lane not in self.handover.giving}
        is_beside = any(heard.served_ns.get(lane, 0) >= self._began_ns for lane in others - moving)
        for lane in moving | others if is_beside else moving:
            if self._lives(heard, lane, now_ns):
                self.handover.take(lane, heard, clock.monotonic_s())
                taken.add(lane)
        return taken

    async def run(self, markets: Mapping[str, Running], partitions: int) -> None:
        """Follow orders and handovers until cancelled."""
        tail: Tail | None = None
        for market, running in markets.items():
            self._give_indexes(market, running)
        try:
            while True:
                if self.poll():
                    for market, running in markets.items():
                        await self._follow(market, running, partitions)
                if self.handover:
                    # It stands at the end before anything counts as taken up or given: order is in the log.
                    tail = tail or await self._tail(partitions)
                    if tail is not None:
                        self._advance(tail, markets)
                else:
                    self._read_to = {}
                    if tail is not None:
                        await asyncio.to_thread(tail.close)
                        tail = None
                await self._settle(markets)
                await asyncio.sleep(_POLL_S)
        finally:
            for taken in self.handover.end(clock.now_ns()):
                self._end_taking(taken, markets)
            if tail is not None:
                tail.close()

    async def _tail(self, partitions: int) -> Tail | None:
        """Stand where the log was read to; None while the broker is away, and nothing changes hands."""
        try:
            return await asyncio.to_thread(Tail, self._settings, self.exchange, partitions, self._read_to)
        except BrokerAwayError:
            return None

    async def _follow(self, market: str, running: Running, partitions: int) -> None:
        """Take up what is ours and begin to give up what is not, after an order."""
        now_s = clock.monotonic_s()
        replica = self.replica(market)
        for symbol in running.held:
            if not replica.owns(self.exchange, market, symbol):
                self.handover.give((market, symbol), now_s)
        target = running.chosen()
        for symbol in set(target) & set(running.held):
            if replica.owns(self.exchange, market, symbol) and (market, symbol) in self.handover.giving:
                self.handover.forget((market, symbol))
        self._give_indexes(market, running)
        held = running.wanted()
        fresh = {lane: kinds for lane, kinds in running.wanted(target).items() if lane not in held}
        if fresh:
            heard = await asyncio.to_thread(last_heard, self._settings, self.exchange, partitions, fresh)
            now_ns = clock.now_ns()
            taken = self.start(fresh, heard, now_ns)
            for lane, evidence in heard.evidence():
                if lane not in taken:
                    running.missed(lane[1], evidence)
        self._apply(market, running, "ordered")

    def _give_indexes(self, market: str, running: Running) -> None:
        """Give indexes up with the last symbols that follow them here, and not before."""
        giving = {name for place, name in self.handover.giving if place == market}
        kept = running.wanted([symbol for symbol in running.held if symbol not in giving])
        for name in giving:
            if (market, name) in kept:
                self.handover.forget((market, name))
        for symbol in giving.intersection(running.held):
            indexes = [lane for lane in running.wanted([symbol]) if lane not in kept and lane[1] != symbol]
            for lane in indexes:
                self.handover.give(lane, clock.monotonic_s())
            self.handover.hold((market, symbol), indexes)

    def _advance(self, tail: Tail, markets: Mapping[str, Running]) -> None:
        """Hear the log and end the handovers that are proven."""
        moving = {*self.handover.giving, *self.handover.taking}
        now_s = clock.monotonic_s()
        for record in tail.poll({f"{self.exchange}.{market}.{symbol}".encode() for market, symbol in moving}):
            self.handover.hear(record, now_s)
        for market in {market for market, _ in self.handover.taking}:
            for symbol, served_ns in markets[market].served_ns().items():
                self.handover.streaming((market, symbol), served_ns, now_s)
        for taken in self.handover.taken(now_s):
            self._end_taking(taken, markets)
        given = self.handover.given(now_s)
        for one in given:
            self._end_giving(one, markets)
        for market in {one.symbol[0] for one in given}:
            gone = {one.symbol[1] for one in given if one.symbol[0] == market}
            self._apply(market, markets[market], "handed over", gone)
        waiting = self.handover.waiting(now_s)
        if waiting and now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            limit_s = self._settings.producer.handover_limit_s
            events.HandoverWaiting(exchange=self.exchange, symbols=waiting, limit_s=limit_s).emit()

    def _end_taking(self, taken: Taken, markets: Mapping[str, Running]) -> None:
        market, symbol = taken.symbol
        self._counts["taken"] += 1
        self._counts["declared"] += bool(taken.missed)
        for evidence in taken.missed:
            markets[market].missed(symbol, evidence)

    def _end_giving(self, given: Given, markets: Mapping[str, Running]) -> None:
        market, symbol = given.symbol
        self._counts["given"] += 1
        for conn in dict.fromkeys(given.elect.values()):
            kinds = [kind for kind, elected in given.elect.items() if elected == conn]
            markets[market].elect(symbol, kinds, conn)

    def _apply(self, market: str, running: Running, reason: str, handed_over: Collection[str] = ()) -> None:
        added, removed = running.apply(running.chosen(), handed_over)
        held = {*running.held, *(name for _, name in running.wanted())}
        for symbol in [*self.handover.giving, *self.handover.taking]:
            if symbol[0] == market and symbol[1] not in held:
                self.handover.forget(symbol)
        if added or removed:
            events.SymbolsChanged(
                exchange=self.exchange, market=market, added=added, removed=removed, reason=reason
            ).emit()

    async def _settle(self, markets: Mapping[str, Running]) -> None:
        """Say in the log of orders that this replica holds just what it owns: its next start is no handover."""
        moving = {market for market, _ in (*self.handover.giving, *self.handover.taking)}
        for market in markets:
            found = self.replicas.settlement(self._key(market), self._who, clock.now_ns())
            if found is None or market in moving:
                continue
            key, settled = found
            value = msgspec.json.encode(settled)
            try:
                await asyncio.to_thread(controls.write, self._settings, REPLICAS, {key: value})
            except (StopError, BrokerAwayError):
                return  # the broker is away: it is said when it is back
            self.replicas.take(key, value)
            events.HandoverEnded(
                exchange=self.exchange, market=market, replica_count=settled.count, **self._counts
            ).emit()
            self._counts = dict.fromkeys(self._counts, 0)

    def _lives(self, heard: LastHeard, symbol: Symbol, now_ns: int) -> bool:
        limit_s = ALIVE_INTERVALS * self._settings.producer.alive_interval_s + _ALIVE_MARGIN_S
        return now_ns - heard.newest_ns.get(symbol, 0) <= limit_s * 1e9

    def _key(self, market: str) -> str:
        return count_key(self._settings.producer.feed, self.exchange, market)
