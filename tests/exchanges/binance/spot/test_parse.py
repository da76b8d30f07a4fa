"""Rows of Binance spot."""

from __future__ import annotations

from typing import Any

import pytest
from golden import parsed, rows_of

from exchanges.binance.spot.parse import PARSERS


def rows(kind: str, *frames: bytes) -> list[dict[str, Any]]:
    """Parse frames."""
    return rows_of(PARSERS[kind], parsed(PARSERS[kind], list(frames)))


@pytest.mark.parametrize(("maker", "side"), [("true", "sell"), ("false", "buy")])
def test_the_side_is_the_takers(maker: str, side: str) -> None:
    """PROTOCOLS 1.2: the buyer is the maker when somebody sold into the book; over REST too."""
    trade = b'{"data":{"e":"trade","t":1,"p":"1","q":"1","T":1,"m":%b}}' % maker.encode()
    old = b'{"id":1,"price":"1","qty":"1","time":1,"isBuyerMaker":%b}' % maker.encode()
    assert rows("trades", trade)[0]["side"] == side
    assert rows("trades_backfill", old)[0] == rows("trades", trade)[0]


def test_what_has_no_time_has_none() -> None:
    """PROTOCOLS 2.6: quotes and REST books carry no time of the venue; the receive time is stored anyway."""
    assert "exchange_ns" not in rows("quotes", b'{"data":{"u":1,"b":"1","B":"1","a":"2","A":"1"}}')[0]
    assert "exchange_ns" not in rows("book_snapshot", b'{"lastUpdateId":1,"bids":[["1","1"]],"asks":[]}')[0]


def test_a_new_symbols_book_has_no_id() -> None:
    """PROTOCOLS 2.5: lastUpdateId -1 is no id."""
    columns = parsed(
        PARSERS["book_snapshot"],
        [b'{"lastUpdateId":-1,"bids":[],"asks":[]}', b'{"lastUpdateId":7,"bids":[],"asks":[]}'],
    )
    assert columns.values["last_update_id"] == [None, 7]


def test_identities_are_those_of_the_protocol() -> None:
    """Dedupe keys are PROTOCOLS 1.4; only trade ids have no holes."""
    assert {kind: parser.id_column for kind, parser in PARSERS.items()} == {
        "trades": "trade_id",
        "trades_backfill": "trade_id",
        "quotes": "update_id",
        "book": "last_update_id",
        "book_snapshot": "last_update_id",
    }
    assert [kind for kind, parser in PARSERS.items() if parser.contiguous] == ["trades", "trades_backfill"]


def test_an_aggregate_is_a_trade_with_an_id_of_its_own() -> None:
    """PROTOCOLS 1.4: recordings of others hold `aggTrade`; its fills are counted, and a wrong count is refused."""
    aggregate = b'{"data":{"e":"aggTrade","s":"A","a":7,"p":"2","q":"3","f":10,"l":12,"T":1,"m":false}}'
    found = rows("trades", aggregate)[0]
    assert (found["trade_id"], found["size"], found["side"], found["count"]) == ("7", "3", "buy", 3)
    with pytest.raises(ValueError, match="last fill"):
        rows("trades", aggregate.replace(b'"l":12', b'"l":9'))
