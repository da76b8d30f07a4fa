"""The structs of the Exchange feed take what the venue sends and refuse what is bent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.coinbase.exchange_feed import messages
from exchanges.coinbase.exchange_feed.messages import BookSnapshot, BookUpdate, Match
from tests.doubles.wire_examples import documented, hold_to_example, payload


def test_rest_levels_have_a_count_of_orders() -> None:
    """A level of the REST book has a third value, which no row needs; a change of the feed has none."""
    book = msgspec.convert({"bids": [["1", "2", 5]], "asks": []}, BookSnapshot)
    assert (book.bids[0].price, book.bids[0].size) == ("1", "2")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "l2update", "changes": [["buy", "1", "2", 5]]}, BookUpdate)


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 1.5, "7"])
def test_ids_fit_their_column(number: object) -> None:
    """An id below zero, above 64 bits or of another type is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.json.decode(payload(Match)), "trade_id": number}, Match)
