"""Routing and peeking of Bybit frames."""

from __future__ import annotations

import pytest

from exchanges import Peek, Routed, RouteError
from exchanges.bybit.route import NAMES_CACHE_MAX, peek_book, router
from exchanges.bybit.streams import LINEAR, SPOT, STREAMS

route = router(STREAMS[LINEAR])
TOPIC = "orderbook.200.BTCUSDT"


def book(kind: str, number: int) -> bytes:
    """Return a book frame."""
    data = b'{"s":"BTCUSDT","b":[["1","2"]],"a":[],"u":%d,"seq":9}' % number
    return b'{"topic":"%b","type":"%b","ts":1,"data":%b,"cts":1}' % (TOPIC.encode(), kind.encode(), data)


@pytest.mark.parametrize(
    ("topic", "kind", "symbol"),
    [
        ("publicTrade.BTCUSDT", "trades", "BTCUSDT"),
        ("publicTrade.BTC-25DEC26", "trades", "BTC-25DEC26"),
        ("orderbook.1.BTCPERP", "quotes", "BTCPERP"),
        ("tickers.1000PEPEUSDT", "funding", "1000PEPEUSDT"),
        ("allLiquidation.BTCUSDT", "liquidations", "BTCUSDT"),
    ],
)
def test_frames_are_told_by_their_topic(topic: str, kind: str, symbol: str) -> None:
    """The first bytes tell kind and symbol, the payload is not looked at; other writing gives the same."""
    assert route(b'{"topic":"%b","type":"snapshot",' % topic.encode()) == Routed(kind, symbol, topic)
    assert route(b' {"ts":1, "data":[], "topic" : "%b"}' % topic.encode()) == Routed(kind, symbol, topic)


def test_snapshots_in_the_stream_are_told_from_deltas() -> None:
    """PROTOCOLS 4.6.1, 4.6.3: by their type, or by `u` 1 on any type."""
    assert route(book("delta", 7)) == Routed("book", "BTCUSDT", TOPIC)
    for frame in (book("snapshot", 7), book("snapshot", 1), book("delta", 1)):
        assert route(frame) == Routed("book_snapshot", "BTCUSDT", TOPIC)
    assert route(book("delta", 11)).kind == "book"
    # A best bid and ask is whole every time: it is no book.
    assert route(book("snapshot", 1).replace(b"orderbook.200", b"orderbook.1")).kind == "quotes"


def test_a_broken_book_frame_goes_to_its_symbol() -> None:
    """Whoever decodes it there will say so, and the book is known to be broken."""
    assert route(book("delta", 7)[:60]) == Routed("book", "BTCUSDT", TOPIC)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"success":true,"ret_msg":"pong","conn_id":"c-1","req_id":"p1","op":"ping"}',
        b'{"op":"pong","args":["1"],"conn_id":"c-1"}',
        b'{"success":true,"ret_msg":"","conn_id":"c-1","req_id":"41","op":"subscribe"}',
        b'{"type":"COMMAND_RESP","success":true,"data":{"failTopics":[],"successTopics":[]}}',
    ],
)
def test_pongs_and_answers_are_told_before_topics(frame: bytes) -> None:
    """PROTOCOLS 4.7: they are JSON frames like data and must not be taken for a topic."""
    assert route(frame) == Routed("control", "")


@pytest.mark.parametrize(
    "frame",
    [
        b'{"topic":"kline.1.BTCUSDT","type":"snapshot","data":[]}',
        b'{"topic":"orderbook.rpi.BTCUSDT","data":{}}',
        b'{"topic":"publicTrade.","data":[]}',
        b'{"topic":"publicTrade","data":[]}',
        b'{"topic":"publicTrade.BTC',
        b'{"topic":7,"data":[]}',
        b'{"data":[]}',
    ],
)
def test_what_cannot_be_told_is_an_error(frame: bytes) -> None:
    """A topic that is not ours, a symbol that is missing or broken bytes are never guessed."""
    with pytest.raises(RouteError):
        route(frame)


def test_spot_has_no_funding() -> None:
    """PROTOCOLS 4.4: spot tickers have no best bid and ask and are not asked for."""
    with pytest.raises(RouteError):
        router(STREAMS[SPOT])(b'{"topic":"tickers.BTCUSDT","ts":1,"type":"snapshot","data":{}}')


def test_an_error_text_does_not_carry_the_frame() -> None:
    """The text of a routing error stays short whatever the frame holds."""
    with pytest.raises(RouteError) as caught:
        route(b'{"topic":"%b"}' % (b"x" * 100_000))
    assert len(str(caught.value)) < 300


def test_the_name_cache_is_bounded() -> None:
    """Topics that nobody subscribed cannot fill the memory."""
    held = [cell.cell_contents for cell in route.__closure__ or ()]
    assert [one.cache_info().maxsize for one in held if hasattr(one, "cache_info")] == [NAMES_CACHE_MAX]


def test_update_ids_are_peeked() -> None:
    """A delta takes one id; snapshots of the stream, with the engine's time, and of REST are told as such."""
    assert peek_book(book("delta", 7)) == Peek(7, 7, -1)
    assert peek_book(book("snapshot", 7)) == Peek(-1, 7, -1, snapshot=True, at_ns=1_000_000)
    assert peek_book(book("delta", 1)[:-1] + b',"cts":3}') == Peek(-1, 1, -1, snapshot=True, at_ns=3_000_000)
    assert peek_book(b'{"retCode":0,"result":{"s":"X","b":[],"a":[],"u":3}}') == Peek(-1, 3, -1, snapshot=True)


@pytest.mark.parametrize(
    "frame", [b'{"retCode":10001,"result":{}}', b"{}", b'{"data":{"u":-1}}', b'{"data":{"u":"1"}}']
)
def test_a_peek_without_its_id_is_an_error(frame: bytes) -> None:
    """No id is ever made up."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's or ours
        peek_book(frame)
