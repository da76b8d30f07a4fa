"""What Bybit's frames must become."""

from __future__ import annotations

import json

import pytest

from cryptoflow.verify.venues.bybit import Linear, Spot

FILL = {"T": 5, "s": "A", "S": "Sell", "v": "2.0", "p": "3.0", "i": "7", "seq": 1}
BOOK = {"s": "A", "b": [["1.0", "3"]], "a": [["2", "0"]], "u": 9, "seq": 1}


def _frame(topic, data, form="snapshot"):
    return json.dumps({"topic": topic, "type": form, "ts": 6, "data": data, "cts": 5})


def test_trades():
    """Each fill is a frame of its own; sizes are base sizes, ids may be text."""
    found = Spot().expected(_frame("publicTrade.A", [FILL, {**FILL, "i": "u-1", "S": "Buy"}]))
    assert [(one.table, one.symbol, one.key) for one in found] == [("trades", "A", 7), ("trades", "A", "u-1")]
    assert found[0].rows == [("3", "2", "2", "6", "sell", 1, 5_000_000)]
    assert found[1].rows[0][4] == "buy"


def test_quotes():
    """The engine's time counts; a side may be empty."""
    (found,) = Linear().expected(_frame("orderbook.1.A", {**BOOK, "a": []}))
    assert (found.table, found.key) == ("quotes", (9, 5_000_000))
    assert found.rows == [("1", "3", None, None, 5_000_000)]


def test_books():
    """A delta covers its own id; a snapshot, a restart and a REST answer are of their own table."""
    (delta,) = Linear().expected(_frame("orderbook.200.A", BOOK, "delta"))
    assert (delta.table, delta.key, delta.first, delta.last) == ("book_deltas", (9, 5_000_000), 9, 9)
    assert delta.rows == [("bid", 0, "1", "3", 9), ("ask", 0, "2", "0", 9)]
    (snapshot,) = Linear().expected(_frame("orderbook.200.A", BOOK))
    assert (snapshot.table, snapshot.key) == ("book_snapshots", (9, 5_000_000))
    assert Linear().answer("A", json.dumps({"result": {**BOOK, "ts": 6, "cts": 5}})) == snapshot
    (restart,) = Linear().expected(_frame("orderbook.50.A", {**BOOK, "u": 1}, "delta"))
    assert (restart.table, restart.key) == ("book_snapshots", (1, 5_000_000))


def test_funding():
    """What a ticker tells, at the time it was sent; one that tells nothing of it is no frame."""
    facts = {"markPrice": "1.0", "indexPrice": "2", "nextFundingTime": "7", "fundingIntervalHour": "8"}
    (found,) = Linear().expected(_frame("tickers.A", {"symbol": "A", **facts}))
    assert (found.key, found.rows) == ((6_000_000, "1", "2", None, None), [(7_000_000, 8)])
    (dated,) = Linear().expected(_frame("tickers.A", {"fundingRate": "", "nextFundingTime": "0", "openInterest": "3"}))
    assert (dated.key, dated.rows) == ((6_000_000, None, None, None, "3"), [(None, None)])
    assert Linear().expected(_frame("tickers.A", {"symbol": "A", "lastPrice": "1"})) == []


def test_liquidations():
    """The order that closes is on the other side; twins of one message are rows of one frame."""
    one = {"T": 5, "s": "A", "S": "Buy", "v": "2", "p": "3.0"}
    found = Linear().expected(_frame("allLiquidation.A", [one, one, {**one, "S": "Sell"}]))
    assert [one.key for one in found] == [(5_000_000, "sell", "2", "3"), (5_000_000, "buy", "2", "3")]
    assert [one.rows for one in found] == [[("2", "long")] * 2, [("2", "short")]]


def test_other_frames():
    """Answers and topics that nobody asked for are no data; spot has no funding."""
    assert Spot().expected('{"success":true,"op":"subscribe"}') == []
    assert Spot().expected(_frame("kline.1.A", {})) == []
    assert Spot().expected(_frame("tickers.A", {"markPrice": "1"})) == []


@pytest.mark.parametrize(
    ("stream", "want"),
    [
        ("orderbook.200.A", [("book", "A")]),
        ("orderbook.1.A", [("quotes", "A")]),
        ("allLiquidation.A-01JAN30", [("liquidations", "A-01JAN30")]),
        ("kline.1.A", []),
    ],
)
def test_streams(stream, want):
    """Topics tell kind and symbol."""
    assert Linear().tracks(stream) == want
