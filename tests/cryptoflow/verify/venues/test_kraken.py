"""What Kraken's frames must become."""

from __future__ import annotations

import json

import pytest

from cryptoflow.verify.venues.kraken import Futures, Spot

AT = 1_790_000_000_123_456_000
FILL = {"uid": "u", "side": "sell", "type": "fill", "seq": 5, "time": 7, "qty": 2.0, "price": 1.5}


def _spot(channel, form, *entries):
    texts = ",".join(f'{{"symbol":"A/USD",{entry},"timestamp":"2026-09-21T14:13:20.123456Z"}}' for entry in entries)
    return f'{{"channel":"{channel}","type":"{form}","data":[{texts}]}}'


def _futures(feed, **told):
    return json.dumps({"feed": feed, "product_id": told.pop("product_id", "PF_AUSD"), **told})


def test_several_trades_of_a_frame():
    """Each fill is a frame of its own id; numbers are exact, in any notation."""
    entries = [f'"side":"buy","price":1.50,"qty":2e-8,"trade_id":{number}' for number in (7, 8)]
    found = Spot().expected(_spot("trade", "update", *entries))
    assert [(one.key, one.first, one.last) for one in found] == [(7, 7, 7), (8, 8, 8)]
    assert found[0].rows == [("1.5", "0.00000002", "0.00000002", "0.00000003", "buy", 1, AT)]


def test_spot_quote():
    """A ticker has no id."""
    (found,) = Spot().expected(_spot("ticker", "snapshot", '"bid":1.0,"bid_qty":2,"ask":3,"ask_qty":4'))
    assert (found.table, found.key, found.rows) == ("quotes", None, [("1", "2", "3", "4", AT)])


@pytest.mark.parametrize(("tail", "checksum"), [("", None), (',"checksum":4294967295', 4294967295)])
def test_spot_book(tail, checksum):
    """Levels are numbered per side and carry the checksum; a snapshot is one of its own table."""
    levels = '"bids":[{"price":1.0,"qty":0.0}],"asks":[{"price":2,"qty":1},{"price":2,"qty":3}]' + tail
    (found,) = Spot().expected(_spot("book", "update", levels))
    rows = [("bid", 0, "1", "0"), ("ask", 0, "2", "1"), ("ask", 1, "2", "3")]
    assert (found.table, found.key) == ("book_deltas", None)
    assert found.rows == [(*row, checksum, AT) for row in rows]
    (found,) = Spot().expected(_spot("book", "snapshot", levels))
    assert (found.table, found.rows) == ("book_snapshots", [(*row, checksum) for row in rows])


def test_spot_has_other_frames():
    """Status and heartbeat are no data."""
    assert Spot().expected('{"channel":"status","type":"update","data":[{}]}') == []


@pytest.mark.parametrize(
    ("symbol", "worth"),
    [("PF_AUSD", ("2", "3")), ("PI_AUSD", ("1.333333333333333333", "2")), ("FF_AUSD_300101", ("2", "3"))],
)
def test_contracts(symbol, worth):
    """PI and FI are worth 1 USD, the others 1 of the base asset."""
    (found,) = Futures().expected(_futures("trade", product_id=symbol, **FILL))
    assert (found.key, found.rows) == ("u", [("1.5", "2", *worth, "sell", 1, 7_000_000)])


def test_a_liquidation_is_two():
    """It is a trade and a liquidation; a trade without uid has its seq."""
    told = {**FILL, "type": "liquidation"}
    del told["uid"]
    trade, closing = Futures().expected(_futures("trade", **told))
    assert (trade.key, closing.key) == (5, "5")
    assert closing.rows == [("1.5", "2", "2", "sell", "long", 7_000_000)]


def test_history():
    """Trades of the past come newest first and are read oldest first."""
    found = Futures().expected(_futures("trade_snapshot", trades=[{**FILL, "uid": "b"}, {**FILL, "uid": "a"}]))
    assert [one.key for one in found] == ["a", "b"]


def test_ticker():
    """Quotes and funding of one frame; what is left out is absent, a rate beside a due time is zero."""
    quote, funding = Futures().expected(_futures("ticker", time=1, bid=1.0, ask=2, next_funding_rate_time=9))
    assert quote.rows == [("1", None, "2", None, 1_000_000)]
    assert funding.rows == [(None, None, "0", 9_000_000, 1, None, 1_000_000)]
    _, dated = Futures().expected(_futures("ticker", time=1, markPrice=1, openInterest=2.0))
    assert dated.rows == [("1", None, None, None, None, "2", 1_000_000)]
    (lite,) = Futures().expected(_futures("ticker_lite", bid=1, ask=2))
    assert lite.rows == [("1", None, "2", None, None)]


def test_futures_book():
    """A delta is one level with its number; what is below zero deletes."""
    (found,) = Futures().expected(_futures("book", side="buy", seq=4, price=1.0, qty=-2.0, timestamp=3))
    assert (found.key, found.first, found.last) == (4, 4, 4)
    assert found.rows == [("bid", 0, "1", "0", 4, 3_000_000)]
    levels = {"bids": [{"price": 1.0, "qty": 0.0}], "asks": []}
    (found,) = Futures().expected(_futures("book_snapshot", seq=4, timestamp=3, **levels))
    assert (found.key, found.rows) == ((4, 3_000_000), [("bid", 0, "1", "0")])


@pytest.mark.parametrize(
    ("reader", "stream", "want"),
    [
        (Spot, "book@100:A/USD", [("book", "A/USD")]),
        (Spot, "trade:A/USD", [("trades", "A/USD")]),
        (Spot, "ohlc:A/USD", []),
        (Futures, "trade:PF_AUSD", [("trades", "PF_AUSD"), ("liquidations", "PF_AUSD")]),
        (Futures, "ticker:PF_AUSD", [("quotes", "PF_AUSD"), ("funding", "PF_AUSD")]),
        (Futures, "heartbeat", []),
    ],
)
def test_streams(reader, stream, want):
    """Stream names tell kinds and symbol."""
    assert reader().tracks(stream) == want
