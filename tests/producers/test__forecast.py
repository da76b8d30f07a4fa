"""What is foretold is what will be opened, and what would break a published limit is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from cryptoflow import registry
from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError
from exchanges import Market
from producers._choose import selections
from producers._forecast import Forecast, Share, Weight, _weight_breaks, forecast
from producers._ipshards import IpShards
from producers._orders import CountOrder, Orders, SymbolOrder
from producers._replica import owner_of
from schemas import InstrumentDefinition

MARKETS = {
    (exchange.name, name): market
    for exchange in registry.load("exchanges", "EXCHANGE").values()
    for name, market in exchange.markets.items()
}
USDM = ("binance", "usdm")


def definitions(count: int) -> list[InstrumentDefinition]:
    """Invent what a venue lists."""
    return [
        InstrumentDefinition(
            f"S{one:04d}USDT", f"S{one:04d}-USDT", f"S{one:04d}", "USDT", "USDT", "perpetual", "on", index=f"S{one:04d}"
        )
        for one in range(count)
    ]


def foretold(
    key: tuple[str, str],
    symbols: int,
    *,
    market: Market | None = None,
    shards: IpShards | None = None,
    one_address: bool = False,
    **settings: Any,
) -> Forecast:
    """Plan one market."""
    return forecast(
        Producer(**settings),
        {key: market or MARKETS[key]},
        {key: (definitions(symbols), {})},
        selections(["all"]),
        shards or IpShards(),
        one_address=one_address,
    )


@pytest.mark.parametrize("key", MARKETS, ids=".".join)
def test_a_thousand_symbols_fit_every_market(key: tuple[str, str]) -> None:
    """Each is carried once on each endpoint that has streams, within the limits, and nothing is broken."""
    found = foretold(key, 1000)
    assert found.breaks == ()
    (share,) = found.shares
    assert len(share.symbols) == 1000
    for endpoint in {one.endpoint for one in share.connections}:
        carried = [symbol for one in share.connections if one.endpoint == endpoint for symbol in one.symbols]
        assert len(carried) == len(set(carried))
    assert {symbol for one in share.connections for symbol in one.symbols} == set(share.symbols)
    assert all(one.streams <= one.streams_max for one in share.connections)
    assert all(weight.steady <= weight.budget < weight.limit for weight in share.weights)


def test_replicas_share_the_symbols() -> None:
    """Each by its virtual shard, as the running producers do."""
    found = foretold(USDM, 300, replica_count=3)
    assert [share.replica for share in found.shares] == [0, 1, 2]
    for share in found.shares:
        assert share.symbols
        assert all(owner_of(*USDM, symbol, 3) == share.replica for symbol in share.symbols)
    assert sum(len(share.symbols) for share in found.shares) == 300


def test_orders_hold_over_the_configuration() -> None:
    """As many replicas as were ordered of the feed, and the symbols added and removed by name."""
    ordered = Orders()
    for one in (
        CountOrder(*USDM, 3, 2, 1),
        CountOrder(*USDM, 4, 2, 1, "b"),
        SymbolOrder(*USDM, "S0007-USDT", "removed", 1),
        SymbolOrder(*USDM, "S0100USDT", "added", 1),
        SymbolOrder(*USDM, "NOPE", "added", 1),
    ):
        take = ordered.replicas.take if isinstance(one, CountOrder) else ordered.symbols.take
        take(one.key, msgspec.json.encode(one))
    for feed, count in (("", 3), ("b", 4), ("c", 2)):
        settings, listed = Producer(replica_count=2, feed=feed), {USDM: (definitions(200), {})}
        chosen = selections([",".join(f"S{one:04d}USDT" for one in range(50))])
        found = forecast(settings, {USDM: MARKETS[USDM]}, listed, chosen, IpShards(), orders=ordered)
        assert [share.replica for share in found.shares] == list(range(count))
        held = {symbol for share in found.shares for symbol in share.symbols}
        assert held == {f"S{one:04d}USDT" for one in (*range(50), 100)} - {"S0007USDT"}


def test_the_first_snapshots_take_as_long_as_the_budget_says() -> None:
    """300 books of 20 and one list within 90 % of 2400 a minute; later one in 900 s each."""
    (share,) = foretold(USDM, 300).shares
    (weight,) = share.weights
    assert (weight.start, weight.budget, weight.limit, weight.start_s) == (6001, 2160, 2400, 120.0)
    assert weight.steady == pytest.approx(6000 * 60 / 900 + 60 / 3600, abs=0.001)
    assert foretold(USDM, 300, snapshot_interval_s=0).shares[0].weights[0].steady < 0.1
    assert foretold(USDM, 300, streams=("trades",)).shares[0].weights[0].start == 1


def test_books_that_come_in_stream_cost_nothing_at_the_start() -> None:
    """Only the schedule asks over REST, where the venue has a book there at all."""
    (share,) = foretold(("okx", "swap"), 100).shares
    assert share.weights[0].start <= 4
    assert share.weights[0].steady > 0
    assert foretold(("kraken", "spot"), 100).shares[0].weights[0].steady < 0.1


def test_a_spare_connection_is_planned_beside_each() -> None:
    """It subscribes the same."""
    one = foretold(USDM, 10).shares[0].connections
    two = foretold(USDM, 10, connections_per_stream={"binance": 2}).shares[0].connections
    assert sorted(two, key=repr) == sorted([*one, *one], key=repr)


def test_addresses_carry_their_own_symbols() -> None:
    """Connections and REST weight are those of the address."""
    pins = {(*USDM, "S0001USDT"): "10.0.0.1"}
    shards = IpShards(pins, pool=("10.0.0.2",), is_set=True)
    (share,) = foretold(USDM, 5, shards=shards).shares
    of = {
        address: {s for one in share.connections if one.address == address for s in one.symbols}
        for address in shards.addresses
    }
    assert of == {"10.0.0.1": {"S0001USDT"}, "10.0.0.2": {f"S{one:04d}USDT" for one in (0, 2, 3, 4)}}
    assert [(weight.address, weight.start) for weight in share.weights] == [("10.0.0.1", 21), ("10.0.0.2", 80)]
    with pytest.raises(ConfigError, match="is in no shard"):
        foretold(USDM, 5, shards=IpShards(pins, is_set=True))


def test_replicas_of_one_address_share_its_limits() -> None:
    """Three budgets of 90 % are more than the venue allows; with an address each they are not."""
    apart = foretold(USDM, 1000, replica_count=3)
    assert apart.breaks == ()
    together = foretold(USDM, 1000, replica_count=3, one_address=True)
    assert together.breaks == ("fapi.binance.com: 6480 REST weight in 60 s from the shared address, 2400 are allowed",)
    named = foretold(USDM, 1000, replica_count=3, shards=IpShards(pool=("10.0.0.1",), is_set=True))
    assert "from 10.0.0.1, 2400 are allowed" in named.breaks[0]
    assert foretold(USDM, 1000, replica_count=3, one_address=True, rest_weight_per_minute=700).breaks == ()


@pytest.mark.parametrize(
    ("settings", "limits", "text"),
    [
        ({"rest_weight_per_minute": 5000}, {}, "rest_weight_per_minute allows 5000 of 2400"),
        ({"snapshot_interval_s": 60}, {}, "periodic snapshots need 4000"),
        ({}, {"streams_max": 1}, "streams, 1 are allowed"),
        ({}, {"book_streams_max": 0}, "1 book streams, 0 are allowed"),
        ({}, {"requests_per_hour_max": 0}, "requests, 0 an hour are allowed"),
        ({}, {"connections_max": 1, "streams_max": 100}, "more than 1 connections at once"),
    ],
)
def test_a_broken_limit_is_said(settings: dict[str, Any], limits: dict[str, Any], text: str) -> None:
    """Whatever the venue publishes: weight, streams, books, requests, connections."""
    market = MARKETS[USDM]
    endpoints = tuple(dataclasses.replace(endpoint, **limits) for endpoint in market.endpoints)
    assert foretold(USDM, 200).breaks == ()
    found = foretold(USDM, 200, market=dataclasses.replace(market, endpoints=endpoints), **settings)
    assert any(text in one for one in found.breaks), found.breaks


def test_connects_of_replicas_at_one_address_add_up() -> None:
    """Each stays below the limit, three together do not."""
    key = ("coinbase", "exchange")
    assert foretold(key, 400, replica_count=3).breaks == ()
    found = foretold(key, 400, replica_count=3, one_address=True)
    assert found.breaks == (
        "ws-feed.exchange.coinbase.com: 12 connects within 1 s from the shared address, 8 are allowed",
    )


def test_messages_of_replicas_at_one_address_add_up() -> None:
    """PROTOCOLS 6.2.3: 8 a second from an address, however many connections and processes share it."""
    key = ("coinbase", "spot")
    assert foretold(key, 400, replica_count=2).breaks == ()
    found = foretold(key, 400, replica_count=2, one_address=True)
    assert found.breaks == ("advanced-trade-ws.coinbase.com: 12.8 messages/s from the shared address, 8 are allowed",)


def test_names_nobody_lists_are_told() -> None:
    """The caller decides whether another market has them."""
    found = forecast(
        Producer(), {USDM: MARKETS[USDM]}, {USDM: (definitions(2), {})}, selections(["NOPE,S0001USDT"]), IpShards()
    )
    assert found.unknown == {USDM: ["NOPE"]}
    assert found.shares[0].symbols == ("S0001USDT",)


def test_the_markets_of_one_process_share_the_weight_of_a_host() -> None:
    """Bybit and OKX count by address: two markets of one process spend what one may, two replicas do not."""

    def share(market: str, replica: int) -> Share:
        weight = Weight("api.bybit.com", "", start=5000, steady=1, budget=540, limit=600, window_s=5)
        return Share("bybit", market, replica, (), (), (weight,))

    both = [share("spot", 0), share("linear", 0)]
    assert list(_weight_breaks(both, one_address=True)) == []
    (broken,) = _weight_breaks([*both, share("spot", 1)], one_address=True)
    assert broken == "api.bybit.com: 1080 REST weight in 5 s from the shared address, 600 are allowed"
