"""Binance spot: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base asset (PROTOCOLS 1.7). Quotes and REST books have no time of the venue (1.5).
"""

from __future__ import annotations

from collections.abc import Sequence

from exchanges._exchange import Parser
from exchanges.binance._columns import level_columns
from exchanges.binance._messages import NS_PER_MS
from exchanges.binance._sequence import EMPTY
from exchanges.binance.spot.messages import (
    AggTrade,
    BookFrame,
    BookSnapshot,
    OldTrade,
    QuoteFrame,
    Trade,
    TradeFrame,
)
from schemas import Columns


def _append_trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    _trade_rows([message.data for message in messages], frames, columns)


def _append_fill(messages: Sequence[OldTrade], frames: Sequence[int], columns: Columns) -> None:
    _trade_rows(messages, frames, columns)


def _trade_rows(rows: Sequence[Trade | AggTrade | OldTrade], frames: Sequence[int], columns: Columns) -> None:
    fills = [row.last_fill - row.first_fill + 1 for row in rows]
    if fills and min(fills) < 1:
        raise ValueError("reading an aggregate trade: its last fill is before its first")
    sizes = [row.size for row in rows]
    columns.extend(
        frames,
        [1] * len(rows),
        {
            "exchange_ns": [row.traded_ms * NS_PER_MS for row in rows],
            "trade_id": [row.id for row in rows],
            "price": [row.price for row in rows],
            "size": sizes,
            "base_size": sizes,
            "side": ["sell" if row.buyer_is_maker else "buy" for row in rows],  # PROTOCOLS 1.2
            "count": fills,
        },
    )


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    rows = [message.data for message in messages]
    columns.extend(
        frames,
        [1] * len(rows),
        {
            "bid_price": [row.bid_price for row in rows],
            "bid_size": [row.bid_size for row in rows],
            "ask_price": [row.ask_price for row in rows],
            "ask_size": [row.ask_size for row in rows],
            "update_id": [row.update_id for row in rows],
        },
    )


def _append_deltas(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    events = [message.data for message in messages]
    columns.extend(
        frames,
        [len(event.bids) + len(event.asks) for event in events],
        {
            "kind": ["book_deltas"] * len(events),
            "exchange_ns": [event.sent_ms * NS_PER_MS for event in events],
            "first_update_id": [event.first_id for event in events],
            "last_update_id": [event.last_id for event in events],
            **level_columns([(event.bids, event.asks) for event in events]),
        },
    )


def _append_snapshots(messages: Sequence[BookSnapshot], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [len(message.bids) + len(message.asks) for message in messages],
        {
            "kind": ["book_snapshots"] * len(messages),
            "last_update_id": [None if message.last_id == EMPTY else message.last_id for message in messages],
            **level_columns([(message.bids, message.asks) for message in messages]),
        },
    )


# Identities as in PROTOCOLS 1.4.
PARSERS = {
    "trades": Parser("md.trades", "trades", TradeFrame, _append_trades, id_column="trade_id", contiguous=True),
    "trades_backfill": Parser(
        "md.trades", "trades", OldTrade, _append_fill, id_column="trade_id", contiguous=True, stream="trades"
    ),
    "quotes": Parser("md.quotes", "quotes", QuoteFrame, _append_quotes, id_column="update_id"),
    "book": Parser("md.book", "book_deltas", BookFrame, _append_deltas, id_column="last_update_id"),
    "book_snapshot": Parser(
        "md.book", "book_snapshots", BookSnapshot, _append_snapshots, id_column="last_update_id", ordered=False
    ),
}
