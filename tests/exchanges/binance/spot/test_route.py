"""Routing and peeking of Binance spot frames."""

from __future__ import annotations

import msgspec
import pytest

from exchanges import Peek, Routed, RouteError
from exchanges.binance.spot.route import peek_book, peek_snapshot, route

DEPTH = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5001,"u":5010,"b":[["1","2"]],"a":[]}'


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("btcusdt@trade", "trades"),
        ("btcusdt@bookTicker", "quotes"),
        ("btcusdt@depth@100ms", "book"),
        ("btcusdt@depth", "book"),
    ],
)
def test_frames_are_told_by_their_stream(name: str, kind: str) -> None:
    """The name in the envelope tells kind and symbol: a best bid and offer has no event type of its own."""
    assert route(b'{"stream":"%b","data":{' % name.encode()) == Routed(kind, "BTCUSDT", name)


def test_symbols_beyond_ascii_come_from_the_payload() -> None:
    """PROTOCOLS 2.6: names in UTF-8 exist since 2025, and upper-casing is no way back to all of them."""
    for symbol in ("星USDT", "ßUSDT"):
        frame = msgspec.json.encode({"stream": f"{symbol.lower()}@bookTicker", "data": {"u": 1, "s": symbol}})
        assert route(frame) == Routed("quotes", symbol, f"{symbol.lower()}@bookTicker")


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"btcusdt@kline_1m","data":{"s":"BTCUSDT"}}',
        b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}',
        b'{"u":40090000001,"s":"BTCUSDT","b":"1","B":"1","a":"1","A":"1"}',
        b'{"e":"trade","s":"BTCUSDT"}',
    ],
)
def test_what_is_not_ours_is_an_error(frame: bytes) -> None:
    """Streams nobody asks for, and payloads outside the envelope, are never guessed."""
    with pytest.raises(RouteError):
        route(frame)


def test_book_ids_are_peeked() -> None:
    """A delta's U and u are read from the frame, a snapshot's id from the REST body; -1 is a new symbol's."""
    assert peek_book(b'{"stream":"btcusdt@depth@100ms","data":%b}' % DEPTH) == Peek(5001, 5010, -1)
    assert peek_snapshot(b'{"lastUpdateId":5005,"bids":[["1","2"]],"asks":[]}') == Peek(-1, 5005, -1, snapshot=True)
    assert peek_snapshot(b'{"lastUpdateId":-1,"bids":[],"asks":[]}') == Peek(-1, -1, -1, snapshot=True)


@pytest.mark.parametrize("cut", [b'"U":5001,', b'"u":5010,', b'"e":"depthUpdate",'])
def test_a_peek_without_its_ids_is_an_error(cut: bytes) -> None:
    """No id is ever made up."""
    with pytest.raises(ValueError, match="missing required field"):
        peek_book(b'{"stream":"btcusdt@depth@100ms","data":%b}' % DEPTH.replace(cut, b""))
    with pytest.raises(ValueError, match="missing required field"):
        peek_snapshot(b'{"code":-1121,"msg":"Invalid symbol."}')
