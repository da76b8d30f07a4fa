"""Frames of OKX find their kind, symbol and parts."""

from __future__ import annotations

import pytest

from exchanges import Peek, RouteError
from exchanges.okx.route import peek_book, peek_snapshot, route


def frame(channel: str, rest: str = '"data":[{}]', key: str = "instId", value: str = "BTC-USDT-SWAP") -> bytes:
    """Make a frame as the venue spells it."""
    return f'{{"arg":{{"channel":"{channel}","{key}":"{value}"}},{rest}}}'.encode()


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        ("trades", "trades"),
        ("trades-all", "trades"),
        ("bbo-tbt", "quotes"),
        ("tickers", "quotes"),
        ("mark-price", "funding"),
        ("open-interest", "funding"),
        ("funding-rate", "funding"),
    ],
)
def test_channels_are_kinds(channel: str, kind: str) -> None:
    """The channel alone tells the kind; the stream is named as it was subscribed."""
    routed = route(frame(channel))
    assert (routed.kind, routed.symbol, routed.stream) == (kind, "BTC-USDT-SWAP", f"{channel}:BTC-USDT-SWAP")


def test_snapshots_are_told_from_updates() -> None:
    """In the common order of keys and in any other."""
    assert route(frame("books", '"action":"update","data":[{}]')).kind == "book"
    assert route(frame("books", '"action":"snapshot","data":[{}]')).kind == "book_snapshot"
    assert route(frame("books", '"data":[{}],"action":"snapshot"')).kind == "book_snapshot"
    assert route(b'{"action":"update","data":[],"arg":{"instId":"A-B","channel":"books"}}').symbol == "A-B"


def test_an_index_stands_for_its_symbol() -> None:
    """The frame names the index; who follows it the producer knows."""
    assert route(frame("index-tickers", value="BTC-USDT")).symbol == "BTC-USDT"


def test_answers_are_control_in_any_order_of_keys() -> None:
    """An ack that begins with its argument is not data; `pong` is no JSON (PROTOCOLS 5.3)."""
    assert route(frame("trades", '"event":"subscribe"')).kind == "control"
    assert route(b"pong").kind == "control"


@pytest.mark.parametrize(
    "bad",
    [
        frame("books5"),
        frame("trades", value=""),
        frame("trades", key="instType", value="SWAP"),
        frame("liquidation-orders", '"data":[]', key="instType", value="SWAP"),
        frame("liquidation-orders", '"data":[{"details":[]}]', key="instType", value="SWAP"),
        frame("liquidation-orders", '"data":[{"instId":"A"},{"instId":""}]', key="instType", value="SWAP"),
        frame(
            "liquidation-orders",
            '"data":[{"instId":"A"},{"instId":"B"}],"data":[{"instId":"A"},{"instId":"B"}]',
            key="instType",
            value="SWAP",
        ),
        frame("liquidation-orders", '"data":[{"instId":"A","x":"\xff"}]', key="instType", value="SWAP").replace(
            "\xff".encode(), b"\xff"
        ),
        frame("trades", '"note":1'),
        b"ping",
    ],
)
def test_what_is_not_ours_is_refused(bad: bytes) -> None:
    """Unknown channels, frames without an instrument, bytes that are no text."""
    with pytest.raises(RouteError):
        route(bad)


def test_liquidations_are_cut_inside_their_envelope() -> None:
    """Entries of one instrument stay together and untouched; one instrument alone needs no parts."""
    data = '"data":[{"instId":"A","details":[1]}, {"instId":"B","details":[2]},{"instId":"A","details":[ 3]}]'
    routed = route(frame("liquidation-orders", data, key="instType", value="SWAP"))
    assert [part.symbol for part in routed.parts] == ["A", "B"]
    assert routed.parts[0].raw.endswith(b'"data":[{"instId":"A","details":[1]},{"instId":"A","details":[ 3]}]}')
    assert {part.stream for part in routed.parts} == {"liquidation-orders:SWAP"}
    alone = route(frame("liquidation-orders", '"data":[{"instId":"A"},{"instId":"A"}]', key="instType", value="SWAP"))
    assert (alone.symbol, alone.parts) == ("A", ())


def test_ids_are_peeked_without_levels() -> None:
    """An update names its predecessor; a snapshot, on the socket or over REST, stands at its id."""
    assert peek_book(b'{"action":"update","data":[{"prevSeqId":5,"seqId":9}]}') == Peek(-1, 9, 5)
    snapshot = b'{"action":"snapshot","data":[{"prevSeqId":-1,"seqId":9}]}'
    assert peek_book(snapshot) == peek_snapshot(snapshot) == Peek(-1, 9, -1, snapshot=True)
    assert peek_snapshot(b'{"code":"0","data":[{"seqId":9}]}') == Peek(-1, 9, -1, snapshot=True)
    with pytest.raises(ValueError, match="seqId"):
        peek_book(b'{"action":"update","data":[{"checksum":0}]}')
