"""Find out what a demo has to subscribe: of recordings what they hold, else every generated symbol."""

from __future__ import annotations

from collections.abc import Iterable

from cryptoflow import clock, registry
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import MarketPlan, Plan
from cryptoflow.errors import ConfigError
from cryptoflow.simulator import plan_recording
from cryptoflow.simulator.recording import Plan as Recording
from exchanges import Exchange, Market, StreamKind


def plan_of(options: DemoOptions) -> Plan:
    """Say what the producer subscribes. Raises ConfigError for recordings of a market that is not known."""
    if not options.recordings:
        return Plan("test", tuple(MarketPlan(market) for market in options.markets))
    found = plan_recording(options.recordings)
    exchanges: dict[str, Exchange] = registry.load("exchanges", "EXCHANGE")
    markets = []
    for name in found.markets:
        exchange, _, market = name.partition(".")
        if exchange not in exchanges or market not in exchanges[exchange].markets:
            raise ConfigError(f"replaying: there is no market {name}", fix=f"markets of {', '.join(exchanges)}")
        symbols = found.symbols(name)
        spoken = exchanges[exchange].markets[market].at(found.received_ns[exchange])
        channels = channels_of(spoken, symbols, found.streams(name))
        markets.append(MarketPlan(name, symbols, channels))
    return Plan("replay", tuple(markets), _dialects(found, exchanges))


def channels_of(market: Market, symbols: Iterable[str], streams: Iterable[str]) -> tuple[str, ...]:
    """Return the channels of a market whose streams were recorded; others, such as klines, are not asked for.

    A symbol has one channel of books and one of trades, since each channel counts by itself: of several
    that were recorded the market's default is asked for, or else the first.
    """
    recorded, names = set(streams), ["", *symbols]
    chosen: set[str] = set()
    taken: dict[StreamKind, set[str]] = {StreamKind.BOOK: set(), StreamKind.TRADES: set()}
    for stream in sorted(market.streams, key=lambda stream: not stream.default):
        found = {
            name for name in names if {(told := market.stream_name(stream, name)), market.heard_as(told)} & recorded
        }
        if found and taken.get(stream.kind, set()).isdisjoint(found):
            chosen.add(stream.channel)
            taken.get(stream.kind, set()).update(found)
    return tuple(stream.channel for stream in market.streams if stream.channel in chosen)


def _dialects(found: Recording, exchanges: dict[str, Exchange]) -> dict[str, str]:
    """Return the date of every recorded exchange that spoke an older dialect then."""
    old = {}
    for name in found.markets:
        exchange, _, market = name.partition(".")
        received_ns = found.received_ns[exchange]
        if any(received_ns < end_ns for end_ns, _ in exchanges[exchange].markets[market].earlier):
            old[exchange] = clock.iso(received_ns)
    return old
