"""Find out what a demo has to subscribe: of recordings what they hold, else every generated symbol."""

from __future__ import annotations

from collections.abc import Iterable

from cryptoflow import clock, registry
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import MarketPlan, Plan
from cryptoflow.errors import ConfigError
from cryptoflow.simulator import chosen_streams, plan_recording
from cryptoflow.simulator.recording import Plan as Recording
from exchanges import Exchange, Market


def plan_of(options: DemoOptions) -> Plan:
    """Say what the producer subscribes. Raises ConfigError for recordings that cannot be replayed together."""
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
        spoken = _spoken(found, exchange, exchanges[exchange].markets[market])
        channels = channels_of(spoken, symbols, found.streams(name))
        markets.append(MarketPlan(name, symbols, channels))
    dialects = _dialects(found, exchanges)
    return Plan("replay", tuple(markets), dialects, dict(found.left_out), found.omissions, found.has_later_books)


def channels_of(market: Market, symbols: Iterable[str], streams: Iterable[str]) -> tuple[str, ...]:
    """Return the channels of a market whose streams are replayed; others, such as klines, are not asked for."""
    chosen = {stream.channel for stream in chosen_streams(market, symbols, streams).values()}
    return tuple(stream.channel for stream in market.streams if stream.channel in chosen)


def _spoken(found: Recording, exchange: str, market: Market) -> Market:
    """Return a market as it was recorded. Raises ConfigError for recordings of two dialects."""
    spoken = [market.at(received_ns) for received_ns in found.received_ns[exchange]]
    if any(one is not spoken[0] for one in spoken):
        days = ", ".join(clock.iso(received_ns)[:10] for received_ns in found.received_ns[exchange])
        raise ConfigError(
            f"replaying: {exchange} spoke otherwise at the time of one of the recordings ({days})",
            fix="replay recordings of different times one after the other",
        )
    return spoken[0]


def _dialects(found: Recording, exchanges: dict[str, Exchange]) -> dict[str, str]:
    """Return the date of every recorded exchange that spoke an older dialect then."""
    old = {}
    for name in found.markets:
        exchange, _, market = name.partition(".")
        received_ns = found.received_ns[exchange][0]
        if any(received_ns < end_ns for end_ns, _ in exchanges[exchange].markets[market].earlier):
            old[exchange] = clock.iso(received_ns)
    return old
