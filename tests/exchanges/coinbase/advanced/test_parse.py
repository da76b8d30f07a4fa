"""Rows of Advanced Trade frames, beyond what the golden files show. Traps of PROTOCOLS 6.2.6 and 1.2."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges import drain
from exchanges.coinbase.advanced.parse import PARSERS
from schemas import Columns, topic_of


def append(kind: str, *frames: dict[str, Any]) -> Columns:
    """Decode frames and append them as frames 10, 11, …."""
    parser = PARSERS[kind]
    columns = Columns(topic_of(parser.record))
    messages = msgspec.json.decode(msgspec.json.encode(frames), type=list[parser.message])
    parser.append(messages, range(10, 10 + len(frames)), columns)
    return columns


def trade(number: int, **more: str) -> dict[str, str]:
    """Make a trade."""
    plain = {"product_id": "BTC-USD", "price": "60000.1", "size": "0.5", "side": "SELL", "time": "2026-09-21T14:13:20Z"}
    return {**plain, "trade_id": str(number), **more}


def trades(*events: tuple[str, list[dict[str, str]]]) -> dict[str, Any]:
    """Make a frame of trades."""
    return {
        "channel": "market_trades",
        "sequence_num": 1,
        "events": [{"type": kind, "trades": rows} for kind, rows in events],
    }


def level(side: str, price: str, at: str = "2026-09-21T14:13:20Z") -> dict[str, str]:
    """Make a level."""
    return {"side": side, "event_time": at, "price_level": price, "new_quantity": "2"}


def book(kind: str, *levels: dict[str, str], product: str = "BTC-USD") -> dict[str, Any]:
    """Make a frame of the book."""
    event = {"type": kind, "product_id": product, "updates": list(levels)}
    return {"channel": "l2_data", "sequence_num": 1, "events": [event]}


@pytest.mark.parametrize(("maker", "taker"), [("SELL", "buy"), ("BUY", "sell")])
def test_the_wire_has_the_makers_side(maker: str, taker: str) -> None:
    """A print at the ask, made by a resting sell order, is a taker's buy (PROTOCOLS 1.2, 8.4)."""
    assert append("trades", trades(("update", [trade(5, side=maker)]))).values["side"] == [taker]


def test_trades_rise_within_a_frame() -> None:
    """Newest first on the wire, oldest first in the table, over all events of a frame (PROTOCOLS 6.2.4)."""
    columns = append(
        "trades",
        trades(("snapshot", [trade(3), trade(2), trade(1)]), ("update", [trade(5), trade(4)])),
        trades(("update", [trade(6)])),
    )
    assert columns.values["trade_id"] == [1, 2, 3, 4, 5, 6]
    assert columns.values["history"] == [True, True, True, False, False, False]
    assert columns.counts == [5, 1]


def test_an_order_of_another_kind_is_noticed_once() -> None:
    """Trades that come oldest first still rise, and the broken rule is told (PROTOCOLS 6.2.4)."""
    drain()
    for _ in range(2):
        assert append("trades", trades(("update", [trade(4), trade(5)]))).values["trade_id"] == [4, 5]
    assert append("trades", trades(("update", [trade(7), trade(6)]))).values["trade_id"] == [6, 7]
    assert drain() in ([], [("PROTOCOLS 6.2.4", "trades of an event are not newest first")])


def test_offers_are_asks() -> None:
    """`offer` is the ask side: a reader that looks for "ask" has an empty one (PROTOCOLS 6.2.6)."""
    columns = append("book_snapshot", book("snapshot", level("bid", "1"), level("offer", "2"), level("offer", "3")))
    assert columns.values["side"] == ["bid", "ask", "ask"]
    assert columns.values["level"] == [0, 0, 1]


def test_sides_may_be_mixed() -> None:
    """Levels keep the order they came in and are counted within their side."""
    columns = append("book", book("update", level("offer", "2"), level("bid", "1"), level("offer", "3")))
    assert columns.values["side"] == ["ask", "bid", "ask"]
    assert columns.values["level"] == [0, 0, 1]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"], None),
        (["0001-01-01T00:00:00Z"], None),
        (["1970-01-01T00:00:00Z", "2026-09-21T14:13:20Z"], 1_790_000_000_000_000_000),
        (["2026-09-21T14:13:20.16Z", "2026-09-21T14:13:20.1599Z"], 1_790_000_000_160_000_000),
        ([], None),
    ],
)
def test_the_epoch_is_no_time(times: list[str], wanted: int | None) -> None:
    """A snapshot's event time may be 1970: its exchange time is absent, not that (PROTOCOLS 6.2.4)."""
    for kind, event in (("book_snapshot", "snapshot"), ("book", "update")):
        columns = append(kind, book(event, *(level("bid", "1", at) for at in times)))
        assert columns.values["exchange_ns"] == [wanted]


def test_two_products_in_one_frame_are_refused() -> None:
    """What was not parted is no row: nothing of another product may stand under this symbol."""
    ticker = {"best_bid": "1", "best_bid_quantity": "2", "best_ask": "3", "best_ask_quantity": "4"}
    events = [book("update", level("bid", "1"), product=one)["events"][0] for one in ("BTC-USD", "ETH-USD")]
    tickers = [{**ticker, "product_id": one} for one in ("BTC-USD", "ETH-USD")]
    frames: dict[str, dict[str, Any]] = {
        "trades": trades(("update", [trade(2), trade(1, product_id="ETH-USD")])),
        "book": {"channel": "l2_data", "sequence_num": 1, "events": events},
        "quotes": {
            "channel": "ticker",
            "timestamp": "2026-09-21T14:13:20Z",
            "sequence_num": 1,
            "events": [{"type": "update", "tickers": tickers}],
        },
    }
    for kind, sent in frames.items():
        with pytest.raises(ValueError, match="more than one product"):
            append(kind, sent)


def test_a_frame_without_entries_has_no_rows() -> None:
    """An empty event is read and counted as no rows."""
    assert append("trades", trades(("snapshot", []))).counts == [0]
    assert append("book", book("update")).counts == [0]


def test_identities_are_those_of_the_protocol() -> None:
    """Trades have contiguous ids; nothing else has one that holds beyond its connection (PROTOCOLS 1.4)."""
    assert {kind: parser.id_column for kind, parser in PARSERS.items()} == {
        "trades": "trade_id",
        "quotes": "",
        "book": "",
        "book_snapshot": "",
    }
    assert PARSERS["trades"].contiguous
