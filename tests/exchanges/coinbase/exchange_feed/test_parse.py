"""Rows of Exchange feed frames, beyond what the golden files show. Traps of PROTOCOLS 6.1.6 and 1.2."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.coinbase.exchange_feed.parse import PARSERS
from schemas import Columns, topic_of

TRADE: dict[str, Any] = {
    "trade_id": 5,
    "price": "60000.1",
    "size": "0.5",
    "side": "sell",
    "time": "2026-09-21T14:13:20Z",
}
UPDATE: dict[str, Any] = {"type": "l2update", "changes": [["buy", "1", "2"]]}
SNAPSHOT: dict[str, Any] = {"type": "snapshot", "bids": [["1", "2"]], "asks": []}


def append(kind: str, *frames: dict[str, Any]) -> Columns:
    """Decode frames and append them as frames 10, 11, …."""
    parser = PARSERS[kind]
    columns = Columns(topic_of(parser.record))
    messages = msgspec.json.decode(msgspec.json.encode(frames), type=list[parser.message])
    parser.append(messages, range(10, 10 + len(frames)), columns)
    return columns


@pytest.mark.parametrize(("maker", "taker"), [("sell", "buy"), ("buy", "sell")])
@pytest.mark.parametrize("kind", ["trades", "trades_backfill"])
def test_the_wire_has_the_makers_side(kind: str, maker: str, taker: str) -> None:
    """Feed and REST both send the maker's side (PROTOCOLS 1.2)."""
    assert append(kind, {"type": "match", **TRADE, "side": maker}).values["side"] == [taker]


def test_a_repeated_match_is_history() -> None:
    """What the venue repeats after every reconnect is marked; its id tells the repeat (PROTOCOLS 6.1.4)."""
    columns = append("trades", {"type": "last_match", **TRADE}, {"type": "match", **TRADE, "trade_id": 6})
    assert columns.values["history"] == [True, False]
    assert PARSERS["trades"].contiguous
    assert PARSERS["trades_backfill"].contiguous


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ({"time": "0001-01-01T00:00:00Z"}, None),
        ({"time": "0001-01-01T00:00:00.000000Z"}, None),
        ({"time": "1970-01-01T00:00:00Z"}, None),
        ({"time": ""}, None),
        ({"time": None}, None),
        ({}, None),
        ({"time": "2026-09-21T14:13:20.05Z"}, 1_790_000_000_050_000_000),
    ],
)
def test_the_year_1_is_no_time(time: dict[str, Any], wanted: int | None) -> None:
    """A book frame with a senseless time, or none, has no exchange time (PROTOCOLS 6.1.6)."""
    assert append("book", {**UPDATE, **time}).values["exchange_ns"] == [wanted]
    assert append("book_snapshot", {**SNAPSHOT, **time}).values["exchange_ns"] == [wanted]


@pytest.mark.parametrize("text", ["NaN", "-1", "-0", "Infinity", ""])
def test_senseless_sizes_spoil_their_frame(text: str) -> None:
    """A size that is no number, or negative, makes a dead letter of its frame and of no other (PROTOCOLS 6.1.6)."""
    _, bad = append("book", UPDATE, {**UPDATE, "changes": [["buy", "1", text]]}, UPDATE).build()
    assert [(cell.frame, cell.column) for cell in bad] == [(11, "size")]


def test_buy_is_the_bid_side() -> None:
    """Changes keep their order and are counted within their side (PROTOCOLS 6.1.4)."""
    columns = append("book", {**UPDATE, "changes": [["sell", "3", "1"], ["buy", "1", "0.00"], ["sell", "4", "1"]]})
    assert columns.values["side"] == ["ask", "bid", "ask"]
    assert columns.values["level"] == [0, 0, 1]


def test_identities_are_those_of_the_protocol() -> None:
    """Trades and tickers have ids of the product; the book has none (PROTOCOLS 1.4)."""
    assert {kind: parser.id_column for kind, parser in PARSERS.items()} == {
        "trades": "trade_id",
        "quotes": "update_id",
        "book": "",
        "book_snapshot": "",
        "trades_backfill": "trade_id",
    }
    assert PARSERS["trades_backfill"].stream == "trades"
