"""Foretell what producers will do: who owns what, connections, addresses, requests, REST weight. Pure.

The same functions plan here and in a running producer, so the forecast is what will be opened. What it
finds against a limit the venue publishes is a break: such a plan is not to be run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cryptoflow.config import Producer
from exchanges import Endpoint, Market, Per, Stream, StreamKind
from producers._choose import Selections, choose
from producers._connection import connects_at_most
from producers._egress import host_of
from producers._ipshards import IpShards
from producers._orders import Orders, count_key, names_of
from producers._pace import least_s
from producers._plan import Carried, choose_streams, first_requests, spread
from producers._replica import Replica
from producers._rest import budget_of
from schemas import InstrumentDefinition

Listed = tuple[Sequence[InstrumentDefinition], Mapping[str, Decimal]]
"""What a market lists, and the traded values where an expression needs them."""


@dataclass(frozen=True)
class Opened:
    """Describe one connection that will be opened."""

    endpoint: str
    host: str
    address: str
    streams: int
    streams_max: int
    book_streams: int
    requests: int
    subscribe_s: float
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class Weight:
    """Describe the REST weight from one address: at the start, and from then on in each window of `window_s`.

    `start_s` is how long the first snapshots take within the budget of `budget` per window.
    """

    host: str
    address: str
    start: int
    steady: float
    budget: int
    limit: int
    window_s: float

    @property
    def start_s(self) -> float:
        """Return how long the start takes [s]."""
        return (math.ceil(self.start / self.budget) - 1) * self.window_s if self.start else 0.0

    @property
    def peak(self) -> float:
        """Return the most weight spent in one window."""
        return max(min(self.start, self.budget), self.steady)


@dataclass(frozen=True)
class Share:
    """Hold what one replica does of one market."""

    exchange: str
    market: str
    replica: int
    symbols: tuple[str, ...]
    connections: tuple[Opened, ...]
    weights: tuple[Weight, ...]

    @property
    def streams(self) -> int:
        """Count the streams subscribed."""
        return sum(one.streams for one in self.connections)


@dataclass(frozen=True)
class Forecast:
    """Hold all shares, the names nobody lists, and every published limit that would be broken.

    `notes` say what was counted besides the configuration, and what could not be.
    """

    shares: tuple[Share, ...]
    unknown: Mapping[tuple[str, str], Sequence[str]]
    breaks: tuple[str, ...]
    notes: tuple[str, ...] = ()


def forecast(
    settings: Producer,
    markets: Mapping[tuple[str, str], Market],
    listed: Mapping[tuple[str, str], Listed],
    selections: Selections,
    shards: IpShards,
    *,
    orders: Orders | None = None,
    one_address: bool = False,
) -> Forecast:
    """Plan every replica: as many as were ordered, else `settings.replica_count`.

    What was ordered of symbols holds over the selections. Replicas are taken to leave from an address each,
    unless the shards name addresses or `one_address` says that they share one. Raises ConfigError for a
    symbol without an address.
    """
    orders = orders or Orders()
    shares: list[Share] = []
    unknown: dict[tuple[str, str], Sequence[str]] = {}
    for (exchange, name), market in markets.items():
        definitions, volumes = listed[exchange, name]
        chosen = choose(selections.of(exchange, name), definitions, volumes)
        unknown[exchange, name] = chosen.unknown
        symbols = orders.symbols.apply(exchange, name, chosen.symbols, names_of(definitions))
        shards.check(exchange, name, symbols)
        key, own = count_key(settings.feed, exchange, name), Replica(0, settings.replica_count)
        count = orders.replicas.replica(key, own).count
        one = _MarketForecast(settings, exchange, market, definitions, shards, bool(selections.of(exchange, name).top))
        shares += [one.share(Replica(index, count), symbols) for index in range(count)]
    endpoints = {(e, n, one.name): one for (e, n), market in markets.items() for one in market.endpoints}
    return Forecast(tuple(shares), unknown, tuple(_breaks(shares, endpoints, one_address=one_address)))


class _MarketForecast:
    """Plan the replicas of one market."""

    def __init__(
        self,
        settings: Producer,
        exchange: str,
        market: Market,
        definitions: Sequence[InstrumentDefinition],
        shards: IpShards,
        needs_volumes: bool,
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._market = market
        self._shards = shards
        self._streams: Sequence[Stream] = choose_streams(exchange, market, settings)
        followed = any(stream.per is Per.INDEX for stream in self._streams)
        self._indexes = {one.native_symbol: one.index for one in definitions if one.index} if followed else {}
        self._budget = budget_of(market.rest, settings.rest_weight_per_minute)
        requests = [*market.instruments_requests]
        if needs_volumes and market.volumes_request is not None:
            requests.append(market.volumes_request)
        self._asked_weight = sum(one.weight for one in requests)
        self._listed_weight = sum(one.weight for one in market.instruments_requests)

    def share(self, replica: Replica, chosen: Sequence[str]) -> Share:
        market, exchange = self._market, self._exchange
        symbols = [symbol for symbol in chosen if replica.owns(exchange, market.name, symbol)]
        carried = spread(market, self._streams, symbols, self._indexes, self._address_of)
        lines = self._settings.connections_of(exchange, market.name)
        connections = tuple(self._opened(one) for one in carried for _ in range(lines))
        return Share(exchange, market.name, replica.index, tuple(symbols), connections, tuple(self._weights(symbols)))

    def _address_of(self, symbol: str) -> str:
        return self._shards.address(self._exchange, self._market.name, symbol)

    def _opened(self, carried: Carried) -> Opened:
        endpoint = carried.endpoint
        requests = len(first_requests(self._market, carried))
        return Opened(
            endpoint=endpoint.name,
            host=host_of(endpoint.url),
            address=carried.address,
            streams=len(endpoint.extra_streams) + len(carried.streams),
            streams_max=endpoint.streams_max,
            book_streams=sum(StreamKind.BOOK in info.kinds for info in carried.streams),
            requests=requests,
            subscribe_s=round((requests - 1) * least_s(endpoint), 1),
            symbols=tuple(dict.fromkeys(info.symbol for info in carried.streams if info.per is Per.SYMBOL)),
        )

    def _weights(self, symbols: Sequence[str]) -> Iterable[Weight]:
        """Foretell the weight per address; what is for no symbol is asked from the addresses in turn."""
        rest, own, ask = self._market.rest, self._settings, self._market.snapshot_request
        books = any(StreamKind.BOOK in (stream.kind, *stream.also) for stream in self._streams)
        snapshots: Counter[str] = Counter()
        if ask is not None and books:
            for symbol in symbols:
                snapshots[self._address_of(symbol)] += ask(symbol).weight
        for place, address in enumerate(self._shards.addresses):
            first = place == 0
            start = (0 if self._market.in_stream_snapshots else snapshots[address]) + first * self._asked_weight
            steady = first * self._listed_weight * rest.window_s / own.instruments_interval_s
            if own.snapshot_interval_s:
                steady += snapshots[address] * rest.window_s / own.snapshot_interval_s
            yield Weight(
                host_of(rest.base), address, start, round(steady, 3), self._budget, rest.weight_max, rest.window_s
            )


def _breaks(
    shares: Sequence[Share], endpoints: Mapping[tuple[str, str, str], Endpoint], *, one_address: bool
) -> Iterable[str]:
    """Yield every published limit that would be broken, in words."""
    at_once: Counter[tuple[str, str, str]] = Counter()
    connects: dict[tuple[str, str], Counter[int]] = {}
    requests: dict[tuple[str, str], Counter[int]] = {}
    limits: dict[tuple[str, str], Endpoint] = {}
    for share in shares:
        where = f"{share.exchange}.{share.market}, replica {share.replica}"
        for one in share.connections:
            endpoint = endpoints[share.exchange, share.market, one.endpoint]
            yield from (f"{where}: {text}" for text in _connection_breaks(one, endpoint))
            address = _address(one.address, share.replica, one_address=one_address)
            at_once[endpoint.url, address, f"{share.exchange}.{share.market}"] += 1
            connects.setdefault((one.host, address), Counter())[share.replica] += 1
            requests.setdefault((one.host, address), Counter())[share.replica] += one.requests
            limits[one.host, address] = endpoint
            if endpoint.connections_max is not None and (
                at_once[endpoint.url, address, f"{share.exchange}.{share.market}"] == endpoint.connections_max + 1
            ):
                yield f"{where}: more than {endpoint.connections_max} connections at once from {address} to {one.host}"
    for (host, address), counts in connects.items():
        endpoint = limits[host, address]
        most = sum(min(count, connects_at_most(endpoint.connects_max)) for count in counts.values())
        if most > endpoint.connects_max:
            yield (
                f"{host}: {most} connects within {endpoint.connects_window_s:g} s from {address}, "
                f"{endpoint.connects_max} are allowed"
            )
        asked = sum(min(count, 1 / least_s(endpoint)) for count in requests[host, address].values())
        if endpoint.messages_per_address and asked > endpoint.messages_per_s:
            yield f"{host}: {asked:g} messages/s from {address}, {endpoint.messages_per_s:g} are allowed"
    yield from _weight_breaks(shares, one_address=one_address)


def _connection_breaks(one: Opened, endpoint: Endpoint) -> Iterable[str]:
    about = f"a connection to {one.endpoint} of {', '.join(one.symbols[:3]) or 'the market'}"
    if one.streams > endpoint.streams_max:
        yield f"{about} has {one.streams} streams, {endpoint.streams_max} are allowed"
    if endpoint.book_streams_max is not None and one.book_streams > endpoint.book_streams_max:
        yield f"{about} has {one.book_streams} book streams, {endpoint.book_streams_max} are allowed"
    if endpoint.requests_per_hour_max is not None and one.requests > endpoint.requests_per_hour_max:
        yield f"{about} needs {one.requests} requests, {endpoint.requests_per_hour_max} an hour are allowed"


def _weight_breaks(shares: Sequence[Share], *, one_address: bool) -> Iterable[str]:
    spent: dict[tuple[str, str], Counter[int]] = {}
    allowed: dict[tuple[str, str], Weight] = {}
    for share in shares:
        where = f"{share.exchange}.{share.market}, replica {share.replica}"
        for weight in share.weights:
            if weight.budget > weight.limit:
                yield (
                    f"{where}: producer.rest_weight_per_minute allows {weight.budget} of {weight.limit} "
                    f"in {weight.window_s:g} s at {weight.host}"
                )
            if weight.steady > weight.budget:
                yield (
                    f"{where}: periodic snapshots need {weight.steady:g} of {weight.budget} REST weight "
                    f"in {weight.window_s:g} s at {weight.host}"
                )
            address = _address(weight.address, share.replica, one_address=one_address)
            spent.setdefault((weight.host, address), Counter())[share.replica] += math.ceil(weight.peak)
            allowed[weight.host, address] = weight
    for (host, address), peaks in spent.items():
        limit = allowed[host, address]
        # The markets of one process share its budget at a host.
        peak = sum(min(one, limit.budget) for one in peaks.values())
        if peak > limit.limit:
            yield f"{host}: {peak} REST weight in {limit.window_s:g} s from {address}, {limit.limit} are allowed"


def _address(address: str, replica: int, *, one_address: bool) -> str:
    """Name where something leaves from: an address of the file is on one machine, any other is the replica's own."""
    return address or ("the shared address" if one_address else f"replica {replica}")
