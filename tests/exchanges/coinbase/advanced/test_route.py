"""Advanced Trade: frames find their product and kind, and are cut without a byte changed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from exchanges import RouteError
from exchanges.coinbase.advanced.route import peek_book, peek_snapshot, route

LEVEL = {"side": "bid", "event_time": "2026-09-21T14:13:20Z", "price_level": "1.5", "new_quantity": "2"}


def level2(kind: str, product: str) -> dict[str, Any]:
    """Make an event of the book."""
    return {"type": kind, "product_id": product, "updates": [LEVEL]}


def frame(channel: str, *events: dict[str, Any], **more: object) -> bytes:
    """Make a frame as the venue writes it."""
    return msgspec.json.encode(
        {"channel": channel, **more, "timestamp": "2026-09-21T14:13:21Z", "sequence_num": 7, "events": list(events)}
    )


def trades(*products: str, kind: str = "update") -> dict[str, Any]:
    """Make an event of trades."""
    return {"type": kind, "trades": [{"trade_id": str(n), "product_id": one} for n, one in enumerate(products)]}


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        (frame("l2_data", level2("update", "BTC-USD")), ("book", "BTC-USD", "level2:BTC-USD")),
        (frame("l2_data", level2("snapshot", "ETH-USD")), ("book_snapshot", "ETH-USD", "level2:ETH-USD")),
        (frame("l2_data", level2("update", "A.B_C-USD"), client_id=""), ("book", "A.B_C-USD", "level2:A.B_C-USD")),
        (frame("market_trades", trades("BTC-USD", "BTC-USD")), ("trades", "BTC-USD", "market_trades:BTC-USD")),
        (
            frame("market_trades", trades("BTC-USD", kind="snapshot"), trades("BTC-USD")),
            ("trades", "BTC-USD", "market_trades:BTC-USD"),
        ),
    ],
)
def test_every_spelling_leads_to_the_same_place(sent: bytes, place: tuple[str, str, str]) -> None:
    """The common form, the same with spaces, with escapes and with other key orders are routed alike."""
    value = json.loads(sent)
    turned = dict(reversed(value.items()))
    escaped = sent.replace(b"-USD", b"\\u002dUSD")
    for one in (sent, json.dumps(value).encode(), msgspec.json.encode(turned), escaped):
        routed = route(one)
        assert (routed.kind, routed.symbol, routed.stream, routed.parts) == (*place, ())


def test_a_second_product_is_never_overlooked() -> None:
    """However the second product is written, its entries do not go to the first one's symbol unseen."""
    two = frame("market_trades", trades("BTC-USD", "ETH-USD", "BTC-USD"))
    for one in (two, json.dumps(json.loads(two)).encode()):
        assert [part.symbol for part in route(one).parts] == ["BTC-USD", "ETH-USD"]
    # A key with an escape escapes the count; the parser refuses such a frame (test_parse).
    hidden = two.replace(b'"product_id":"ETH-USD"', b'"product\\u005fid":"ETH-USD"')
    assert route(hidden).symbol == "BTC-USD"


def test_parts_keep_the_bytes_of_their_entries() -> None:
    """Numbers, spaces and unknown fields of an entry are those received; the envelope stays around them."""
    entries = [
        b'{ "product_id":"BTC-USD","price":1.10 ,"x":[1,  2]}',
        b'{"product_id":"ETH-USD","price":"2"}',
        b'{"product_id":"BTC-USD","price":1E5}',
    ]
    head = (
        b'{"channel":"ticker","timestamp":"t","sequence_num":7,"note":{"a": 1},"events":[{"type":"update","tickers":['
    )
    parts = route(head + b",".join(entries) + b"]}]}").parts
    assert [part.raw for part in parts] == [
        head + entries[0] + b"," + entries[2] + b"]}]}",
        head + entries[1] + b"]}]}",
    ]


def test_the_order_within_a_product_is_kept() -> None:
    """A snapshot between updates of one product is a part between their parts; other products do not matter."""
    sent = frame(
        "l2_data",
        level2("update", "BTC-USD"),
        level2("update", "ETH-USD"),
        level2("update", "BTC-USD"),
        level2("snapshot", "BTC-USD"),
        level2("snapshot", "ETH-USD"),
        level2("update", "BTC-USD"),
    )
    found = [(part.kind, part.symbol, len(json.loads(part.raw)["events"])) for part in route(sent).parts]
    assert [one for one in found if one[1] == "BTC-USD"] == [
        ("book", "BTC-USD", 2),
        ("book_snapshot", "BTC-USD", 1),
        ("book", "BTC-USD", 1),
    ]
    assert [one for one in found if one[1] == "ETH-USD"] == [("book", "ETH-USD", 1), ("book_snapshot", "ETH-USD", 1)]


def test_a_frame_without_entries_is_control() -> None:
    """A product without trades begins with an empty snapshot, which is of no symbol."""
    assert route(frame("market_trades", trades(kind="snapshot"))).kind == "control"
    assert route(frame("ticker")).kind == "control"


@pytest.mark.parametrize(
    "sent",
    [
        frame("candles", {"type": "update", "candles": [{"product_id": "BTC-USD"}]}),
        frame("l2_data", level2("correction", "BTC-USD")),
        frame("market_trades", {"type": "update"}),
        frame("market_trades", {"type": "update", "trades": [{"trade_id": "1"}]}),
        frame("l2_data", level2("update", "")),
        b'{"channel":"l2_data","sequence_num":1}',
        b'{"channel":"l2_data","events":{}}',
        frame("market_trades", trades("BTC-USD", "ETH-USD"), note="x").replace(b'"x"', b'"\xc3\x28"'),
    ],
)
def test_what_is_not_ours_is_refused(sent: bytes) -> None:
    """Channels nobody asks for, unknown events and broken frames raise RouteError."""
    with pytest.raises(RouteError):
        route(sent)


def test_peeks_tell_snapshots_from_updates() -> None:
    """A book frame has no ids; what is no snapshot is not peeked as one."""
    update, snapshot = (frame("l2_data", level2(kind, "BTC-USD")) for kind in ("update", "snapshot"))
    assert (peek_book(update).last, peek_book(update).snapshot) == (-1, False)
    assert peek_book(snapshot) == peek_snapshot(snapshot)
    assert peek_snapshot(snapshot).snapshot is True
    with pytest.raises(ValueError, match="none"):
        peek_snapshot(update)
    with pytest.raises(ValueError, match="no event"):
        peek_book(frame("l2_data"))
