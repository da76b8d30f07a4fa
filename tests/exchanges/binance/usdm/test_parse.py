"""Rows of Binance USD-M frames, beyond what the golden files show."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.binance.usdm.messages import TradeFrame
from exchanges.binance.usdm.parse import PARSERS, unlisted_trade_id
from schemas import Columns, topic_of

AGGREGATE: dict[str, Any] = {
    "e": "aggTrade",
    "a": 1,
    "p": "60000.1",
    "q": "2",
    "f": 5,
    "l": 7,
    "T": 1790000000150,
    "m": False,
}
FILL: dict[str, Any] = {"e": "trade", "t": 5, "p": "60000.1", "q": "2", "T": 1790000000150, "m": True}
PAYLOADS: dict[str, dict[str, Any]] = {
    "trades": AGGREGATE,
    "quotes": {"e": "bookTicker", "u": 1, "T": 2, "b": "1", "B": "2", "a": "3", "A": "4"},
    "book": {"e": "depthUpdate", "T": 2, "U": 5, "u": 7, "pu": 4, "b": [["1", "2"]], "a": [["3", "0"], ["4", "5"]]},
    "funding": {"e": "markPriceUpdate", "E": 1, "p": "1", "i": "2", "P": "3", "r": "0.1", "T": 4},
    "liquidations": {"e": "forceOrder", "o": {"S": "BUY", "q": "1", "p": "2", "ap": "3", "z": "1", "T": 4}},
}
PER_FRAME = {"kind", "exchange_ns", "first_update_id", "last_update_id", "prev_update_id"}


def append(kind: str, *payloads: dict[str, Any]) -> Columns:
    """Decode payloads in the venue's envelope and append them as frames 10, 11, …."""
    parser = PARSERS[kind]
    frames = [{"stream": "btcusdt@x", "data": payload} for payload in payloads]
    columns = Columns(topic_of(parser.record))
    messages = msgspec.json.decode(msgspec.json.encode(frames), type=list[parser.message])
    parser.append(messages, range(10, 10 + len(frames)), columns)
    return columns


@pytest.mark.parametrize("kind", PAYLOADS)
def test_coin_margined_payloads_are_no_rows(kind: str) -> None:
    """A payload with `st` 2 counts contracts: its frame is kept and has no rows (PROTOCOLS 3.1)."""
    usd, coin = {**PAYLOADS[kind], "st": 1}, {**PAYLOADS[kind], "st": 2}
    columns = append(kind, coin, usd, coin)
    alone = append(kind, usd)
    assert columns.frames == [10, 11, 12]
    assert columns.counts == [0, alone.rows, 0]
    per_row = {name: column for name, column in columns.values.items() if kind != "book" or name not in PER_FRAME}
    assert per_row == {name: alone.values[name] for name in per_row}
    assert not columns.build()[1]


@pytest.mark.parametrize("origin", ["INSURANCE_FUND", "ADL", "NA", "", "market"])
def test_only_fills_of_the_book_are_trades(origin: str) -> None:
    """A fill of another origin is no row, and its id is not a missing one (PROTOCOLS 3.3)."""
    columns = append("trades", FILL, {**FILL, "t": 6, "p": "0", "q": "0", "X": origin}, {**FILL, "t": 7, "X": "MARKET"})
    assert columns.counts == [1, 0, 1]
    assert columns.values["trade_id"] == [5, 7]
    types = list[TradeFrame]
    messages = msgspec.json.decode(msgspec.json.encode([{"data": FILL}, {"data": {**FILL, "X": origin}}]), type=types)
    assert [unlisted_trade_id(message) for message in messages] == [None, 5]


def test_aggregates_and_single_fills_share_a_batch() -> None:
    """Both events fill the same columns; a single fill counts one."""
    columns = append("trades", FILL, AGGREGATE)
    assert columns.values["count"] == [1, 3]
    assert columns.values["side"] == ["sell", "buy"]


def test_an_impossible_aggregate_is_refused() -> None:
    """An aggregate whose last fill precedes its first is an error and appends nothing."""
    columns = Columns(topic_of("trades"))
    messages = msgspec.json.decode(
        msgspec.json.encode([{"data": {**AGGREGATE, "f": 7, "l": 5}}]), type=list[TradeFrame]
    )
    with pytest.raises(ValueError, match="last fill"):
        PARSERS["trades"].append(messages, [0], columns)
    assert (columns.frames, columns.rows, columns.values["price"]) == ([], 0, [])


def test_an_impossible_aggregate_of_another_product_is_no_error() -> None:
    """What is no row is not judged."""
    assert append("trades", {**AGGREGATE, "f": 7, "l": 5, "st": 2}).counts == [0]


def test_deletions_and_repeated_levels_are_rows() -> None:
    """A size of 0 deletes and is kept; a price that occurs twice in a frame is two rows (PROTOCOLS 3.4.7)."""
    columns = append("book", {**PAYLOADS["book"], "b": [["1", "0"], ["1", "0.000"], ["1", "9"]], "a": []})
    assert columns.values["size"] == ["0", "0.000", "9"]
    assert columns.values["level"] == [0, 1, 2]
    batch, bad = columns.build()
    assert not bad
    assert [str(size) for size in batch.column("size").to_pylist()][1] == "0E-18"


def test_a_bad_cell_names_its_frame() -> None:
    """One level that is no number spoils its own frame and no other."""
    payload = PAYLOADS["book"]
    _, bad = append("book", payload, {**payload, "a": [["3", "0"], ["4", "1_000"]]}, payload).build()
    assert [(cell.frame, cell.column, cell.value) for cell in bad] == [(11, "size", "1_000")]


def test_a_dated_future_pays_no_funding() -> None:
    """An empty rate and a next payment at 0 are null, a rate of zero is zero (PROTOCOLS 3.5)."""
    payload = PAYLOADS["funding"]
    columns = append("funding", {**payload, "r": "", "T": 0}, {**payload, "r": "0.00000000"})
    assert columns.values["funding_rate"] == [None, "0.00000000"]
    assert columns.values["next_funding_ns"] == [None, 4_000_000]


@pytest.mark.parametrize(("side", "row", "position"), [("SELL", "sell", "long"), ("BUY", "buy", "short")])
def test_the_closing_order_tells_the_position(side: str, row: str, position: str) -> None:
    """An order that sells closes a long (PROTOCOLS 1.3)."""
    payload = PAYLOADS["liquidations"]
    columns = append("liquidations", {**payload, "o": {**payload["o"], "S": side}})
    assert (columns.values["side"], columns.values["position"]) == ([row], [position])


def test_identities_are_those_of_the_protocol() -> None:
    """Dedupe keys are PROTOCOLS 1.4; only trade ids have no holes."""
    keys = {kind: parser.id_column or parser.composite_id for kind, parser in PARSERS.items()}
    assert keys == {
        "trades": "trade_id",
        "trades_backfill": "trade_id",
        "quotes": "update_id",
        "book": "last_update_id",
        "book_snapshot": "last_update_id",
        "funding": ("exchange_ns",),
        "liquidations": ("exchange_ns", "side", "size", "price", "average_price", "filled_size"),
    }
    assert [kind for kind, parser in PARSERS.items() if parser.contiguous] == ["trades", "trades_backfill"]
