"""Requests, answers and limits of the Exchange feed."""

from __future__ import annotations

import json

import pytest

from exchanges import NO_REQUEST, Ack
from exchanges.coinbase.exchange_feed import streams


def test_every_product_has_its_heartbeat() -> None:
    """Whatever is asked of a product, its heartbeat comes along, once (PROTOCOLS 6.1.5)."""
    request = json.loads(streams.subscribe(1, ["matches:BTC-USD", "level2_batch:BTC-USD", "ticker:ETH-USD"]))
    assert request["channels"][-1] == {"name": "heartbeat", "product_ids": ["BTC-USD", "ETH-USD"]}


def test_giving_a_stream_up_keeps_the_heartbeat() -> None:
    """A book that is subscribed again does not silence the product's heartbeat on the way."""
    request = json.loads(streams.unsubscribe(1, ["level2_batch:BTC-USD"]))
    assert request == {"type": "unsubscribe", "channels": [{"name": "level2_batch", "product_ids": ["BTC-USD"]}]}


def test_only_channels_without_login_are_used() -> None:
    """`full`, `level2` and `level3` need authentication on this host (PROTOCOLS 6.1.1)."""
    assert {stream.channel for stream in streams.STREAMS} == {"matches", "ticker", "level2_batch"}


def test_published_limits_are_kept() -> None:
    """Connects and messages are bounded as PROTOCOLS 6.1.3 says."""
    (endpoint,) = streams.ENDPOINTS
    assert endpoint.url == "wss://ws-feed.exchange.coinbase.com"
    assert (endpoint.connects_max, endpoint.connects_window_s) == (8, 1.0)
    assert (endpoint.messages_per_s, endpoint.messages_per_address) == (100.0, True)


def test_an_answer_lists_everything() -> None:
    """All channels are told but heartbeats, which nobody waits for, the book by either name (PROTOCOLS 6.1.2)."""
    frame = {
        "type": "subscriptions",
        "channels": [
            {"name": "level2_50", "product_ids": ["BTC-USD"], "account_ids": None},
            {"name": "heartbeat", "product_ids": ["BTC-USD"]},
            {"name": "status"},
            {"name": "matches", "product_ids": ["BTC-USD", "ETH-USD"]},
        ],
    }
    names = ("level2_batch:BTC-USD", "matches:BTC-USD", "matches:ETH-USD")
    wanted = Ack(NO_REQUEST, streams=names, lists_all=True)
    assert streams.ack(json.dumps(frame, separators=(",", ":")).encode()) == wanted
    assert streams.ack(json.dumps(dict(reversed(frame.items())), indent=1).encode()) == wanted


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'{"type":"error","message":"Failed to subscribe","reason":"why"}', "Failed to subscribe why"),
        (b'{"type":"error"}', "refused without a message"),
        (b'{ "message":"' + b"x" * 999 + b'","type":"error"}', "x" * streams.ERROR_TEXT_MAX_CHARS),
    ],
)
def test_an_error_is_a_refusal(frame: bytes, text: str) -> None:
    """An error names no request; its text is told and bounded."""
    assert streams.ack(frame) == Ack(NO_REQUEST, text)


@pytest.mark.parametrize("frame", [b'{"type":"match"}', b'{"type":"subscribe","channels":[]}', b"{}", b"[]", b""])
def test_other_frames_are_no_answers(frame: bytes) -> None:
    """Neither data nor our own requests are taken for an answer."""
    assert streams.ack(frame) is None
    assert streams.is_reconnect_notice(frame) is False
