"""Kraken spot: rows beyond the golden frames. PROTOCOLS 7.1.4-7.1.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from exchanges.kraken import SPOT
from schemas import Columns, topic_of

TIME = '"timestamp":"2026-09-21T14:13:20Z"'


def rows(kind: str, *frames: str) -> list[dict[str, Any]]:
    """Parse frames as the agents do and return their rows."""
    parser = SPOT.parsers[kind]
    columns = Columns(topic_of(parser.record))
    messages = [msgspec.json.decode(frame, type=parser.message) for frame in frames]
    parser.append(messages, range(len(frames)), columns)
    batch, bad = columns.build()
    assert not bad
    found: list[dict[str, Any]] = batch.to_pylist()
    return found


def book(form: str, bids: str, asks: str, more: str = "") -> str:
    """Write a book frame."""
    return f'{{"channel":"book","type":"{form}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}]{more}}}]}}'


def level(price: str, size: str) -> str:
    """Write a level."""
    return f'{{"price":{price},"qty":{size}}}'


def test_entries_stay_in_the_order_listed() -> None:
    """One price twice in a frame is two rows, in order: the later one is what holds (PROTOCOLS 7.1.5.3)."""
    frame = book("update", "", ",".join([level("1.1", "0"), level("1.1", "2"), level("1.0", "3")]))
    assert [(row["price"], row["size"], row["level"]) for row in rows("book", frame)] == [
        (Decimal("1.1"), 0, 0),
        (Decimal("1.1"), 2, 1),
        (Decimal(1), 3, 2),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-7", "0.0000001"),
        ("1.20E+3", "1200"),
        ("0.00000001", "0.00000001"),
        ("5e-18", "0.000000000000000005"),
        ("90071992547409931.5", "90071992547409931.5"),
    ],
)
def test_numbers_are_exact(text: str, value: str) -> None:
    """Scientific notation and digits beyond a float are kept exactly (PROTOCOLS 7.1.6)."""
    (row,) = rows("book", book("update", level(text, text), ""))
    assert (row["price"], row["size"]) == (Decimal(value), Decimal(value))


def test_a_thin_snapshot_without_checksum_is_a_snapshot() -> None:
    """PROTOCOLS 7.1.5.5: four levels and no checksum, then the full one: both are rows."""
    thin = book("snapshot", level("1", "1"), level("2", "1"))
    full = book("snapshot", ",".join([level("1", "1"), level("0.9", "1")]), level("2", "1"), ',"checksum":7')
    assert [(row["frame"], row["checksum"]) for row in rows("book_snapshot", thin, full)] == [
        (0, None),
        (0, None),
        (1, 7),
        (1, 7),
        (1, 7),
    ]


def test_a_frame_without_levels_keeps_its_checksum() -> None:
    """A checksum over an unchanged book is there for the agent, though the frame has no row."""
    parser = SPOT.parsers["book"]
    columns = Columns(topic_of(parser.record))
    parser.append([msgspec.json.decode(book("update", "", "", ',"checksum":9'), type=parser.message)], [0], columns)
    assert (columns.counts, columns.values["checksum"]) == ([0], [9])


def test_a_side_left_out_is_empty() -> None:
    """An update may name one side only."""
    frame = '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","asks":[{"price":1,"qty":2}]}]}'
    assert [row["side"] for row in rows("book", frame)] == ["ask"]


@pytest.mark.parametrize("more", ["", ',"timestamp":"1970-01-01T00:00:00Z"', ',"timestamp":null', ',"timestamp":""'])
def test_no_time_and_epoch_zero_are_no_time(more: str) -> None:
    """`timestamp` is a newer field, and 0 stands for none (PROTOCOLS 7.1.4)."""
    quote = f'{{"symbol":"A/B","bid":1,"bid_qty":1,"ask":2,"ask_qty":1{more}}}'
    frame = f'{{"channel":"ticker","type":"update","data":[{quote}]}}'
    assert rows("quotes", frame)[0]["exchange_ns"] is None


def test_several_trades_of_a_frame_are_rows_in_order() -> None:
    """A frame of three trades is three rows with ids as sent; the side is the taker's already (PROTOCOLS 1.2)."""
    trade = '{{"symbol":"A/B","side":"{}","price":1.5,"qty":2,"trade_id":{},' + TIME + "}}"
    data = ",".join(trade.format(side, number) for side, number in (("buy", 7), ("sell", 8), ("buy", 9)))
    found = rows("trades", f'{{"channel":"trade","type":"update","data":[{data}]}}')
    assert [(row["trade_id"], row["side"]) for row in found] == [("7", "buy"), ("8", "sell"), ("9", "buy")]
    assert SPOT.parsers["trades"].contiguous


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1790000000", 0),
        ("1790000000.5", 500_000_000),
        ("1790000000.1234567", 123_456_700),
        ("1790000000.1234567899", 123_456_789),
    ],
)
def test_a_time_in_seconds_is_read_from_its_text(text: str, want: int) -> None:
    """REST prints seconds with a fraction: no float is between its text and the nanoseconds."""
    (row,) = rows("trades_backfill", f'["1.5","2",{text},"s","l","",7]')
    assert row["exchange_ns"] == 1_790_000_000_000_000_000 + want
    assert (row["side"], row["price"], row["base_size"]) == ("sell", Decimal("1.5"), Decimal(2))


@pytest.mark.parametrize("text", ["1e9", "-1", '"1790000000"', "12345678901", "null"])
def test_another_time_is_refused(text: str) -> None:
    """What is not seconds as the venue prints them is no time."""
    with pytest.raises(ValueError, match="reading a time"):
        rows("trades_backfill", f'["1.5","2",{text},"s","l","",7]')
