"""Choose what to record: channels, symbols, and which connection carries what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError
from exchanges import Endpoint, Exchange, Market, Per, Stream, StreamKind
from producers._channels import Channels, batches
from producers._choose import Selection, choose, parse
from producers._replica import Replica
from producers._watchdog import StreamInfo
from schemas import InstrumentDefinition

_QUOTES_CHARS = 3
"""What a name costs in a request besides itself: its quotes and a comma."""

_NO_INDEXES: Mapping[str, str] = MappingProxyType({})


def _any_address(_symbol: str) -> str:
    return ""


@dataclass(frozen=True)
class Carried:
    """Say what one connection carries: all streams of its symbols on its endpoint, and the address it leaves from."""

    endpoint: Endpoint
    streams: tuple[StreamInfo, ...]
    address: str = ""


def is_owned(exchange: str, market: str, symbol: str, settings: Producer) -> bool:
    """Tell whether a symbol is this replica's: xxhash64 -> 1024 virtual shards -> replica."""
    return Replica(settings.replica_index, settings.replica_count).owns(exchange, market, symbol)


def choose_streams(exchange: str, market: Market, settings: Producer) -> tuple[Stream, ...]:
    """Return the streams to record of a market, of the kinds this process records.

    Raises ConfigError for a channel the market has not.
    """
    asked = settings.channels.get(f"{exchange}.{market.name}")
    if asked is None:
        return _of_kinds([stream for stream in market.streams if stream.default], settings.streams)
    known = {stream.channel: stream for stream in market.streams}
    unknown = [channel for channel in asked if channel not in known]
    if unknown or not asked:
        raise ConfigError(
            f"choosing channels of {exchange}.{market.name}: {unknown[0] if unknown else 'none'} is not one",
            fix=f"one of {', '.join(known)} in producer.channels",
        )
    return _of_kinds([known[channel] for channel in asked], settings.streams)


def refuse_rivals(exchange: Exchange, markets: Iterable[str], settings: Producer) -> None:
    """Raise ConfigError where two channels would feed the trades, the quotes or the book of one symbol.

    Each numbers what it sends by itself: together every trade and quote is told twice, a book is in disorder.
    """
    for name in markets:
        streams = choose_streams(exchange.name, exchange.markets[name], settings)
        for kind in (StreamKind.TRADES, StreamKind.QUOTES, StreamKind.BOOK):
            rivals = [stream.channel for stream in streams if stream.kind is kind]
            if len(rivals) > 1:
                raise ConfigError(
                    f"choosing channels of {exchange.name}.{name}: {rivals[0]} and {rivals[1]} both bring {kind}",
                    fix="keep one of them in producer.channels",
                )


def refuse_no_streams(streams: Mapping[str, Sequence[Stream]], settings: Producer) -> None:
    """Raise ConfigError when none of these markets, by `<exchange>.<market>`, has a stream to record."""
    if not any(streams.values()):
        kinds = " or ".join(settings.streams)
        raise ConfigError(
            f"choosing streams: {' or '.join(streams)} has no stream of kind {kinds}",
            fix="name other kinds with --streams or producer.streams, or other markets",
        )


def _of_kinds(streams: Iterable[Stream], kinds: Sequence[str]) -> tuple[Stream, ...]:
    """Keep streams of these kinds; one that carries several is kept for any of them."""
    return tuple(stream for stream in streams if not kinds or {stream.kind.value, *stream.also} & set(kinds))


def choose_symbols(
    exchange: str,
    market: str,
    asked: Selection | Sequence[str],
    definitions: Iterable[InstrumentDefinition],
) -> list[str]:
    """Return native symbols from the venue's own list; none asked for means all that trade.

    Canonical names are understood too. Raises ConfigError for a name the venue does not list.
    """
    found = list(definitions)
    selection = asked if isinstance(asked, Selection) else parse(",".join(asked))
    chosen = choose(selection, found, {})
    if chosen.unknown:
        raise ConfigError(
            f"choosing symbols of {exchange}.{market}: {chosen.unknown[0]} is not listed",
            fix=f"use one of the venue's {len(found)} symbols, such as {found[0].native_symbol if found else 'none'}",
        )
    return chosen.symbols


def fits(endpoint: Endpoint, streams: Iterable[StreamInfo]) -> bool:
    """Tell whether one connection may carry these streams besides the endpoint's own."""
    return _Load.of(endpoint).plus(streams).is_within(endpoint)


def first_requests(market: Market, carried: Carried) -> list[list[str]]:
    """Return the names of each request by which a new connection subscribes what it carries."""
    endpoint = carried.endpoint
    names = [*endpoint.extra_streams, *(info.name for info in carried.streams)]
    return batches(names, endpoint.streams_per_request_max, market.request_group, Channels(carried.streams).unit)


def infos(
    market: Market, streams: Sequence[Stream], symbols: Sequence[str], indexes: Mapping[str, str] = _NO_INDEXES
) -> list[tuple[StreamInfo, ...]]:
    """Return the streams of one endpoint in units that no connection boundary may cut.

    First each whole market's stream, then those of each symbol, then those of each index that our
    symbols follow (`indexes` per symbol). Without symbols there is nothing to carry.
    """
    if not symbols:
        return []
    followed = dict.fromkeys(indexes[symbol] for symbol in symbols if symbol in indexes)
    units = [_infos(market, [stream], Per.MARKET, "") for stream in streams if stream.per is Per.MARKET]
    units += [_infos(market, streams, Per.SYMBOL, symbol) for symbol in symbols]
    units += [_infos(market, streams, Per.INDEX, index) for index in followed]
    return [unit for unit in units if unit]


def spread(
    market: Market,
    streams: Sequence[Stream],
    symbols: Sequence[str],
    indexes: Mapping[str, str] = _NO_INDEXES,
    address_of: Callable[[str], str] = _any_address,
) -> list[Carried]:
    """Spread streams over connections within each endpoint's limits; a symbol is never split on one endpoint.

    A connection holds the symbols of one address; what serves the market or an index goes where there is room.
    """
    carried: list[Carried] = []
    for endpoint in market.endpoints:
        here = [stream for stream in streams if stream.endpoint == endpoint.name]
        open_here: dict[str, list[tuple[list[StreamInfo], _Load]]] = {}
        for unit in infos(market, here, symbols, indexes):
            shared = unit[0].per is not Per.SYMBOL
            address = address_of(symbols[0] if shared else unit[0].symbol)
            connections = open_here.setdefault(address, [])
            load = connections[-1][1].plus(unit) if connections else _Load.of(endpoint).plus(unit)
            if not connections or not load.is_within(endpoint):
                connections.append(([], _Load.of(endpoint)))
                load = _Load.of(endpoint).plus(unit)
            connections[-1][0].extend(unit)
            connections[-1] = (connections[-1][0], load)
        for address, connections in open_here.items():
            carried += [Carried(endpoint, tuple(together), address) for together, _ in connections]
    return carried


@dataclass(frozen=True, slots=True)
class _Load:
    """Count what a connection carries against its endpoint's limits."""

    streams: int
    chars: int
    books: int

    @classmethod
    def of(cls, endpoint: Endpoint) -> _Load:
        """Begin with the endpoint's own streams."""
        return cls(len(endpoint.extra_streams), sum(map(_chars, endpoint.extra_streams)), 0)

    def plus(self, more: Iterable[StreamInfo]) -> _Load:
        """Add streams."""
        added = list(more)
        return _Load(
            self.streams + len(added),
            self.chars + sum(_chars(info.name) for info in added),
            self.books + sum(StreamKind.BOOK in info.kinds for info in added),
        )

    def is_within(self, endpoint: Endpoint) -> bool:
        """Tell whether the endpoint allows it."""
        return (
            self.streams <= endpoint.streams_max
            and (endpoint.names_max_chars is None or self.chars <= endpoint.names_max_chars)
            and (endpoint.book_streams_max is None or self.books <= endpoint.book_streams_max)
        )


def _chars(name: str) -> int:
    return len(name) + _QUOTES_CHARS


def _infos(market: Market, streams: Iterable[Stream], per: Per, key: str) -> tuple[StreamInfo, ...]:
    return tuple(_info(market, stream, key) for stream in streams if stream.per is per)


def _info(market: Market, stream: Stream, key: str) -> StreamInfo:
    name = market.stream_name(stream, key)
    return StreamInfo(name, stream.kind, key, stream.period_s, stream.also, stream.per, market.heard_as(name))
