"""Harbour: append decoded frames to the columns of their topic; no object per row. Harbour 3."""

from __future__ import annotations

from collections.abc import Sequence

from examples.harbour.messages import BookFrame, QuoteFrame, TradeFrame
from exchanges import Parser
from schemas import Columns

NS_PER_MS = 1_000_000


def _trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    sizes = [trade.qty for trade in messages]
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [trade.at * NS_PER_MS for trade in messages],
            "trade_id": [trade.id for trade in messages],
            "price": [trade.px for trade in messages],
            "size": sizes,
            "base_size": sizes,  # Harbour 3.1: sizes are in the base asset
            "side": [trade.taker for trade in messages],
            "count": [1] * len(messages),
        },
    )


def _quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [quote.at * NS_PER_MS for quote in messages],
            "bid_price": [quote.bid.price for quote in messages],
            "bid_size": [quote.bid.size for quote in messages],
            "ask_price": [quote.ask.price for quote in messages],
            "ask_size": [quote.ask.size for quote in messages],
            "update_id": [quote.seq for quote in messages],
        },
    )


def _deltas(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    numbers = [book.seq for book in messages]
    _levels(messages, frames, columns, {"first_update_id": numbers, "last_update_id": numbers})


def _snapshots(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    _levels(messages, frames, columns, {"last_update_id": [book.seq for book in messages]})


def _levels(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns, ids: dict[str, list[int]]) -> None:
    levels = [
        (side, place, level)
        for book in messages
        for side, half in (("bid", book.bids), ("ask", book.asks))
        for place, level in enumerate(half)
    ]
    columns.extend(
        frames,
        [len(book.bids) + len(book.asks) for book in messages],
        {
            "exchange_ns": [book.at * NS_PER_MS for book in messages],
            "side": [side for side, _, _ in levels],
            "price": [level.price for _, _, level in levels],
            "size": [level.size for _, _, level in levels],
            "level": [place for _, place, _ in levels],
            **ids,
        },
    )


PARSERS = {
    "trades": Parser("md.trades", "trades", TradeFrame, _trades, id_column="trade_id", contiguous=True),
    "quotes": Parser("md.quotes", "quotes", QuoteFrame, _quotes, id_column="update_id"),
    "book": Parser("md.book", "book_deltas", BookFrame, _deltas, id_column="last_update_id"),
    "book_snapshot": Parser(
        "md.book", "book_snapshots", BookFrame, _snapshots, id_column="last_update_id", ordered=False
    ),
}
