"""Kraken spot: frames find their place by their first bytes, or by a full decode, and both agree."""

from __future__ import annotations

import json

import pytest

from exchanges import CONTROL, Peek, RouteError
from exchanges.kraken.spot.route import peek_book, route

ENTRY = '{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":1}'


def frame(channel: str, form: str, *entries: str) -> bytes:
    """Write a frame as the venue does."""
    return f'{{"channel":"{channel}","type":"{form}","data":[{",".join(entries)}]}}'.encode()


@pytest.mark.parametrize(
    ("channel", "form", "kind"),
    [
        ("book", "update", "book"),
        ("book", "snapshot", "book_snapshot"),
        ("trade", "update", "trades"),
        ("trade", "snapshot", "trades"),
        ("ticker", "update", "quotes"),
        ("ticker", "snapshot", "quotes"),
    ],
)
def test_the_common_form_and_any_other_are_routed_alike(channel: str, form: str, kind: str) -> None:
    """Order of keys, spaces and escapes change nothing."""
    spelled = [
        frame(channel, form, ENTRY),
        json.dumps(json.loads(frame(channel, form, ENTRY))).encode(),
        json.dumps(dict(reversed(json.loads(frame(channel, form, ENTRY)).items()))).encode(),
        frame(channel, form, '{"bids":[],"symbol":"BTC/USD"}'),
        frame(channel, form, '{"symbol":"\\u0042TC/USD"}'),
    ]
    for one in spelled:
        routed = route(one)
        assert (routed.kind, routed.symbol, routed.stream, routed.parts) == (kind, "BTC/USD", f"{channel}:BTC/USD", ())


def test_several_trades_of_one_symbol_are_one_frame() -> None:
    """Trades that share a frame and a symbol are not cut."""
    assert route(frame("trade", "update", ENTRY, ENTRY, ENTRY)).parts == ()


def test_symbols_that_share_a_frame_are_cut_apart() -> None:
    """Each symbol gets its entries, in order and byte for byte, in the frame's own envelope."""
    entries = ('{"symbol":"BTC/USD","price":1.50}', '{"symbol":"ETH/USD","price":2.0}', '{"symbol":"BTC/USD", "a": 1}')
    parts = route(frame("trade", "update", *entries)).parts
    assert [(part.symbol, part.stream) for part in parts] == [
        ("BTC/USD", "trade:BTC/USD"),
        ("ETH/USD", "trade:ETH/USD"),
    ]
    assert parts[0].raw == frame("trade", "update", entries[0], entries[2])
    assert parts[1].raw == frame("trade", "update", entries[1])


@pytest.mark.parametrize(
    "text",
    [
        '{"channel":"heartbeat"}',
        '{"channel":"status","type":"update","data":[{"system":"online"}]}',
        '{"method":"pong","req_id":1}',
        '{"method":"subscribe","success":false,"error":"Currency pair not supported XBT/USD","symbol":"XBT/USD"}',
    ],
)
def test_frames_without_data_are_control(text: str) -> None:
    """Answers, status, heartbeat and pong belong to the connection."""
    assert route(text.encode()).kind == CONTROL


@pytest.mark.parametrize(
    "wrong",
    [
        frame("ohlc", "update", ENTRY),
        frame("book", "delete", ENTRY),
        frame("book", "update"),
        frame("book", "update", '{"symbol":""}'),
        frame("book", "update", '{"bids":[]}'),
        frame("book", "update", "7"),
        b'{"channel":"book","type":"update","data":{"symbol":"BTC/USD"}}',
        b'{"channel":"instrument","type":"snapshot","data":{"pairs":[{"symbol":"BTC/USD"}]}}',
        b'{"method":"add_order"}',
    ],
)
def test_what_cannot_be_told_is_refused(wrong: bytes) -> None:
    """A frame of no channel of ours, or without a symbol, raises RouteError."""
    with pytest.raises(RouteError):
        route(wrong)


def test_a_book_frame_has_no_ids() -> None:
    """The peek tells a snapshot from an update; another channel is refused."""
    assert peek_book(frame("book", "update", ENTRY)) == Peek(-1, -1, -1)
    assert peek_book(frame("book", "snapshot", ENTRY)) == Peek(-1, -1, -1, snapshot=True)
    with pytest.raises(ValueError, match=r".+"):
        peek_book(frame("trade", "update", ENTRY))
