"""Recordings of the years when the feed was called Pro are read by their date."""

from __future__ import annotations

from golden import parsed, rows_of

from exchanges.coinbase import FEED
from exchanges.coinbase.exchange_feed.legacy import SIZES_SINCE_NS

OLD = (
    b'{"type":"ticker","sequence":7,"product_id":"A-USD","price":"2","best_bid":"1","best_ask":"3","side":"buy",'
    b'"time":"2021-09-21T14:13:20.123456Z","trade_id":1,"last_size":"4"}'
)
TODAYS = OLD.replace(b'"side"', b'"best_bid_size":"5","best_ask_size":"6","side"')


def sizes(received_ns: int, frame: bytes) -> tuple[object, object]:
    """Return the sizes of a ticker as it was received at a moment."""
    parser = FEED.at(received_ns).parsers["quotes"]
    (row,) = rows_of(parser, parsed(parser, [frame]))
    return row.get("bid_size"), row.get("ask_size")


def test_a_ticker_had_no_sizes() -> None:
    """Its row has none either; one that has them is read as today's."""
    assert sizes(SIZES_SINCE_NS - 1, OLD) == (None, None)
    assert sizes(SIZES_SINCE_NS - 1, TODAYS) == sizes(SIZES_SINCE_NS, TODAYS) == ("5", "6")


def test_today_a_ticker_without_sizes_is_refused() -> None:
    """Only its date makes it readable."""
    assert FEED.at(SIZES_SINCE_NS) is FEED
    assert FEED.parsers["quotes"].message is not FEED.at(SIZES_SINCE_NS - 1).parsers["quotes"].message
