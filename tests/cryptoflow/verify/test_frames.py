"""What rows frames must become."""

from __future__ import annotations

import json

import pytest

from cryptoflow.verify.frames import exact, expected, product, snapshot, track_of_stream


def _frame(**data):
    return json.dumps({"stream": "x", "data": data})


TRADE = {"e": "trade", "s": "AUSDT", "t": 5, "p": "1.50", "q": "2.0", "T": 7, "m": True, "X": "MARKET", "st": 1}


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1.50", "1.5"), ("0.000", "0"), ("-0.0", "0"), ("100", "100"), ("1e3", "1000"), ("0.00000001", "0.00000001")],
)
def test_exact(text, plain):
    """Equal decimals have one spelling."""
    assert exact(text) == plain


def test_product():
    """Products are exact beyond any float."""
    assert product("123456789.123456789", "0.000000001") == "0.123456789123456789"


def test_trade():
    """A fill is a row; a fill that is not of the book, or of a coin-margined contract, is none."""
    found = expected(_frame(**TRADE))
    assert (found.table, found.symbol, found.key) == ("trades", "AUSDT", 5)
    assert found.rows == [("1.5", "2", "2", "3", "sell", 1, 7_000_000)]
    assert expected(_frame(**{**TRADE, "X": "INSURANCE_FUND"})) is None
    assert expected(_frame(**{**TRADE, "st": 2})) is None
    assert expected(_frame(e="kline", s="AUSDT")) is None


def test_depth():
    """Levels are numbered per side, bids first."""
    data = {"e": "depthUpdate", "s": "A", "T": 1, "U": 4, "u": 9, "pu": 3, "b": [["1", "2"], ["0.5", "0"]]}
    found = expected(_frame(**data, a=[["2", "1"]]))
    assert (found.key, found.first) == (9, 4)
    assert [row[:4] for row in found.rows] == [("bid", 0, "1", "2"), ("bid", 1, "0.5", "0"), ("ask", 0, "2", "1")]
    assert {row[4:] for row in found.rows} == {(4, 3, 1_000_000)}


def test_dated_contracts_pay_no_funding():
    """An empty rate and a zero time are absent."""
    data = {"e": "markPriceUpdate", "s": "A", "E": 1, "p": "1", "i": "2", "P": "3", "r": "", "T": 0}
    assert expected(_frame(**data)).rows == [("1", "2", "3", None, None)]


def test_snapshot():
    """A REST answer is named by its update id and time."""
    found = snapshot("A", '{"lastUpdateId":3,"T":2,"bids":[["1","2"]],"asks":[]}')
    assert (found.table, found.key, found.rows) == ("book_snapshots", (3, 2_000_000), [("bid", 0, "1", "2")])
    assert snapshot("A", '{"lastUpdateId":3,"bids":[],"asks":[]}').key == (3, None)


def test_streams():
    """Stream names tell kind and symbol."""
    assert track_of_stream("ausdt@depth@100ms") == ("book", "AUSDT")
    assert track_of_stream("ausdt@kline_1m") is None
