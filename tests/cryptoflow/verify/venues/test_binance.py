"""What Binance's frames must become."""

from __future__ import annotations

import json

from cryptoflow.verify.venues.binance import Spot, UsdM


def _frame(**data):
    return json.dumps({"stream": "x", "data": data})


TRADE = {"e": "trade", "s": "AUSDT", "t": 5, "p": "1.50", "q": "2.0", "T": 7, "m": True, "X": "MARKET", "st": 1}


def test_trade():
    """A fill is a row; a fill that is not of the book, or of a coin-margined contract, is none."""
    (found,) = UsdM().expected(_frame(**TRADE))
    assert (found.table, found.symbol, found.key) == ("trades", "AUSDT", 5)
    assert found.rows == [("1.5", "2", "2", "3", "sell", 1, 7_000_000)]
    assert UsdM().expected(_frame(**{**TRADE, "X": "INSURANCE_FUND"})) == []
    assert UsdM().expected(_frame(**{**TRADE, "st": 2})) == []
    assert UsdM().expected(_frame(e="kline", s="AUSDT")) == []


def test_depth():
    """Levels are numbered per side, bids first."""
    data = {"e": "depthUpdate", "s": "A", "T": 1, "U": 4, "u": 9, "pu": 3, "b": [["1", "2"], ["0.5", "0"]]}
    (found,) = UsdM().expected(_frame(**data, a=[["2", "1"]]))
    assert (found.key, found.first, found.last) == (9, 4, 9)
    assert [row[:4] for row in found.rows] == [("bid", 0, "1", "2"), ("bid", 1, "0.5", "0"), ("ask", 0, "2", "1")]
    assert {row[4:] for row in found.rows} == {(4, 3, 1_000_000)}


def test_dated_contracts_pay_no_funding():
    """An empty rate and a zero time are absent."""
    data = {"e": "markPriceUpdate", "s": "A", "E": 1, "p": "1", "i": "2", "P": "3", "r": "", "T": 0}
    (found,) = UsdM().expected(_frame(**data))
    assert found.rows == [("1", "2", "3", None, None)]


def test_snapshot():
    """A REST answer is named by its update id and time."""
    found = UsdM().answer("A", '{"lastUpdateId":3,"T":2,"bids":[["1","2"]],"asks":[]}')
    assert (found.table, found.key, found.rows) == ("book_snapshots", (3, 2_000_000), [("bid", 0, "1", "2")])
    assert UsdM().answer("A", '{"lastUpdateId":3,"bids":[],"asks":[]}').key == (3, None)


def test_streams():
    """Stream names tell kind and symbol."""
    assert UsdM().tracks("ausdt@depth@100ms") == [("book", "AUSDT")]
    assert UsdM().tracks("ausdt@kline_1m") == []


def test_spot_has_times_of_its_own():
    """Quotes have no time and no event name, deltas the event's time and no previous id."""
    (quote,) = Spot().expected(_frame(u=4, s="A", b="1", B="2", a="3", A="4"))
    assert (quote.table, quote.key, quote.rows) == ("quotes", 4, [("1", "2", "3", "4", None)])
    (depth,) = Spot().expected(_frame(e="depthUpdate", E=5, s="A", U=1, u=2, b=[["1", "2"]], a=[]))
    assert depth.rows == [("bid", 0, "1", "2", 1, None, 5_000_000)]
    assert Spot().expected(_frame(e="markPriceUpdate", E=1, s="A")) == []
