"""Bybit endpoints, subscriptions, answers and REST questions."""

from __future__ import annotations

import math

import pytest

from exchanges import Ack
from exchanges.bybit import EXCHANGE, LINEAR, SPOT, streams
from exchanges.bybit.streams import ack, refusal


def test_default_streams() -> None:
    """One trades and one book channel each; funding and liquidations on linear alone."""
    common = {"publicTrade": "trades", "orderbook.1": "quotes", "orderbook.200": "book"}
    assert {one.channel: one.kind.value for one in SPOT.streams if one.default} == common
    assert {one.channel: one.kind.value for one in LINEAR.streams if one.default} == {
        **common,
        "tickers": "funding",
        "allLiquidation": "liquidations",
    }


def test_no_rate_of_a_depth_is_written_down() -> None:
    """PROTOCOLS 4.7: they changed several times; only the repeat of the best bid and ask is a promise."""
    assert {one.channel for one in LINEAR.streams if one.period_s is not None} == {"orderbook.1"}


@pytest.mark.parametrize(("name", "per_request"), [("spot", 10), ("linear", 200)])
def test_documented_limits(name: str, per_request: int) -> None:
    """Limits are those of PROTOCOLS 4.3: pings, arguments, connections, REST."""
    one = EXCHANGE.markets[name]
    (endpoint,) = one.endpoints
    assert endpoint.url == f"wss://stream.bybit.com/v5/public/{one.name}"
    assert (endpoint.heartbeat, endpoint.heartbeat_interval_s) == (b'{"op":"ping"}', 20.0)
    assert (endpoint.streams_per_request_max, endpoint.connects_max, endpoint.connects_window_s) == (
        per_request,
        500,
        300.0,
    )
    assert math.isinf(endpoint.lifetime_s)
    assert (one.rest.weight_max, one.rest.window_s, one.rest.back_off_s) == (600, 5.0, {403: 600.0})


@pytest.mark.parametrize("name", ["orderbook.1.BTCUSDT", "publicTrade.BTCUSDT", "allLiquidation.1000PEPEUSDT"])
def test_names_within_our_limit_are_arguments_within_the_venues(name: str) -> None:
    """PROTOCOLS 4.3: 21,000 characters of arguments, quotes and commas included."""
    (endpoint,) = LINEAR.endpoints
    assert endpoint.names_max_chars is not None
    names = [name] * min(endpoint.names_max_chars // len(name), endpoint.streams_max)
    text = ",".join(f'"{one}"' for one in names)
    assert len(text) <= 21_000


@pytest.mark.parametrize(
    ("frame", "want"),
    [
        (b'{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"7","op":"subscribe"}', Ack(7)),
        (b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"7","op":"subscribe"}', Ack(7)),
        (b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"","op":"subscribe"}', Ack(-1)),
        (b'{"success":true,"ret_msg":"subscribe","conn_id":"c","op":"subscribe"}', Ack(-1)),
        (b'{"success":true,"ret_msg":"","req_id":"a1","op":"unsubscribe"}', Ack(-1, subscribed=False)),
        (b'{"success":false,"ret_msg":"no","req_id":"7","op":"subscribe"}', Ack(7, "no")),
        (b'{"success":false,"ret_msg":"","req_id":"7","op":"unsubscribe"}', Ack(7, "refused", subscribed=False)),
        (b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"7","op":"ping"}', None),
        (b'{"op":"pong","args":["1"]}', None),
        (b'{"topic":"publicTrade.X","op":"subscribe","success":true}', None),
        (b'{"req_id":"7","op":"subscribe","args":[]}', None),
        (b"oops", None),
    ],
)
def test_answers_are_told_from_everything_else(frame: bytes, want: Ack | None) -> None:
    """PROTOCOLS 4.2: spot and linear word them differently; a pong has their form and is none."""
    assert ack(frame) == want


def test_an_error_text_is_bounded() -> None:
    """However long the venue's text, an answer keeps a bounded part of it."""
    answer = ack(b'{"success":false,"ret_msg":"%b","req_id":"7","op":"subscribe"}' % (b"x" * 10_000))
    assert answer is not None
    assert len(answer.error) == streams.ERROR_TEXT_MAX_CHARS


def test_a_refusal_comes_with_status_200() -> None:
    """PROTOCOLS 4.3: `retCode` 10006 is too many requests; 0 is none, and other bytes are not judged."""
    assert refusal(b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}') == "10006 Too many visits!"
    assert refusal(b'{"retCode":0,"retMsg":"OK","result":{}}') == ""
    assert refusal(b"<html>") == ""


def test_a_book_is_asked_for_by_category() -> None:
    """PROTOCOLS 4.5."""
    for market in (SPOT, LINEAR):
        assert market.snapshot_request is not None
        request = market.snapshot_request("BTCUSDT")
        assert dict(request.query) == {"category": market.name, "symbol": "BTCUSDT", "limit": "1000"}


def test_the_venue_announces_no_end() -> None:
    """No notice of a coming disconnect is documented."""
    assert streams.is_reconnect_notice(b'{"op":"close"}') is False
