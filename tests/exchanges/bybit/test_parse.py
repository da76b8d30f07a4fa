"""Rows of Bybit."""

from __future__ import annotations

from typing import Any

import pytest
from golden import parsed, rows_of

from exchanges.bybit.parse import LINEAR_PARSERS, PARSERS


def rows(kind: str, *frames: bytes) -> list[dict[str, Any]]:
    """Parse frames."""
    return rows_of(LINEAR_PARSERS[kind], parsed(LINEAR_PARSERS[kind], list(frames)))


def ticker(data: bytes) -> bytes:
    """Return a ticker frame."""
    return b'{"topic":"tickers.X","type":"delta","ts":5,"data":%b}' % data


@pytest.mark.parametrize(
    ("side", "taker", "closing", "position"), [("Buy", "buy", "sell", "long"), ("Sell", "sell", "buy", "short")]
)
def test_sides(side: str, taker: str, closing: str, position: str) -> None:
    """PROTOCOLS 1.2, 1.3: of a trade the taker's; of a liquidation the position's, so the order is on the other."""
    data = b'"data":[{"T":1,"S":"%b","v":"1","p":"2","i":"a"}]' % side.encode()
    assert rows("trades", b"{%b}" % data)[0]["side"] == taker
    row = rows("liquidations", b"{%b}" % data)[0]
    assert (row["side"], row["position"], row["price"]) == (closing, position, "2")


def test_an_absent_field_is_unchanged_and_no_value() -> None:
    """PROTOCOLS 4.4: a row carries what its frame has; a frame without any of our fields is no row."""
    found = rows("funding", ticker(b'{"openInterest":"7"}'), ticker(b'{"lastPrice":"1"}'), ticker(b'{"markPrice":"2"}'))
    assert found == [
        {"frame": 0, "exchange_ns": 5_000_000, "open_interest": "7"},
        {"frame": 2, "exchange_ns": 5_000_000, "mark_price": "2"},
    ]


def test_dated_futures_lack_funding() -> None:
    """PROTOCOLS 4.7: the fields are absent, empty or 0; none of it becomes a number."""
    data = b'{"markPrice":"2","fundingRate":"","nextFundingTime":"0","fundingIntervalHour":""}'
    assert rows("funding", ticker(data)) == [{"frame": 0, "exchange_ns": 5_000_000, "mark_price": "2"}]
    assert parsed(LINEAR_PARSERS["funding"], [ticker(b'{"nextFundingTime":"0"}')]).counts == [0]


def test_a_book_of_one_level_may_lack_a_side() -> None:
    """A side without orders has neither price nor size."""
    row = rows("quotes", b'{"type":"snapshot","ts":1,"data":{"b":[],"a":[["2","3"]],"u":4}}')[0]
    assert row == {"frame": 0, "exchange_ns": 1_000_000, "ask_price": "2", "ask_size": "3", "update_id": 4}


def test_the_engines_time_counts() -> None:
    """PROTOCOLS 4.4: `cts` compares with trades; `ts` where there is none, and inside the result over REST."""
    data = b'"data":{"b":[["1","1"]],"a":[],"u":4}'
    assert rows("book", b'{"type":"delta","ts":9,"cts":7,%b}' % data)[0]["exchange_ns"] == 7_000_000
    assert rows("book", b'{"type":"delta","ts":9,%b}' % data)[0]["exchange_ns"] == 9_000_000
    rest = b'{"retCode":0,"result":{"b":[["1","1"]],"a":[],"u":4,"ts":9,"cts":8}}'
    assert rows("book_snapshot", rest)[0]["exchange_ns"] == 8_000_000


def test_identities_are_those_of_the_protocol() -> None:
    """Dedupe keys are PROTOCOLS 1.4; trade ids have no order and no id is free of holes but a book's."""
    assert {kind: parser.id_column for kind, parser in PARSERS.items()} == {
        "trades": "trade_id",
        "quotes": "",
        "book": "last_update_id",
        "book_snapshot": "last_update_id",
    }
    assert not any(parser.contiguous for parser in LINEAR_PARSERS.values())
    assert not any(LINEAR_PARSERS[kind].ordered for kind in ("trades", "book_snapshot"))
    assert PARSERS["quotes"].composite_id == ("update_id", "bid_price", "bid_size", "ask_price", "ask_size")
    assert LINEAR_PARSERS["liquidations"].composite_id == ("exchange_ns", "side", "size", "price")
