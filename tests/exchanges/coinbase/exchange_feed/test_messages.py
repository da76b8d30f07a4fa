"""The structs of the Exchange feed take what the venue sends and refuse what is bent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.coinbase.exchange_feed.messages import BookSnapshot, BookUpdate, Match, Product, RestTrade, Ticker

TRADE = {"trade_id": 7, "price": "1", "size": "2", "side": "buy", "time": "t"}
WHOLE: dict[type, dict[str, Any]] = {
    Match: {"type": "match", **TRADE},
    RestTrade: TRADE,
    Ticker: {
        "type": "ticker",
        "sequence": 7,
        "best_bid": "1",
        "best_bid_size": "2",
        "best_ask": "3",
        "best_ask_size": "4",
    },
    BookUpdate: {"type": "l2update", "changes": [["buy", "1", "2"]]},
    BookSnapshot: {"bids": [["1", "2"]], "asks": []},
    Product: {
        "id": "BTC-USD",
        "base_currency": "BTC",
        "quote_currency": "USD",
        "quote_increment": "0.01",
        "base_increment": "0.1",
        "status": "online",
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_unknown_fields_are_skipped(kind: type) -> None:
    """A field the venue adds changes nothing (PROTOCOLS 1.8.7)."""
    plain = msgspec.convert(WHOLE[kind], kind)
    assert msgspec.json.decode(msgspec.json.encode({**WHOLE[kind], "added": [{"by": "venue"}]}), type=kind) == plain


@pytest.mark.parametrize("kind", WHOLE)
def test_missing_and_bent_fields_are_refused(kind: type) -> None:
    """Every field without a default is needed and has one type."""
    for name, value in WHOLE[kind].items():
        rest = {key: one for key, one in WHOLE[kind].items() if key != name}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(rest, kind)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**rest, name: {"bent": value}}, kind)


def test_rest_levels_have_a_count_of_orders() -> None:
    """A level of the REST book has a third value, which no row needs; a change of the feed has none."""
    book = msgspec.convert({"bids": [["1", "2", 5]], "asks": []}, BookSnapshot)
    assert (book.bids[0].price, book.bids[0].size) == ("1", "2")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "l2update", "changes": [["buy", "1", "2", 5]]}, BookUpdate)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 1.5, "7"])
def test_ids_fit_their_column(number: object) -> None:
    """An id below zero, above 64 bits or of another type is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**WHOLE[Match], "trade_id": number}, Match)
