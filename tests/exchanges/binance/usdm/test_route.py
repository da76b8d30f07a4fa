"""Routing of Binance USD-M frames: the common form by its first bytes, all others by decoding."""

from __future__ import annotations

import msgspec
import pytest

from exchanges import Peek, Routed, RouteError
from exchanges.binance import _route as module
from exchanges.binance.usdm.route import peek_book, peek_snapshot, route

DEPTH = b'{"e":"depthUpdate","E":1,"T":2,"s":"BTCUSDT","U":5001,"u":5010,"pu":4998,"b":[["1","2"]],"a":[]}'


@pytest.mark.parametrize(
    ("name", "routed"),
    [
        ("btcusdt@aggTrade", Routed("trades", "BTCUSDT", "btcusdt@aggTrade")),
        ("btcusdt@trade", Routed("trades", "BTCUSDT", "btcusdt@trade")),
        ("btcusdt_261225@bookTicker", Routed("quotes", "BTCUSDT_261225", "btcusdt_261225@bookTicker")),
        ("1000pepeusdt@depth@100ms", Routed("book", "1000PEPEUSDT", "1000pepeusdt@depth@100ms")),
        ("btcusdt@depth@0ms", Routed("book", "BTCUSDT", "btcusdt@depth@0ms")),
        ("ethusdt@markPrice@1s", Routed("funding", "ETHUSDT", "ethusdt@markPrice@1s")),
        ("ethusdt@forceOrder", Routed("liquidations", "ETHUSDT", "ethusdt@forceOrder")),
    ],
)
def test_the_common_form_is_routed_without_decoding(name: str, routed: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first bytes tell kind and symbol; the payload is not even looked at."""
    monkeypatch.setattr(module, "_decoded", None)
    assert route(b'{"stream":"%b","data":{"e":' % name.encode()) == routed


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream" : "btcusdt@aggTrade", "data" : {"s":"BTCUSDT"}}',
        b'\n{"data":{"x":[{"s":"NOTME"}],"s":"BTCUSDT"},"stream":"btcusdt@aggTrade"}',
        b'{"stream":"btcusdt\\u0040aggTrade","data":{"s":"BTCUSDT"}}',
        b'{"stream":"\\u0062tcusdt@aggTrade","data":{"s":"BTCUSDT"}}',
    ],
)
def test_odd_spacing_order_and_escapes_are_decoded(frame: bytes) -> None:
    """However the JSON is written, the same stream is the same route."""
    assert route(frame) == Routed("trades", "BTCUSDT", "btcusdt@aggTrade")


@pytest.mark.parametrize("symbol", ["星USDT", "ßUSDT", "İUSDT"])
def test_symbols_beyond_ascii_come_from_the_payload(symbol: str) -> None:
    """Upper-casing a stream name is no way back to such a symbol, so the payload's own is taken."""
    name = symbol.lower()
    for stream, data in (("aggTrade", {"s": symbol}), ("forceOrder", {"o": {"s": symbol}})):
        frame = msgspec.json.encode({"stream": f"{name}@{stream}", "data": data})
        assert route(frame).symbol == symbol
        assert route(frame).stream == f"{name}@{stream}"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"btcusdt@kline_1m","data":{"s":"BTCUSDT"}}',
        b'{"stream":"btcusdt@depth5","data":{"s":"BTCUSDT"}}',
        b'{"stream":"!bookTicker","data":{"b":"1"}}',
        b'{"stream":"!markPrice@arr@1s","data":[{"s":"BTCUSDT"},{"p":"1"}]}',
        b'{"stream":"!markPrice@arr@1s","data":[7]}',
        b'{"stream":"!ticker@arr","data":[]}',
        b'{"stream":"@aggTrade","data":{}}',
        b'{"stream":"btcusdt@","data":{"s":"BTCUSDT"}}',
        b'{"stream":"btcusdt@aggTrade',
        b'{"data":{"s":"ETHUSDT"},"stream":"btcusdt@aggTrade"}',
        b'{"stream":"!markPrice@arr@1s","data":[{"s":"BTCUSDT"},{"s":"ETHUSDT","x":"\xff"}]}',
        b'{"stream":"bad\xffusdt@aggTrade","data":{}}',
        b'{"e":"aggTrade","s":"BTCUSDT"}',
        b'{"stream":null,"data":{"s":"BTCUSDT"}}',
    ],
)
def test_what_cannot_be_told_is_an_error(frame: bytes) -> None:
    """A stream that is not ours, a symbol that is missing or broken bytes are never guessed."""
    with pytest.raises(RouteError):
        route(frame)


def test_an_error_text_does_not_carry_the_frame() -> None:
    """The text of a routing error stays short whatever the frame holds."""
    frame = msgspec.json.encode({"stream": "x" * 100_000 + "@y", "data": {"s": "BTCUSDT"}})
    with pytest.raises(RouteError) as caught:
        route(frame)
    assert len(str(caught.value)) < 300


def test_book_ids_are_peeked() -> None:
    """A delta's U, u and pu are read from the frame; a snapshot's id from the REST body."""
    assert peek_book(b'{"stream":"btcusdt@depth@100ms","data":%b}' % DEPTH) == Peek(5001, 5010, 4998)
    assert peek_snapshot(b'{"lastUpdateId":5005,"bids":[["1","2"]],"asks":[]}') == Peek(-1, 5005, -1, snapshot=True)


@pytest.mark.parametrize("cut", [b'"U":5001,', b'"u":5010,', b'"pu":4998,', b'"e":"depthUpdate",'])
def test_a_peek_without_its_ids_is_an_error(cut: bytes) -> None:
    """No id is ever made up."""
    with pytest.raises(ValueError, match="missing required field"):
        peek_book(b'{"stream":"btcusdt@depth@100ms","data":%b}' % DEPTH.replace(cut, b""))
    with pytest.raises(ValueError, match="missing required field"):
        peek_snapshot(b'{"code":-1121,"msg":"Invalid symbol."}')
