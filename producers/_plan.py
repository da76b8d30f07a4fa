"""Choose what to record: channels, symbols, owners, and which connection carries what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import xxhash

from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError
from exchanges import Endpoint, Market, Stream
from producers._watchdog import StreamInfo
from schemas import InstrumentDefinition

VIRTUAL_SHARDS = 1024


@dataclass(frozen=True)
class Carried:
    """Say what one connection carries: all streams of its symbols on its endpoint."""

    endpoint: Endpoint
    streams: tuple[StreamInfo, ...]


def is_owned(exchange: str, market: str, symbol: str, settings: Producer) -> bool:
    """Tell whether a symbol is this replica's: xxhash64 -> 1024 virtual shards -> replica."""
    shard = xxhash.xxh64_intdigest(f"{exchange}.{market}.{symbol}") % VIRTUAL_SHARDS
    return shard % settings.replica_count == settings.replica_index


def choose_streams(exchange: str, market: Market, settings: Producer) -> tuple[Stream, ...]:
    """Return the streams to record of a market. Raises ConfigError for a channel it has not."""
    asked = settings.channels.get(f"{exchange}.{market.name}")
    if asked is None:
        return tuple(stream for stream in market.streams if stream.default)
    known = {stream.channel: stream for stream in market.streams}
    unknown = [channel for channel in asked if channel not in known]
    if unknown or not asked:
        raise ConfigError(
            f"choosing channels of {exchange}.{market.name}: {unknown[0] if unknown else 'none'} is not one",
            fix=f"one of {', '.join(known)} in producer.channels",
        )
    return tuple(known[channel] for channel in asked)


def choose_symbols(
    exchange: str,
    market: str,
    asked: Sequence[str],
    definitions: Iterable[InstrumentDefinition],
) -> list[str]:
    """Return native symbols from the venue's own list; none asked for means all that trade.

    Canonical names are understood too. Raises ConfigError for a name the venue does not list.
    """
    found = list(definitions)
    if not asked:
        return [one.native_symbol for one in found if one.is_trading]
    names = {one.symbol: one.native_symbol for one in found} | {one.native_symbol: one.native_symbol for one in found}
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ConfigError(
            f"choosing symbols of {exchange}.{market}: {unknown[0]} is not listed",
            fix=f"use one of the venue's {len(found)} symbols, such as {found[0].native_symbol if found else 'none'}",
        )
    return list(dict.fromkeys(names[name] for name in asked))


def spread(market: Market, streams: Sequence[Stream], symbols: Sequence[str]) -> list[Carried]:
    """Spread streams over connections within each endpoint's limit; a symbol is never split on one endpoint."""
    carried: list[Carried] = []
    for endpoint in market.endpoints:
        here = [stream for stream in streams if stream.endpoint == endpoint.name]
        if not here:
            continue
        per_connection = max(1, endpoint.streams_max // len(here))
        carried.extend(
            Carried(endpoint, _infos(market.stream_name, here, symbols[start : start + per_connection]))
            for start in range(0, len(symbols), per_connection)
        )
    return carried


def _infos(
    name_of: Callable[[Stream, str], str], streams: Sequence[Stream], symbols: Sequence[str]
) -> tuple[StreamInfo, ...]:
    return tuple(
        StreamInfo(name_of(stream, symbol), stream.kind, symbol, stream.period_s)
        for symbol in symbols
        for stream in streams
    )
