"""OKX as simulated: paths, REST, recordings."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._okx_session import OkxSession
from cryptoflow.simulator.venues._values import Frame, RestAnswer, RestAsk, Row
from cryptoflow.simulator.venues.okx import IDS_SINCE_NS, SUMS_UNTIL_NS, VENUE
from exchanges.okx import EXCHANGE

URL = "wss://ws.okx.com:8443/ws/v5/public"
NOW_MS = 1_790_000_000_000


def row(data: bytes, ev: str = "recv", url: str = URL) -> Row:
    """Make a recorded row."""
    return Row(1, "c", ev, url, data)


def test_both_paths_are_sockets() -> None:
    """Public and business, for all markets; nothing else."""
    desk: Any = SimpleNamespace(limits=VENUE.limits)
    for name, market in EXCHANGE.markets.items():
        paths = VENUE.endpoints(name)
        assert {endpoint.name: endpoint.url.partition("8443")[2] for endpoint in market.endpoints} == paths
        assert all(isinstance(VENUE.session(path, desk), OkxSession) for path in paths.values())
    assert VENUE.session("/ws/v5/private", desk) is None


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_channels_are_those_subscribed_by_default(name: str) -> None:
    """Of an invented instrument, its index and its market."""
    listing = VENUE.listing(name, 1, random.Random(1))
    keys = {"symbol": listing.symbol, "index": f"{listing.base}-{listing.quote}", "market": ""}
    market = EXCHANGE.markets[name]
    wanted = {market.stream_name(stream, keys[stream.per]) for stream in market.streams if stream.default}
    assert {channel.key.partition(" ")[2] for channel in VENUE.channels(listing)} == wanted


def test_what_the_producer_asks_is_understood() -> None:
    """Every request of the three markets."""
    for name, market in EXCHANGE.markets.items():
        symbol = VENUE.listing(name, 1, random.Random(1)).symbol
        assert market.snapshot_request is not None
        assert market.volumes_request is not None
        assert market.trade_fill is not None
        asks = {
            "instruments": market.instruments_requests[0],
            "volumes": market.volumes_request,
            "snapshot": market.snapshot_request(symbol),
            "trades": market.trade_fill.request(symbol, 100),
        }
        for kind, request in asks.items():
            ask = VENUE.rest_ask(request.path, request.query)
            assert isinstance(ask, RestAsk)
            assert (ask.kind, ask.market, ask.weight) == (kind, name, request.weight)
        assert isinstance(ask, RestAsk)
        assert (ask.symbol, ask.from_id, ask.limit) == (symbol, 100, 100)


def test_bad_requests_are_refused_in_the_body() -> None:
    """Unknown types and broken numbers come with status 200 (PROTOCOLS 5.3); unknown paths are nowhere."""
    refusal = EXCHANGE.markets["spot"].rest.refusal
    for path, query in (
        ("/api/v5/public/instruments", {"instType": "OPTION"}),
        ("/api/v5/market/books", {}),
        ("/api/v5/market/books", {"instId": "A-B", "sz": "x"}),
    ):
        answer = VENUE.rest_ask(path, query)
        assert isinstance(answer, RestAnswer)
        assert answer.status == 200
        assert refusal(answer.body).startswith("51000")
    assert VENUE.rest_ask("/nothing", {}) is None
    ask = RestAsk("snapshot", "spot")
    codes = {404: (200, "51001"), 503: (200, "50013"), 429: (429, "50011"), 403: (403, "50000")}
    for status, (told, code) in codes.items():
        answer = VENUE.rest_error(ask, status, 1)
        assert (answer.status, refusal(answer.body)[:5]) == (told, code)


def test_lists_are_invented_or_recorded() -> None:
    """A recorded body is given as it is when it has every symbol; there are no trades of the past in a replay."""
    listings = [VENUE.listing("swap", number, random.Random(number)) for number in range(1, 4)]
    world: Any = SimpleNamespace(listings=lambda _market: listings, recorded=lambda *_: ())
    found = VENUE.rest_body(RestAsk("instruments", "swap"), world)
    assert isinstance(found, bytes)
    assert [one.native_symbol for one, _ in EXCHANGE.markets["swap"].instruments(found)] == [
        one.symbol for one in listings
    ]
    volumes = VENUE.rest_body(RestAsk("volumes", "swap"), world)
    assert isinstance(volumes, bytes)
    assert len(json.loads(volumes)["data"]) == 3
    world.recorded = lambda *_: (b'{"data":[]}', found)
    assert VENUE.rest_body(RestAsk("instruments", "swap"), world) == found
    world.recorded = lambda *_: (b'{"code":"50011"}',)
    assert VENUE.rest_body(RestAsk("instruments", "swap"), world) == found
    assert VENUE.rest_body(RestAsk("trades", "swap"), world) == b'{"code":"0","msg":"","data":[]}'


def test_recorded_frames_find_their_streams() -> None:
    """By channel and instrument; answers, pongs and other channels are left out."""
    data = b'{"arg":{"channel":"books","instId":"A-USD-300101"},"action":"update","data":[{"seqId":1}]}'
    found = VENUE.recorded(row(data))
    assert found is not None
    assert (found.market, found.keys, found.numbered) == ("futures", ("okx.futures books:A-USD-300101",), True)
    found = VENUE.recorded(row(data.replace(b'{"seqId":1}', b"{}")))
    assert found is not None
    assert (found.snapshots, found.numbered) == (True, False)
    whole = VENUE.recorded(row(b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[]}'))
    assert whole is not None
    assert (whole.keys, whole.symbol) == (("okx.swap liquidation-orders:SWAP",), "")
    for other in (b"pong", b'{"event":"subscribe"}', b'{"arg":{"channel":"candle1m","instId":"A-B"},"data":[]}'):
        assert VENUE.recorded(row(other)) is None


def test_recorded_definitions_are_those_of_their_type() -> None:
    """Options and other answers are left out."""
    url = "https://www.okx.com/api/v5/public/instruments?instType="
    found = VENUE.recorded(row(b"{}", "rest", url + "FUTURES"))
    assert found is not None
    assert (found.market, found.rest) == ("futures", "instruments")
    assert VENUE.recorded(row(b"{}", "rest", url + "OPTION&uly=BTC-USD")) is None
    assert VENUE.recorded(row(b"{}", "rest", "https://www.okx.com/api/v5/market/tickers?instType=SPOT")) is None


@pytest.mark.parametrize(
    ("market", "symbol", "inverse"),
    [("spot", "A-USD", False), ("swap", "A-USD-SWAP", True), ("futures", "A-USDT-300101", False)],
)
def test_instruments_without_definitions_are_guessed(market: str, symbol: str, inverse: bool) -> None:
    """Where a recording has none."""
    found = VENUE.recorded_listing(market, symbol, ())
    assert (found.inverse, bool(found.expires_ms), found.base) == (inverse, market == "futures", "A")


@pytest.mark.parametrize(
    ("told", "received_ns", "spoken_ns"),
    [
        (b'"checksum":-5', IDS_SINCE_NS + 7, IDS_SINCE_NS - 1),
        (b'"checksum":-5', 9, 9),
        (b'"checksum":5,"seqId":3', SUMS_UNTIL_NS + 7, SUMS_UNTIL_NS - 1),
        (b'"checksum":5,"seqId":3', 9, 9),
        (b'"checksum":0,"seqId":3', 9, SUMS_UNTIL_NS),
        (b'"seqId":3', SUMS_UNTIL_NS + 7, SUMS_UNTIL_NS + 7),
    ],
)
def test_books_tell_when_they_were_spoken(told: bytes, received_ns: int, spoken_ns: int) -> None:
    """Ids and sums came and went at known times, so a recording whose times were moved is read all the same."""
    frame = b'{"arg":{"channel":"books","instId":"A-USDT"},"data":[{%b}]}' % told
    assert VENUE.spoken_ns(received_ns, [b'{"arg":{"channel":"trades"}}', frame]) == spoken_ns
    assert VENUE.spoken_ns(received_ns, [b'{"arg":{"channel":"trades"}}']) == received_ns


def test_an_options_frame_is_of_no_market_here() -> None:
    """It is left out by name, as other channels are; answers have none."""
    option = row(b'{"arg":{"channel":"trades","instId":"A-USD-300101-100-C"},"data":[{}]}')
    assert VENUE.recorded(option) is None
    assert VENUE.unused(option) == "trades:A-USD-300101-100-C"
    assert VENUE.unused(row(b'{"event":"subscribe","arg":{"channel":"trades","instId":"A"}}')) == ""


@pytest.mark.parametrize(
    ("contracts", "market"),
    [(("A-USD-300101",), "futures"), (("A-USD-300101", "A-USD-SWAP"), "swap"), (("B-USD-SWAP", "A-USDT-SWAP"), "swap")],
)
def test_a_recorded_index_is_of_the_market_that_follows_it(contracts: tuple[str, ...], market: str) -> None:
    """Of swaps where both do, or where nobody does."""
    told = b'{"arg":{"channel":"trades","instId":"%b"},"data":[{}]}'
    index = row(b'{"arg":{"channel":"index-tickers","instId":"A-USD"},"data":[{}]}')
    found = VENUE.reader([index, *(row(told % name.encode()) for name in contracts)])(index)
    assert found is not None
    assert (found.market, found.keys) == (market, (f"okx.{market} index-tickers:A-USD",))


def test_what_is_spoiled_cannot_be_read() -> None:
    """The patterns find a field of every frame that rows need, and a number that is never negative, if there is one."""
    listing = VENUE.listing("swap", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    frames: list[Frame] = []
    for step in range(3000):
        model.step(NOW_MS + 10 * step, frames)
    market = EXCHANGE.markets["swap"]
    for payload in dict(frames).values():
        parser = market.parsers[market.route(payload).kind]
        changed = VENUE.field_pattern.sub(b"", payload, count=1)
        may_be_negative = any(name in payload for name in (b'"index-tickers"', b'"funding-rate"'))
        assert bool(VENUE.number_pattern.search(payload)) is not may_be_negative
        with pytest.raises(ValueError, match="missing required"):
            msgspec.json.decode(changed, type=parser.message)
    assert VENUE.replayed_snapshot("k", [b'{"arg":{},"action":"snapshot","data":[{"asks":[],"bids":[]}]}']) is not None
