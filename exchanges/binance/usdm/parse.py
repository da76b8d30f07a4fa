"""Binance USD-M: append decoded frames to the columns of their topic; no object per row.

Every payload of a COIN-M contract gives no rows: it counts contracts (PROTOCOLS 3.1). Sizes are in
the base asset (PROTOCOLS 1.7). A frame's time is the matching time `T` where it has one (1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, compress
from typing import Protocol, TypeVar

from exchanges._exchange import Parser
from exchanges.binance._columns import level_columns
from exchanges.binance._messages import NS_PER_MS, Level
from exchanges.binance._route import COIN_MARGINED
from exchanges.binance.usdm.messages import (
    FROM_THE_BOOK,
    AggTrade,
    AggTradeEntry,
    BookFrame,
    BookSnapshot,
    DepthUpdate,
    FundingFrame,
    LiquidationFrame,
    QuoteFrame,
    Trade,
    TradeFrame,
)
from schemas import Columns

_SIDE = {"SELL": "sell", "BUY": "buy"}
_POSITION = {"SELL": "long", "BUY": "short"}  # PROTOCOLS 1.3: the order closes the position


class _Event(Protocol):
    @property
    def product(self) -> int: ...


_E = TypeVar("_E", bound=_Event)


def _usd_margined(events: list[_E]) -> tuple[list[_E], list[int]]:
    """Return the events that are rows, and one count per event given."""
    counts = [int(event.product != COIN_MARGINED) for event in events]
    return (list(compress(events, counts)) if 0 in counts else events), counts


def _flat(datas: list[_E | list[_E]]) -> tuple[list[_E], list[int]]:
    """Return the events that are rows, and their count per message; a message may hold a list."""
    if not any(isinstance(data, list) for data in datas):
        return _usd_margined([data for data in datas if not isinstance(data, list)])
    kept = [_usd_margined(data if isinstance(data, list) else [data])[0] for data in datas]
    return list(chain.from_iterable(kept)), [len(events) for events in kept]


def _append_trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    events = [message.data for message in messages]
    # PROTOCOLS 3.3: insurance fund, ADL and NA rows are no trades.
    counts = [int(event.origin == FROM_THE_BOOK and event.product != COIN_MARGINED) for event in events]
    _trade_rows(list(compress(events, counts)) if 0 in counts else events, counts, frames, columns)


def _append_fill(messages: Sequence[AggTradeEntry], frames: Sequence[int], columns: Columns) -> None:
    _trade_rows(messages, [1] * len(messages), frames, columns)


def _trade_rows(
    rows: Sequence[AggTrade | Trade | AggTradeEntry], counts: list[int], frames: Sequence[int], columns: Columns
) -> None:
    fills = [row.last_fill - row.first_fill + 1 for row in rows]
    if fills and min(fills) < 1:
        raise ValueError("reading an aggregate trade: its last fill is before its first")
    sizes = [row.size for row in rows]
    columns.extend(
        frames,
        counts,
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


def unlisted_trade_id(message: TradeFrame) -> int | None:
    """Return the id of a fill that is no row, so that its id is not taken for a missing one."""
    event = message.data
    return None if event.origin == FROM_THE_BOOK or event.product == COIN_MARGINED else event.id


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    rows, counts = _usd_margined([message.data for message in messages])
    columns.extend(
        frames,
        counts,
        {
            "exchange_ns": [row.changed_ms * NS_PER_MS for row in rows],
            "bid_price": [row.bid_price for row in rows],
            "bid_size": [row.bid_size for row in rows],
            "ask_price": [row.ask_price for row in rows],
            "ask_size": [row.ask_size for row in rows],
            "update_id": [row.update_id for row in rows],
        },
    )


def _append_deltas(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    events = [message.data for message in messages]
    books = [_own_levels(event) for event in events]
    columns.extend(
        frames,
        [len(bids) + len(asks) for bids, asks in books],
        {
            "kind": ["book_deltas"] * len(events),
            "exchange_ns": [event.changed_ms * NS_PER_MS for event in events],
            "first_update_id": [event.first_id for event in events],
            "last_update_id": [event.last_id for event in events],
            "prev_update_id": [event.prev_id for event in events],
            **level_columns(books),
        },
    )


def _own_levels(event: DepthUpdate) -> tuple[Sequence[Level], Sequence[Level]]:
    return ((), ()) if event.product == COIN_MARGINED else (event.bids, event.asks)


def _append_snapshots(messages: Sequence[BookSnapshot], frames: Sequence[int], columns: Columns) -> None:
    times = [message.changed_ms for message in messages]
    columns.extend(
        frames,
        [len(message.bids) + len(message.asks) for message in messages],
        {
            "kind": ["book_snapshots"] * len(messages),
            "exchange_ns": [None if ms is None else ms * NS_PER_MS for ms in times],
            "last_update_id": [message.last_id for message in messages],
            **level_columns([(message.bids, message.asks) for message in messages]),
        },
    )


def _append_funding(messages: Sequence[FundingFrame], frames: Sequence[int], columns: Columns) -> None:
    rows, counts = _flat([message.data for message in messages])
    columns.extend(
        frames,
        counts,
        {
            "exchange_ns": [row.sent_ms * NS_PER_MS for row in rows],
            "mark_price": [row.mark_price for row in rows],
            "index_price": [row.index_price for row in rows],
            # Kept as sent; it means something only in the last hour before a settlement (PROTOCOLS 3.3).
            "settle_price": [row.settle_price for row in rows],
            # A dated future pays no funding: it sends "" and 0 (PROTOCOLS 3.3, 3.5).
            "funding_rate": [row.funding_rate or None for row in rows],
            "next_funding_ns": [row.next_funding_ms * NS_PER_MS or None for row in rows],
        },
    )


def _append_liquidations(messages: Sequence[LiquidationFrame], frames: Sequence[int], columns: Columns) -> None:
    events, counts = _flat([message.data for message in messages])
    orders = [event.order for event in events]
    sizes = [order.size for order in orders]
    columns.extend(
        frames,
        counts,
        {
            "exchange_ns": [order.traded_ms * NS_PER_MS for order in orders],
            "price": [order.price for order in orders],
            "average_price": [order.average_price for order in orders],
            "size": sizes,
            "filled_size": [order.filled_size for order in orders],
            "base_size": sizes,
            "side": [_SIDE[order.side] for order in orders],
            "position": [_POSITION[order.side] for order in orders],
        },
    )


# Identities as in PROTOCOLS 1.4.
PARSERS = {
    "trades": Parser(
        "md.trades",
        "trades",
        TradeFrame,
        _append_trades,
        id_column="trade_id",
        contiguous=True,
        unlisted_id=unlisted_trade_id,
    ),
    "trades_backfill": Parser(
        "md.trades", "trades", AggTradeEntry, _append_fill, id_column="trade_id", contiguous=True, stream="trades"
    ),
    "quotes": Parser("md.quotes", "quotes", QuoteFrame, _append_quotes, id_column="update_id"),
    "book": Parser("md.book", "book_deltas", BookFrame, _append_deltas, id_column="last_update_id"),
    "book_snapshot": Parser(
        "md.book", "book_snapshots", BookSnapshot, _append_snapshots, id_column="last_update_id", ordered=False
    ),
    "funding": Parser("md.funding", "funding", FundingFrame, _append_funding, composite_id=("exchange_ns",)),
    "liquidations": Parser(
        "md.liquidations",
        "liquidations",
        LiquidationFrame,
        _append_liquidations,
        composite_id=("exchange_ns", "side", "size", "price", "average_price", "filled_size"),
    ),
}
