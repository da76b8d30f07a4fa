"""The structs of Advanced Trade take what the venue sends and refuse what is bent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.coinbase.advanced import messages
from exchanges.coinbase.advanced.messages import BookFrame, BookSnapshotFrame, Product, QuoteFrame, Trade, TradeFrame
from tests.doubles.wire_examples import documented, hold_to, hold_to_example

LEVEL = {"side": "bid", "event_time": "2026-09-21T14:13:20Z", "price_level": "1.5", "new_quantity": "2"}
TRADE = {"trade_id": "7", "product_id": "BTC-USD", "price": "1", "size": "2", "side": "BUY", "time": "t"}
TICKER = {
    "product_id": "BTC-USD",
    "best_bid": "1",
    "best_bid_quantity": "2",
    "best_ask": "3",
    "best_ask_quantity": "4",
}
PRODUCT = {
    "product_id": "BTC-USD",
    "product_type": "SPOT",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "status": "online",
    "base_increment": "0.1",
    "quote_increment": "0.1",
}


def book(kind: str) -> dict[str, Any]:
    """Make a frame of the book."""
    event = {"type": kind, "product_id": "BTC-USD", "updates": [LEVEL]}
    return {"channel": "l2_data", "timestamp": "t", "sequence_num": 3, "events": [event]}


WHOLE: dict[type, dict[str, Any]] = {
    BookFrame: book("update"),
    BookSnapshotFrame: book("snapshot"),
    TradeFrame: {
        "channel": "market_trades",
        "sequence_num": 3,
        "events": [{"type": "snapshot", "trades": [TRADE]}],
    },
    QuoteFrame: {
        "channel": "ticker",
        "timestamp": "t",
        "sequence_num": 3,
        "events": [{"type": "update", "tickers": [TICKER]}],
    },
    Product: PRODUCT,
}


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_frames(kind: type) -> None:
    """They are held to the same; their examples are abridged."""
    hold_to(kind, WHOLE[kind])


@pytest.mark.parametrize("kind", [BookFrame, BookSnapshotFrame])
def test_a_snapshot_is_no_update(kind: type) -> None:
    """Each of the two structs of a book takes its own events only."""
    other = BookSnapshotFrame if kind is BookFrame else BookFrame
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(WHOLE[other], kind)


@pytest.mark.parametrize("number", ["", "07", "-1", "1.0", "7\n", "1e3", "9" * 19, "x"])
def test_trade_ids_are_plain_digits(number: str) -> None:
    """An id whose text and number differ, or that fits no 64 bits, is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**TRADE, "trade_id": number}, Trade)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 1.5, "3"])
def test_sequence_numbers_fit_their_column(number: object) -> None:
    """A number below zero, above 64 bits or of another type is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**WHOLE[QuoteFrame], "sequence_num": number}, QuoteFrame)
