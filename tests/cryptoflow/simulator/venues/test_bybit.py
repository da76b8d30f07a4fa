"""Bybit as simulated: paths, REST, recordings."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._bybit_session import BybitSession
from cryptoflow.simulator.venues._values import Frame, RestAnswer, RestAsk, Row
from cryptoflow.simulator.venues.bybit import VENUE
from exchanges.bybit import EXCHANGE

NOW_MS = 1_790_000_000_000
WS = "wss://stream.bybit.com/v5/public/"
REST = "https://api.bybit.com/v5/market/"


def row(data: bytes, url: str = WS + "linear", ev: str = "recv") -> Row:
    """Make a recorded row."""
    return Row(1, "c", ev, url, data)


def test_each_market_has_a_socket() -> None:
    """Of its own path; nothing else is there."""
    desk: Any = SimpleNamespace(limits=VENUE.limits)
    for name, market in EXCHANGE.markets.items():
        paths = VENUE.endpoints(name)
        assert {endpoint.name: endpoint.url.partition(".com")[2] for endpoint in market.endpoints} == paths
        assert all(isinstance(VENUE.session(path, desk), BybitSession) for path in paths.values())
    assert VENUE.session("/v5/public/option", desk) is None


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_channels_are_those_subscribed_by_default(name: str) -> None:
    """Of an invented instrument."""
    listing = VENUE.listing(name, 1, random.Random(1))
    market = EXCHANGE.markets[name]
    wanted = {market.stream_name(stream, listing.symbol) for stream in market.streams if stream.default}
    assert {channel.key.partition(" ")[2] for channel in VENUE.channels(listing)} == wanted


def test_what_the_producer_asks_is_understood() -> None:
    """Every request of both markets."""
    for name, market in EXCHANGE.markets.items():
        assert market.snapshot_request is not None
        assert market.volumes_request is not None
        asks = {
            "instruments": market.instruments_requests[0],
            "volumes": market.volumes_request,
            "snapshot": market.snapshot_request("AUSDT"),
        }
        for kind, request in asks.items():
            ask = VENUE.rest_ask(request.path, request.query)
            assert isinstance(ask, RestAsk)
            assert (ask.kind, ask.market, ask.weight, ask.limit) == (kind, name, request.weight, 1000)


def test_bad_requests_are_refused_in_the_body() -> None:
    """With status 200, but for a limit of the address (PROTOCOLS 4.3); unknown paths are nowhere."""
    refusal = EXCHANGE.markets["spot"].rest.refusal
    for path, query in (
        ("instruments-info", {"category": "option"}),
        ("instruments-info", {"category": "linear", "cursor": "x"}),
        ("orderbook", {"category": "spot"}),
        ("orderbook", {"category": "spot", "symbol": "A", "limit": "x"}),
    ):
        answer = VENUE.rest_ask("/v5/market/" + path, query)
        assert isinstance(answer, RestAnswer)
        assert answer.status == 200
        assert refusal(answer.body).startswith("10001")
    assert VENUE.rest_ask("/nothing", {}) is None
    ask = RestAsk("snapshot", "spot")
    codes = {404: (200, "10001"), 503: (503, "10016"), 429: (200, "10006")}
    for status, (told, code) in codes.items():
        answer = VENUE.rest_error(ask, status, 1)
        assert (answer.status, refusal(answer.body)[:5]) == (told, code)
    assert VENUE.rest_error(ask, 403, 1) == RestAnswer(403, b"access too frequent")


def test_lists_are_invented_or_recorded() -> None:
    """A recorded body is given as it is when it has every symbol; contracts come in pages, recorded ones in one."""
    listings = [VENUE.listing("linear", number, random.Random(number)) for number in range(1, 4)]
    world: Any = SimpleNamespace(listings=lambda _market: listings, recorded=lambda *_: ())
    found = VENUE.rest_body(RestAsk("instruments", "linear", limit=2), world)
    assert isinstance(found, bytes)
    assert len(EXCHANGE.markets["linear"].instruments(found)) == 2
    found = VENUE.rest_body(RestAsk("instruments", "spot", limit=2), world)
    assert isinstance(found, bytes)
    assert len(json.loads(found)["result"]["list"]) == 3
    volumes = VENUE.rest_body(RestAsk("volumes", "linear"), world)
    assert isinstance(volumes, bytes)
    assert len(json.loads(volumes)["result"]["list"]) == 3
    first = VENUE.rest_body(RestAsk("instruments", "linear", limit=2), world)
    whole = VENUE.rest_body(RestAsk("instruments", "linear", limit=5), world)
    world.recorded = lambda *_: (b"old", whole)
    assert VENUE.rest_body(RestAsk("instruments", "linear"), world) == whole
    world.recorded = lambda *_: (first, b'{"retCode":10006}')
    made = json.loads(VENUE.rest_body(RestAsk("instruments", "linear"), world))["result"]
    assert (len(made["list"]), made.get("nextPageCursor", "")) == (3, "")


def test_recorded_frames_find_their_streams() -> None:
    """By path and topic; answers, klines and the tickers of spot are left out."""
    found = VENUE.recorded(row(b'{"topic":"orderbook.200.AUSDT","type":"delta"}'))
    assert found is not None
    assert (found.market, found.keys, found.symbol) == ("linear", ("bybit.linear orderbook.200.AUSDT",), "AUSDT")
    assert (found.kinds, found.numbered, found.snapshots) == (("book",), True, True)
    found = VENUE.recorded(row(b'{"topic":"orderbook.1.AUSDT"}', WS + "spot"))
    assert found is not None
    assert (found.market, found.kinds, found.numbered, found.snapshots) == ("spot", ("quotes",), False, False)
    for data, url in (
        (b'{"success":true,"op":"subscribe"}', "linear"),
        (b'{"topic":"kline.1.AUSDT"}', "linear"),
        (b'{"topic":"tickers.AUSDT"}', "spot"),
        (b'{"topic":"publicTrade.AUSD"}', "inverse"),
        (b"pong", "linear"),
    ):
        assert VENUE.recorded(row(data, WS + url)) is None


def test_recorded_definitions_are_those_of_their_market() -> None:
    """Other answers are left out."""
    found = VENUE.recorded(row(b"{}", REST + "instruments-info?&category=spot&limit=9", "rest"))
    assert found is not None
    assert (found.market, found.rest) == ("spot", "instruments")
    assert VENUE.recorded(row(b"{}", REST + "instruments-info?category=option", "rest")) is None
    assert VENUE.recorded(row(b"{}", REST + "tickers?category=spot", "rest")) is None


def test_what_is_spoiled_cannot_be_read() -> None:
    """The patterns find a number and a field of every frame that rows need."""
    listing = VENUE.listing("linear", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    frames: list[Frame] = []
    for step in range(3000):
        model.step(NOW_MS + 10 * step, frames)
    market = EXCHANGE.markets["linear"]
    newest = {key: payload for key, payload in frames if not VENUE.spares(payload) and b'"openInterest"' in payload}
    for payload in {**dict(frames), **newest}.values():
        parser = market.parsers[market.route(payload).kind]
        changed = VENUE.field_pattern.sub(b"", payload, count=1)
        assert VENUE.number_pattern.search(payload)
        with pytest.raises(ValueError, match="missing required"):
            msgspec.json.decode(changed, type=parser.message)


def test_a_symbol_without_definition_and_a_late_subscriber_are_helped() -> None:
    """By what the frames say."""
    assert VENUE.recorded_listing("spot", "AUSDT", ()).base == "A"
    book = b'{"topic":"orderbook.50.A","type":"delta","data":{"b":[["1","2"]],"a":[],"u":9}}'
    told = VENUE.replayed_snapshot("k", [book])
    assert told is not None
    assert json.loads(told)["type"] == "snapshot"
