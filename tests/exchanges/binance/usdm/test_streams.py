"""Binance USD-M endpoints, subscriptions and answers."""

from __future__ import annotations

from exchanges import Per
from exchanges.binance.usdm import streams
from exchanges.binance.usdm.streams import ENDPOINTS, STREAMS


def test_streams_live_where_the_venue_serves_them() -> None:
    """Book and quotes on /public, the rest on /market: the wrong path is acknowledged and silent (PROTOCOLS 3.1)."""
    places = {stream.channel: stream.endpoint for stream in STREAMS if stream.default}
    assert places == {
        "aggTrade": "market",
        "bookTicker": "public",
        "depth@100ms": "public",
        "markPrice@1s": "market",
        "forceOrder": "market",
    }
    assert {endpoint.url for endpoint in ENDPOINTS} == {
        "wss://fstream.binance.com/public/stream",
        "wss://fstream.binance.com/market/stream",
    }


def test_undocumented_streams_are_not_subscribed_unasked() -> None:
    """`trade` and `depth@0ms` are optional, as are other paces and the streams of the whole market."""
    optional = {stream.channel: stream.per for stream in STREAMS if not stream.default}
    assert {channel for channel, per in optional.items() if per is Per.SYMBOL} == {
        "trade",
        *("depth", "depth@0ms", "depth@250ms", "depth@500ms"),
        *("markPrice", "markPrice@3s"),
    }
    assert {channel for channel, per in optional.items() if per is Per.MARKET} == {
        "!bookTicker",
        "!markPrice@arr@1s",
        "!forceOrder@arr",
    }


def test_documented_limits() -> None:
    """Limits are those of PROTOCOLS 3.2."""
    for endpoint in ENDPOINTS:
        assert (endpoint.streams_max, endpoint.messages_per_s, endpoint.lifetime_s) == (1024, 10.0, 86_400.0)
    request = streams.snapshot_request("BTCUSDT")
    assert (request.path, request.query, request.weight) == (
        "/fapi/v1/depth",
        {"symbol": "BTCUSDT", "limit": "1000"},
        20,
    )


def test_names_are_lower_case() -> None:
    """A stream is named as the venue does."""
    assert streams.stream_name(STREAMS[0], "BTCUSDT_261225") == "btcusdt_261225@aggTrade"


def test_a_stream_of_the_whole_market_is_its_channel() -> None:
    """No symbol is part of its name."""
    assert {streams.stream_name(one, "") for one in STREAMS if one.per is Per.MARKET} == {
        "!bookTicker",
        "!markPrice@arr@1s",
        "!forceOrder@arr",
    }
