"""What OKX is asked, and how its answers are read. PROTOCOLS 5.1-5.4, 9."""

from __future__ import annotations

import json

import pytest

from exchanges import NO_REQUEST, Ack, Per, StreamKind
from exchanges.okx import EXCHANGE, FUTURES, SPOT, SWAP, streams

SET = {
    "spot": {"trades", "bbo-tbt", "books"},
    "swap": {
        *("trades", "bbo-tbt", "books", "liquidation-orders"),
        *("funding-rate", "mark-price", "open-interest", "index-tickers"),
    },
    "futures": {
        *("trades", "bbo-tbt", "books", "liquidation-orders"),
        *("mark-price", "open-interest", "index-tickers"),
    },
}


@pytest.mark.parametrize("name", SET)
def test_the_default_streams_are_the_smallest_set(name: str) -> None:
    """Those of PROTOCOLS 9; four complementary channels tell what a swap's funding is."""
    market = EXCHANGE.markets[name]
    assert {stream.channel for stream in market.streams if stream.default} == SET[name]
    assert {stream.channel for stream in market.streams if not stream.default} == {"trades-all", "tickers"}


def test_all_fills_live_on_another_url() -> None:
    """`trades-all` needs a connection of its own (PROTOCOLS 5.1, 5.6)."""
    (stream,) = [stream for stream in SPOT.streams if stream.channel == "trades-all"]
    assert SPOT.endpoint(stream.endpoint).url.endswith("/ws/v5/business")
    assert {one.endpoint for one in SPOT.streams if one.channel != "trades-all"} == {"public"}


def test_a_quiet_connection_is_kept_alive() -> None:
    """The text `ping` goes out well before the 30 s after which the venue cuts (PROTOCOLS 5.3, 5.6)."""
    for endpoint in SWAP.endpoints:
        assert endpoint.heartbeat == b"ping"
        assert endpoint.heartbeat_interval_s is not None
        assert endpoint.heartbeat_interval_s < 30


def test_limits_are_those_of_the_venue() -> None:
    """480 requests an hour, fewer than 30 books, 64 KB of arguments, 3 connects a second (PROTOCOLS 5.3)."""
    for endpoint in SWAP.endpoints:
        assert endpoint.requests_per_hour_max == 480
        assert endpoint.book_streams_max == 29
        assert (endpoint.connects_max, endpoint.connects_window_s) == (3, 1.0)
        assert endpoint.names_max_chars is not None
        name = "index-tickers:" + "X" * (endpoint.names_max_chars // endpoint.streams_max - len("index-tickers:"))
        args = json.loads(streams.subscribe(1, [name] * endpoint.streams_max))["args"]
        assert len(json.dumps(args, separators=(",", ":"))) <= 65_536


def test_liquidations_are_subscribed_for_the_whole_type() -> None:
    """One subscription by `instType`, of the market's own type."""
    for market, kind in ((SWAP, "SWAP"), (FUTURES, "FUTURES")):
        (stream,) = [stream for stream in market.streams if stream.kind is StreamKind.LIQUIDATIONS]
        assert stream.per is Per.MARKET
        name = market.stream_name(stream, "")
        assert json.loads(market.subscribe(3, [name]))["args"] == [{"channel": "liquidation-orders", "instType": kind}]


def test_an_answer_is_about_one_argument() -> None:
    """One ack per argument with the request's id; those of 2022 have none (PROTOCOLS 5.2)."""
    arg = b'"arg":{"channel":"books","instId":"BTC-USDT"}'
    assert streams.ack(b'{"id":"7","event":"subscribe",%b}' % arg) == Ack(7, "", ("books:BTC-USDT",))
    assert streams.ack(b'{"event":"subscribe",%b}' % arg) == Ack(NO_REQUEST, "", ("books:BTC-USDT",))
    assert streams.ack(b'{"event":"unsubscribe",%b}' % arg) == Ack(
        NO_REQUEST, "", ("books:BTC-USDT",), subscribed=False
    )
    assert streams.ack(b'{"event":"subscribe"}') is None
    assert streams.ack(b'{"id":"x1","event":"subscribe",%b}' % arg) == Ack(NO_REQUEST, "", ("books:BTC-USDT",))


def test_an_error_names_its_argument_in_the_text_alone() -> None:
    """Where the text does, the argument is refused; where it does not, the whole request is (PROTOCOLS 5.2)."""
    told = streams.ack(b'{"id":"9","event":"error","code":"60018","msg":"channel:books,instId:A-B doesn\'t exist"}')
    assert told is not None
    assert (told.request_id, told.streams, told.error[:5]) == (9, ("books:A-B",), "60018")
    told = streams.ack(b'{"id":"9","event":"error","code":"60018","msg":"channel:liquidation-orders,instType:X no"}')
    assert told is not None
    assert told.streams == ("liquidation-orders:X",)
    whole = streams.ack(b'{"id":"9","event":"error","code":"60012","msg":"Invalid request"}')
    assert whole == Ack(9, "60012 Invalid request")
    assert SPOT.endpoints[0].streams_per_request_max <= 20


def test_only_an_upgrade_asks_for_another_connection() -> None:
    """64008 on either path; other notices say nothing of the connection (PROTOCOLS 5.1, 5.3)."""
    assert streams.is_reconnect_notice(b'{"event":"notice","code":"64008","msg":"soon"}')
    assert not streams.is_reconnect_notice(b'{"event":"notice","code":"64000","msg":"64008"}')
    assert not streams.is_reconnect_notice(b'{"event":"error","code":"64008","msg":"soon"}')
    assert streams.is_event(b"pong")
    assert not streams.is_event(b'{"arg":{},"data":[]}')
    assert not streams.is_event(b'{"event":"notice"')
