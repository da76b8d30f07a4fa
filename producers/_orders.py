"""Know what people asked of running producers: symbols added and removed, how many replicas there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from producers._replica import Replica
from schemas import InstrumentDefinition

SYMBOLS, REPLICAS = "symbols", "replicas"
"""Names of the control topics."""

Wish = Literal["added", "removed"]


class SymbolOrder(msgspec.Struct, frozen=True):
    """Ask for a symbol to be recorded, or not to be, whatever the configuration says."""

    exchange: str
    market: str
    symbol: str
    state: Wish
    at_ns: int

    @property
    def key(self) -> str:
        """Return the key of its record."""
        return f"{self.exchange}.{self.market}.{self.symbol}"


class CountOrder(msgspec.Struct, frozen=True):
    """Ask for so many replicas of a market; `previous` is how many there were."""

    exchange: str
    market: str
    count: int
    previous: int
    at_ns: int
    feed: str = ""

    @property
    def key(self) -> str:
        """Return the key of its record."""
        return count_key(self.feed, self.exchange, self.market)


class Settled(msgspec.Struct, frozen=True):
    """Say that a replica holds just what it owns under the order made at `order_at_ns`."""

    replica: str
    count: int
    order_at_ns: int
    at_ns: int


def count_key(feed: str, exchange: str, market: str) -> str:
    """Return the key of a count: `b/binance.usdm`, without a label `binance.usdm`."""
    return f"{feed}/{exchange}.{market}" if feed else f"{exchange}.{market}"


_symbol = msgspec.json.Decoder(SymbolOrder)
_count = msgspec.json.Decoder(CountOrder)
_settled = msgspec.json.Decoder(Settled)
SETTLED_MARK = "#"
"""Between the key of a count and the replica that settled under it."""


@dataclass
class SymbolOrders:
    """Hold the newest order per name, and apply them to what the configuration chooses."""

    orders: dict[str, SymbolOrder] = field(default_factory=dict)

    def take(self, key: str, value: bytes) -> None:
        """Take one record of the topic; an empty value takes an order back, an unreadable one is none."""
        if not value:
            self.orders.pop(key, None)
            return
        try:
            self.orders[key] = _symbol.decode(value)
        except (ValueError, RecursionError):
            return

    def of(self, exchange: str, market: str) -> list[SymbolOrder]:
        """Return a market's orders, the oldest first."""
        found = [one for one in self.orders.values() if (one.exchange, one.market) == (exchange, market)]
        return sorted(found, key=lambda one: (one.at_ns, one.symbol))

    def apply(self, exchange: str, market: str, chosen: Iterable[str], names: Mapping[str, str]) -> list[str]:
        """Return the chosen native symbols with what was added, without what was removed.

        `names` leads from native and canonical names to native ones; a name the venue does not list waits.
        """
        wanted = dict.fromkeys(chosen)
        for order in self.of(exchange, market):
            native = names.get(order.symbol)
            if native is None:
                continue
            if order.state == "added":
                wanted[native] = None
            else:
                wanted.pop(native, None)
        return list(wanted)


@dataclass
class ReplicaOrders:
    """Hold the newest count per market and feed, and which replicas settled under it."""

    counts: dict[str, CountOrder] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)

    def take(self, key: str, value: bytes) -> None:
        """Take one record of the topic."""
        try:
            if SETTLED_MARK in key:
                self.settled[key] = _settled.decode(value)
            else:
                self.counts[key] = _count.decode(value)
        except (ValueError, RecursionError):
            if not value:
                self.settled.pop(key, None)
                self.counts.pop(key, None)

    def replica(self, key: str, own: Replica) -> Replica:
        """Return this replica among as many as were ordered last, else as configured."""
        order = self.counts.get(key)
        return own if order is None else Replica(own.index, order.count)

    def earlier(self, key: str, own: Replica, who: str) -> Replica | None:
        """Return this replica under the count before, while it has not settled; None when nothing changes hands."""
        order = self.counts.get(key)
        if order is None or order.previous == order.count:
            return None
        found = self.settled.get(key + SETTLED_MARK + who)
        if found is not None and found.order_at_ns == order.at_ns:
            return None
        return Replica(own.index, order.previous)

    def settlement(self, key: str, who: str, now_ns: int) -> tuple[str, Settled] | None:
        """Return the record by which this replica says that it settled; None when it did or nothing was ordered."""
        order = self.counts.get(key)
        name = key + SETTLED_MARK + who
        if order is None or (name in self.settled and self.settled[name].order_at_ns == order.at_ns):
            return None
        return name, Settled(who, order.count, order.at_ns, now_ns)


@dataclass
class Orders:
    """Hold all that was ordered."""

    symbols: SymbolOrders = field(default_factory=SymbolOrders)
    replicas: ReplicaOrders = field(default_factory=ReplicaOrders)


def names_of(listed: Iterable[InstrumentDefinition]) -> dict[str, str]:
    """Lead from the native and canonical names of what is listed to the native ones.

    An alias leads to the symbol whose data the venue sends in its place (PROTOCOLS 6.2.6), where that is listed.
    """
    found = list(listed)
    natives = {one.native_symbol for one in found}
    leads = [one.alias_of if one.alias_of in natives else one.native_symbol for one in found]
    canonical = {one.symbol: name for one, name in zip(found, leads, strict=True)}
    return canonical | {one.native_symbol: name for one, name in zip(found, leads, strict=True)}


def who_is(index: int, kinds: Sequence[str]) -> str:
    """Name a replica: its index, and the stream kinds it records where it records some only."""
    return f"{index}/{'+'.join(sorted(kinds))}" if kinds else str(index)
