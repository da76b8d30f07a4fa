"""Ask running producers for symbols and replicas: the writing end of the control topics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from producers import _controls as controls
from producers._orders import (
    REPLICAS,
    SETTLED_MARK,
    SYMBOLS,
    CountOrder,
    Orders,
    ReplicaOrders,
    SymbolOrder,
    SymbolOrders,
    Wish,
    count_key,
)

Market = tuple[str, str]
"""An exchange and one of its markets."""


@dataclass(frozen=True)
class Count:
    """Say how many replicas of a market were ordered, and which of them hold just what they own."""

    order: CountOrder
    settled: tuple[str, ...]

    @property
    def unsettled(self) -> tuple[int, ...]:
        """Return the indexes of replicas, of before and of now, that did not say that they settled."""
        done = {name.partition("/")[0] for name in self.settled}
        return tuple(one for one in range(max(self.order.count, self.order.previous)) if str(one) not in done)


def orders(settings: Settings, timeout_s: float = controls.TIMEOUT_S) -> Orders:
    """Return all that was ordered; blocks. Raises BrokerAwayError when there is no answer in time."""
    found = Orders()
    for name, take in ((SYMBOLS, found.symbols.take), (REPLICAS, found.replicas.take)):
        for key, value in _table(settings, name, timeout_s).items():
            take(key, value)
    return found


def symbol_orders(settings: Settings) -> list[SymbolOrder]:
    """Return what was ordered about symbols, by market, the oldest first; blocks. Raises BrokerAwayError."""
    orders = SymbolOrders()
    for key, value in _table(settings, SYMBOLS).items():
        orders.take(key, value)
    return sorted(orders.orders.values(), key=lambda one: (one.exchange, one.market, one.at_ns, one.symbol))


def order_symbols(settings: Settings, markets: Iterable[Market], names: Sequence[str], state: Wish | None) -> list[str]:
    """Ask for symbols to be recorded or not to be; None takes what was asked before back. Return the keys; blocks.

    Producers follow within a second. Raises ConfigError when the topic does not exist, UnreachableError
    when the broker does not take it.
    """
    at_ns = clock.now_ns()
    asked = [
        SymbolOrder(exchange, market, name, state or "added", at_ns)
        for exchange, market in markets
        for name in dict.fromkeys(names)
    ]
    changes = {one.key: msgspec.json.encode(one) if state is not None else b"" for one in asked}
    controls.write(settings, SYMBOLS, changes)
    return list(changes)


def counts(settings: Settings) -> list[Count]:
    """Return the replica counts that were ordered; blocks. Raises BrokerAwayError."""
    orders = ReplicaOrders()
    for key, value in _table(settings, REPLICAS).items():
        orders.take(key, value)
    return [
        Count(
            order,
            tuple(
                sorted(
                    one.replica
                    for name, one in orders.settled.items()
                    if name.partition(SETTLED_MARK)[0] == key and one.order_at_ns == order.at_ns
                )
            ),
        )
        for key, order in sorted(orders.counts.items())
    ]


def order_count(
    settings: Settings, markets: Iterable[Market], count: int, previous: int | None = None, *, force: bool = False
) -> list[CountOrder]:
    """Ask for so many replicas of markets, of the feed `producer.feed`; return what was ordered; blocks.

    Without `previous` the count before is the one ordered last, else `producer.replica_count`. Raises
    ConfigError while an earlier order is still being followed, unless forced: a replica that starts
    again then would not know what it held two orders ago.
    """
    known = {one.order.key: one for one in counts(settings)}
    feed = settings.producer.feed
    ordered: list[CountOrder] = []
    for exchange, market in markets:
        key = count_key(feed, exchange, market)
        found = known.get(key)
        before = found.order.count if found is not None else settings.producer.replica_count
        if found is not None and found.order.count != found.order.previous and found.unsettled and not force:
            waiting = ", ".join(map(str, found.unsettled))
            raise ConfigError(
                f"ordering {count} replicas of {key}: replica {waiting} still follows the order for "
                f"{found.order.count} of them",
                fix="wait until `cryptoflow replicas` shows all settled, or use --force where a replica is gone",
            )
        before = before if previous is None else previous
        ordered.append(CountOrder(exchange, market, count, before, clock.now_ns(), feed))
    controls.write(settings, REPLICAS, {one.key: msgspec.json.encode(one) for one in ordered})
    return ordered


def _table(settings: Settings, name: str, timeout_s: float = controls.TIMEOUT_S) -> dict[str, bytes]:
    table = controls.ControlTable(settings, name, timeout_s)
    try:
        return table.load()
    finally:
        table.close()
