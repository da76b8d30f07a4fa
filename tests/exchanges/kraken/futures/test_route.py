"""Kraken Futures: frames find their place by their first bytes, or by a full decode, and both agree."""

from __future__ import annotations

import json

import pytest

from exchanges import CONTROL, Peek, RouteError
from exchanges.kraken.futures.route import peek_book, route

FEEDS = {
    "book": ("book", "book"),
    "book_snapshot": ("book_snapshot", "book"),
    "trade": ("trades", "trade"),
    "trade_snapshot": ("trades", "trade"),
    "ticker": ("quotes", "ticker"),
    "ticker_lite": ("quotes", "ticker_lite"),
}


def frame(feed: str, **more: object) -> bytes:
    """Write a frame as the venue does."""
    return json.dumps({"feed": feed, "product_id": "PF_XBTUSD", **more}, separators=(",", ":")).encode()


@pytest.mark.parametrize("feed", FEEDS)
def test_the_common_form_and_any_other_are_routed_alike(feed: str) -> None:
    """Order of keys, spaces and the case of ids change nothing (PROTOCOLS 7.2.5)."""
    kind, subscribed = FEEDS[feed]
    spelled = [
        frame(feed, seq=1),
        json.dumps(json.loads(frame(feed, seq=1))).encode(),
        json.dumps(dict(reversed(json.loads(frame(feed, seq=1)).items()))).encode(),
        frame(feed, seq=1).replace(b"PF_XBTUSD", b"pf_xbtusd"),
        frame(feed, seq=1).replace(b"PF_", b"\\u0050F_"),
    ]
    for one in spelled:
        routed = route(one)
        assert (routed.kind, routed.symbol, routed.stream) == (kind, "PF_XBTUSD", f"{subscribed}:PF_XBTUSD")


def test_a_ticker_is_quotes_and_funding() -> None:
    """Two parts, each the whole frame; the reduced ticker has one."""
    ticker = frame("ticker", bid=1)
    assert [(part.kind, part.raw) for part in route(ticker).parts] == [("quotes", ticker), ("funding", ticker)]
    assert route(frame("ticker_lite", bid=1)).parts == ()


def test_a_liquidation_is_a_trade_too() -> None:
    """`type` liquidation makes a second part (PROTOCOLS 7.2.3); other types and history do not."""
    liquidation = frame("trade", uid="a", type="liquidation")
    assert [(part.kind, part.raw) for part in route(liquidation).parts] == [
        ("trades", liquidation),
        ("liquidations", liquidation),
    ]
    for kind in ("fill", "block", "termination", "assignment"):
        assert route(frame("trade", type=kind)).parts == ()
    assert route(frame("trade_snapshot", trades=[{"type": "liquidation"}])).parts == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"info","version":1}',
        '{"event":"subscribed","feed":"book","product_ids":["PF_XBTUSD"]}',
        '{"event":"alert","message":"Invented"}',
        '{"feed":"heartbeat","time":1}',
    ],
)
def test_frames_without_data_are_control(text: str) -> None:
    """Events and heartbeats belong to the connection."""
    assert route(text.encode()).kind == CONTROL


@pytest.mark.parametrize(
    "wrong",
    [
        frame("fills"),
        frame(""),
        b'{"feed":"book"}',
        b'{"feed":"book","product_id":""}',
        b'{"feed":"book","product_id":7}',
        b'{"feed":"book","product_id":"',
        b'{"feed":"trade","product_id":"PF_XBTUSD","type":',
    ],
)
def test_what_cannot_be_told_is_refused(wrong: bytes) -> None:
    """A frame of no feed of ours, or without a product, raises RouteError."""
    with pytest.raises(RouteError):
        route(wrong)


def test_a_book_frame_tells_its_number() -> None:
    """Delta and snapshot are peeked alike; another feed is refused."""
    assert peek_book(frame("book", seq=4001)) == Peek(4001, 4001, -1)
    assert peek_book(frame("book_snapshot", seq=4000)) == Peek(-1, 4000, -1, snapshot=True)
    for wrong in (frame("trade", seq=1), frame("book"), frame("book", seq=-1), frame("book", seq=2**63)):
        with pytest.raises(ValueError, match=r".+"):
            peek_book(wrong)
