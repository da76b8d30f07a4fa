"""Exchange feed: frames find their product and kind from their first bytes, or by decoding."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from exchanges import RouteError
from exchanges.coinbase.exchange_feed.route import peek_book, peek_snapshot, route

FRAMES: dict[str, dict[str, Any]] = {
    "trades": {"type": "match", "trade_id": 5, "maker_order_id": "a", "side": "buy", "product_id": "BTC-USD"},
    "quotes": {"type": "ticker", "sequence": 5, "product_id": "BTC-USD", "price": "1"},
    "book": {"type": "l2update", "product_id": "BTC-USD", "changes": [["buy", "1", "2"]]},
    "book_snapshot": {"type": "snapshot", "product_id": "BTC-USD", "bids": [], "asks": []},
}
CHANNELS = {"trades": "matches", "quotes": "ticker", "book": "level2_batch", "book_snapshot": "level2_batch"}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_spelling_leads_to_the_same_place(kind: str) -> None:
    """The common form, the same with spaces, with escapes and with other key orders are routed alike."""
    plain = msgspec.json.encode(FRAMES[kind])
    turned = msgspec.json.encode(dict(reversed(FRAMES[kind].items())))
    for frame in (plain, turned, json.dumps(FRAMES[kind]).encode(), plain.replace(b"BTC-", b"BTC\\u002d")):
        routed = route(frame)
        assert (routed.kind, routed.symbol) == (kind, "BTC-USD")
        assert routed.stream == f"{CHANNELS[kind]}:BTC-USD"


def test_a_repeated_match_is_a_trade() -> None:
    """`last_match` comes on the same channel (PROTOCOLS 6.1.4)."""
    assert route(b'{"type":"last_match","trade_id":5,"product_id":"BTC-USD"}').stream == "matches:BTC-USD"


def test_heartbeats_are_control() -> None:
    """A heartbeat names a product, but is no data of it: no watchdog may take it for a sign of life."""
    routed = route(b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"t"}')
    assert (routed.kind, routed.symbol) == ("control", "")


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"status","product_id":"BTC-USD"}',
        b'{"type":"match"}',
        b'{"type":"match","product_id":7}',
        b'{"type":"open","product_id":"BTC-USD"}',
        b'{"product_id":"BTC-USD"}',
        b'{"type":"match","product_id":"',
    ],
)
def test_what_is_not_ours_is_refused(frame: bytes) -> None:
    """Types nobody asks for and frames without a product raise RouteError."""
    with pytest.raises(RouteError):
        route(frame)


def test_peeks_tell_snapshots_from_updates() -> None:
    """A book frame has no ids; a REST book is a snapshot too, what has no levels is none."""
    update, snapshot = (msgspec.json.encode(FRAMES[kind]) for kind in ("book", "book_snapshot"))
    assert (peek_book(update).last, peek_book(update).snapshot) == (-1, False)
    assert peek_book(snapshot) == peek_snapshot(snapshot)
    assert peek_snapshot(b'{"bids":[],"asks":[],"sequence":7}').last == -1
    with pytest.raises(ValueError, match="none"):
        peek_snapshot(update)
    with pytest.raises(ValueError, match="no levels"):
        peek_book(b'{"type":"match"}')
