"""Requests, answers and limits of Advanced Trade."""

from __future__ import annotations

import json

import pytest

from exchanges import NO_REQUEST, Ack, RestRequest
from exchanges.coinbase.advanced import streams


def test_one_channel_per_request() -> None:
    """A request is about one channel; names of two are refused (PROTOCOLS 6.2.2)."""
    names = [streams.stream_name(stream, "BTC-USD") for stream in streams.STREAMS]
    assert [streams.request_group(name) for name in [*names, "heartbeats"]] == [
        "market_trades",
        "ticker",
        "level2",
        "heartbeats",
    ]
    for verb in (streams.subscribe, streams.unsubscribe):
        with pytest.raises(ValueError, match="one channel"):
            verb(1, names)
        with pytest.raises(ValueError, match="one channel"):
            verb(1, [])


def test_requests_carry_no_id() -> None:
    """The same streams make the same request whatever its id, since the venue takes none."""
    assert streams.subscribe(1, ["level2:BTC-USD"]) == streams.subscribe(2, ["level2:BTC-USD"])


def test_heartbeats_are_subscribed_on_every_connection() -> None:
    """The channel is `heartbeats` and has no products: PROTOCOLS 6.2.6 names `heartbeat` as a trap."""
    assert [endpoint.extra_streams for endpoint in streams.ENDPOINTS] == [("heartbeats",)]
    assert json.loads(streams.subscribe(1, ["heartbeats"])) == {"type": "subscribe", "channel": "heartbeats"}


def test_published_limits_are_kept() -> None:
    """Connects and messages are bounded as PROTOCOLS 6.2.3 says."""
    (endpoint,) = streams.ENDPOINTS
    assert endpoint.url == "wss://advanced-trade-ws.coinbase.com"
    assert (endpoint.messages_per_s, endpoint.messages_per_address) == (8.0, True)
    assert (endpoint.connects_max, endpoint.connects_window_s) == (8, 1.0)


def test_an_answer_lists_everything() -> None:
    """All channels of all events are told, in order; unknown channels too (PROTOCOLS 6.2.2)."""
    frame = {
        "channel": "subscriptions",
        "sequence_num": 5,
        "events": [
            {"subscriptions": {"candles": ["BTC-USD"], "heartbeats": ["heartbeats"]}},
            {"subscriptions": {"level2": ["BTC-USD", "ETH-USD"]}},
        ],
    }
    names = ("candles:BTC-USD", "heartbeats", "level2:BTC-USD", "level2:ETH-USD")
    wanted = Ack(NO_REQUEST, streams=names, lists_all=True)
    assert streams.ack(json.dumps(frame, separators=(",", ":")).encode()) == wanted
    assert streams.ack(json.dumps(dict(reversed(frame.items())), indent=1).encode()) == wanted


def test_an_empty_listing_is_an_answer() -> None:
    """After everything was given up the venue lists nothing, and that is told."""
    frame = b'{"channel":"subscriptions","timestamp":"t","sequence_num":9,"events":[{"subscriptions":{}}]}'
    assert streams.ack(frame) == Ack(NO_REQUEST, lists_all=True)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'{"type":"error","message":"no"}', "no"),
        (b'{"type": "error", "message": "no", "reason": "why"}', "no why"),
        (b'{"type":"error"}', "refused without a message"),
        (b'{"message":"' + b"x" * 999 + b'","type":"error"}', "x" * streams.ERROR_TEXT_MAX_CHARS),
    ],
)
def test_an_error_is_a_refusal(frame: bytes, text: str) -> None:
    """An error names no request; its text is told and bounded."""
    assert streams.ack(frame) == Ack(NO_REQUEST, text)


@pytest.mark.parametrize("frame", [b'{"channel":"ticker","a":"subscriptions"}', b'{"type":"subscribe"}', b"{}", b"[]"])
def test_other_frames_are_no_answers(frame: bytes) -> None:
    """Neither data nor our own requests are taken for an answer."""
    assert streams.ack(frame) is None
    assert streams.is_reconnect_notice(frame) is False


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":"rate_limit_exceeded","message":"slow down"}', "rate_limit_exceeded slow down"),
        (b'{"error":"rate_limit_exceeded"}', "rate_limit_exceeded"),
        (b'{"products":[]}', ""),
        (b"not json", ""),
    ],
)
def test_a_refused_request_is_told(body: bytes, text: str) -> None:
    """The body of a 429 names its error (PROTOCOLS 6.2.3)."""
    assert streams.REST.refusal(body) == text


def test_pages_follow_the_cursor() -> None:
    """A further page is asked for with the cursor given, until there is none."""
    (first,) = streams.INSTRUMENTS_REQUESTS
    second = streams.next_page(first, b'{"products":[],"pagination":{"next_cursor":"c2","has_next":true}}')
    assert second == RestRequest(first.path, {"product_type": "SPOT", "cursor": "c2"}, first.weight)
    third = streams.next_page(second, b'{"pagination":{"next_cursor":"c3","has_next":true}}')
    assert third is not None
    assert third.query["cursor"] == "c3"
    for last in (b'{"pagination":{"next_cursor":"c3","has_next":false}}', b'{"pagination":{"has_next":true}}', b"{}"):
        assert streams.next_page(third, last) is None
