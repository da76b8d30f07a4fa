"""What OKX's frames must become."""

from __future__ import annotations

import json

import pytest

from cryptoflow.verify.venues.okx import Futures, Spot, Swap

LINEAR = {"instId": "A-USDT-SWAP", "ctVal": "0.1", "ctMult": "10", "ctType": "linear"}
INVERSE = {"instId": "A-USD-SWAP", "ctVal": "100", "ctMult": "1", "ctType": "inverse"}
FILL = {"tradeId": "7", "px": "3.0", "sz": "2", "side": "sell", "ts": "5", "count": "2"}


def _frame(channel, name, *data, **told):
    return json.dumps({"arg": {"channel": channel, "instId": name}, **told, "data": data})


def _swap():
    reader = Swap()
    reader.instruments(json.dumps({"data": [LINEAR, INVERSE, {"instId": "A-B", "ctVal": "", "ctMult": ""}]}))
    return reader


@pytest.mark.parametrize(
    ("reader", "name", "worth"),
    [
        (Spot(), "A-B", ("2", "6")),
        (_swap(), "A-USDT-SWAP", ("2", "6")),
        (_swap(), "A-USD-SWAP", ("66.666666666666666667", "200")),
        (_swap(), "UNKNOWN-SWAP", (None, None)),
    ],
)
def test_trades(reader, name, worth):
    """Spot sizes are base sizes; contracts are worth what their definition says."""
    (found,) = reader.expected(_frame("trades", name, FILL))
    assert (found.table, found.symbol, found.key) == ("trades", name, 7)
    assert found.rows == [("3", "2", *worth, "sell", 2, 5_000_000)]


def test_counts():
    """A single fill is one; a trade that does not say counts none."""
    fill = {name: value for name, value in FILL.items() if name != "count"}
    assert Spot().expected(_frame("trades-all", "A-B", fill))[0].rows[0][5] == 1
    assert Spot().expected(_frame("trades", "A-B", fill))[0].rows[0][5] is None


def test_quotes():
    """Either channel; a side may be absent."""
    best = {"asks": [["2", "1", "0", "1"]], "bids": [], "ts": "5", "seqId": 9}
    (found,) = Spot().expected(_frame("bbo-tbt", "A-B", best))
    assert (found.key, found.rows) == ((5_000_000, 9), [(None, None, "2", "1", 5_000_000)])
    ticker = {"bidPx": "1", "bidSz": "3", "askPx": "0", "askSz": "0", "ts": "5"}
    (found,) = Spot().expected(_frame("tickers", "A-B", ticker))
    assert (found.key, found.rows) == ((5_000_000, None), [("1", "3", None, None, 5_000_000)])


def test_books():
    """An update covers the ids after its predecessor; a snapshot is of its own table, wherever it came from."""
    data = {"asks": [["2", "0", "0", "0"]], "bids": [["1.0", "3", "0", "1"]], "ts": "5", "prevSeqId": 4, "seqId": 9}
    (found,) = Spot().expected(_frame("books", "A-B", data, action="update"))
    assert (found.key, found.first, found.last) == (9, 5, 9)
    assert found.rows == [("bid", 0, "1", "3", 4, 5_000_000), ("ask", 0, "2", "0", 4, 5_000_000)]
    (snapshot,) = Spot().expected(_frame("books", "A-B", data, action="snapshot"))
    assert (snapshot.table, snapshot.key) == ("book_snapshots", (9, 5_000_000))
    assert Spot().answer("A-B", json.dumps({"data": [data]})) == snapshot
    quiet = {**data, "asks": [], "bids": [], "prevSeqId": 9}
    assert Spot().expected(_frame("books", "A-B", quiet, action="update"))[0].rows == []


def test_funding():
    """Four channels have four keys; the interval is told by two times."""
    rate = {"fundingRate": "-0.0001", "fundingTime": "3600000", "nextFundingTime": "7200000", "ts": "5"}
    (found,) = _swap().expected(_frame("funding-rate", "A-USDT-SWAP", rate))
    assert (found.key, found.rows) == ((5_000_000, None, None, "-0.0001", None), [(3_600_000_000_000, 1)])
    (found,) = _swap().expected(_frame("index-tickers", "A-USDT", {"idxPx": "2.0", "ts": "5"}))
    assert (found.symbol, found.key, found.rows) == ("A-USDT", (5_000_000, None, "2", None, None), [(None, None)])


def test_liquidations():
    """Only of instruments that are listed; a position that is not told follows from the side."""
    detail = {"side": "buy", "posSide": "net", "bkPx": "3.0", "sz": "2", "ts": "5"}
    entries = [{"instId": name, "details": [detail]} for name in ("OTHER-USDT-SWAP", "A-USDT-SWAP")]
    (found,) = _swap().expected(json.dumps({"arg": {"channel": "liquidation-orders"}, "data": entries}))
    assert (found.symbol, found.key) == ("A-USDT-SWAP", (5_000_000, "buy", "short", "2", "3"))
    assert found.rows == [("2",)]


def test_other_frames():
    """Answers and channels that nobody asked for are no data."""
    assert Spot().expected('{"event":"subscribe"}') == []
    assert Spot().expected(_frame("candle1m", "A-B", {})) == []


@pytest.mark.parametrize(
    ("stream", "want"),
    [
        ("books:A-USD-300101", [("book", "A-USD-300101")]),
        ("index-tickers:A-USD", [("funding", "A-USD")]),
        ("liquidation-orders:FUTURES", [("liquidations", "")]),
        ("candle1m:A-B", []),
    ],
)
def test_streams(stream, want):
    """Stream names tell kind and symbol."""
    assert Futures().tracks(stream) == want
