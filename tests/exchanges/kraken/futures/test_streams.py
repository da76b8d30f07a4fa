"""Kraken Futures: names, requests and answers."""

from __future__ import annotations

import json

import pytest

from exchanges import NO_REQUEST, Ack, StreamKind
from exchanges.kraken.futures.streams import (
    ENDPOINTS,
    STREAMS,
    ack,
    is_reconnect_notice,
    request_group,
    stream_name,
    subscribe,
    unsubscribe,
)


def test_one_feed_may_serve_two_kinds() -> None:
    """Liquidations come with trades and funding with the ticker: neither is subscribed by itself (PROTOCOLS 9)."""
    also = {stream.channel: stream.also for stream in STREAMS}
    assert also["trade"] == (StreamKind.LIQUIDATIONS,)
    assert also["ticker"] == (StreamKind.FUNDING,)
    assert [stream.channel for stream in STREAMS if not stream.default] == ["ticker_lite"]


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.channel)
def test_a_request_asks_one_feed_for_its_products(stream: object) -> None:
    """The name is the feed and the product; a request holds one feed and no id."""
    names = [stream_name(stream, symbol) for symbol in ("PF_XBTUSD", "PI_XBTUSD")]  # type: ignore[arg-type]  # STREAMS holds streams
    (feed,) = {request_group(name) for name in names}
    for event, make in (("subscribe", subscribe), ("unsubscribe", unsubscribe)):
        assert json.loads(make(9, names)) == {"event": event, "feed": feed, "product_ids": ["PF_XBTUSD", "PI_XBTUSD"]}
        assert ack(make(9, names)) is None


@pytest.mark.parametrize(
    ("frame", "want"),
    [
        (b'{"event":"subscribed","feed":"book","product_ids":["PF_XBTUSD"]}', Ack(NO_REQUEST, "", ("book:PF_XBTUSD",))),
        (
            b'{"event":"subscribed","feed":"book","product_ids":["pf_xbtusd","pi_xbtusd"]}',
            Ack(NO_REQUEST, "", ("book:PF_XBTUSD", "book:PI_XBTUSD")),
        ),
        (
            b'{"event":"unsubscribed","feed":"trade","product_ids":["PF_XBTUSD"]}',
            Ack(NO_REQUEST, "", ("trade:PF_XBTUSD",), subscribed=False),
        ),
        (
            b'{"event":"subscribed_failed","feed":"book","product_ids":["PF_NOPE"]}',
            Ack(NO_REQUEST, "subscribed_failed", ("book:PF_NOPE",)),
        ),
        (b'{"event":"error","message":"Invalid product id"}', Ack(NO_REQUEST, "Invalid product id")),
        (b'{"event":"error"}', Ack(NO_REQUEST, "error")),
        (b'{"event":"subscribed","feed":"book","product_ids":[]}', None),
        (b'{"event":"info","version":1}', None),
        (b'{"event":"alert","message":"Invented"}', None),
        (b'{"feed":"book","event":"error"}', None),
        (b'{"event":7}', None),
        (b"[" * 100_000, None),
    ],
)
def test_answers_are_read(frame: bytes, want: Ack | None) -> None:
    """One answer per product, without a request id; an error names nothing."""
    assert ack(frame) == want


def test_nothing_announces_an_end() -> None:
    """No frame of this feed is a notice."""
    assert not is_reconnect_notice(b'{"event":"info","version":1}')


def test_pings_of_the_protocol_suffice() -> None:
    """PROTOCOLS 7.2.2: there is no text to send, 100 requests a second are allowed."""
    (endpoint,) = ENDPOINTS
    assert endpoint.heartbeat is None
    assert endpoint.messages_per_s == 100.0
