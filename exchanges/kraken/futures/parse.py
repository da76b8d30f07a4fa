"""Kraken Futures: append decoded frames to the columns of their topic; no object per row.

Sizes are as sent: contracts of 1 USD for PI and FI, the base asset for PF and FF (PROTOCOLS 1.7); what
one is worth stands in the instrument's definition. Numbers go on as the text they were sent as.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from exchanges._exchange import Parser
from exchanges._sightings import saw
from exchanges.kraken.futures.messages import (
    LIQUIDATION,
    BookDelta,
    BookSnapshot,
    Fill,
    Level,
    Ticker,
    TickerLite,
    Trade,
    TradeSnapshot,
)
from schemas import Columns

NS_PER_MS = 1_000_000

_BOOK_SIDE = {"buy": "bid", "sell": "ask"}
_POSITION = {"sell": "long", "buy": "short"}  # PROTOCOLS 1.3: the taker's order closes the position
_NONE = frozenset({"", "null"})
_NOTHING = "0"


def _text(number: msgspec.Raw) -> str:
    return str(number, "utf-8")


def _optional(number: msgspec.Raw) -> str | None:
    text = str(number, "utf-8")
    return None if text in _NONE else text


def _level_size(number: msgspec.Raw) -> str:
    """Return the size of a level; PROTOCOLS 7.2.4: whatever is not above 0 deletes it."""
    text = str(number, "utf-8")
    return _NOTHING if text.startswith("-") else text


def _id(fill: Fill) -> str:
    # PROTOCOLS 1.4: `uid`, which older data lacks, else `seq`.
    if fill.uid:
        return fill.uid
    if fill.seq is None:
        raise ValueError("reading a trade: it has neither uid nor seq")
    return str(fill.seq)


def _in_time(fills: list[Fill]) -> list[Fill]:
    """Return the fills of a snapshot in rising time order; PROTOCOLS 7.2.3 (!): they come newest first."""
    if len(fills) > 1 and fills[0].traded_ms < fills[-1].traded_ms:
        saw("PROTOCOLS 7.2.3 (!)", "a trade_snapshot is not sent newest first")
        return sorted(fills, key=lambda fill: fill.traded_ms)
    oldest_first = fills[::-1]
    oldest_first.sort(key=lambda fill: fill.traded_ms)  # stable: fills of one moment keep their order
    return oldest_first


def _append_trades(messages: Sequence[Trade | TradeSnapshot], frames: Sequence[int], columns: Columns) -> None:
    fills = [_in_time(one.trades) if isinstance(one, TradeSnapshot) else [one] for one in messages]
    rows: list[Fill] = list(chain.from_iterable(fills))
    columns.extend(
        frames,
        [len(own) for own in fills],
        {
            "exchange_ns": [row.traded_ms * NS_PER_MS for row in rows],
            "trade_id": [_id(row) for row in rows],
            "price": [_text(row.price) for row in rows],
            "size": [_text(row.size) for row in rows],
            "side": [row.side for row in rows],  # PROTOCOLS 1.2: the taker's already
            "count": [1] * len(rows),
            "history": [isinstance(one, TradeSnapshot) for one, own in zip(messages, fills, strict=True) for _ in own],
        },
    )


def _append_liquidations(messages: Sequence[Trade], frames: Sequence[int], columns: Columns) -> None:
    rows = [one for one in messages if one.type == LIQUIDATION]
    columns.extend(
        frames,
        [int(one.type == LIQUIDATION) for one in messages],
        {
            "exchange_ns": [row.traded_ms * NS_PER_MS for row in rows],
            "liquidation_id": [_id(row) for row in rows],
            "price": [_text(row.price) for row in rows],
            "size": [_text(row.size) for row in rows],
            "side": [row.side for row in rows],
            "position": [_POSITION[row.side] for row in rows],
        },
    )


def _append_quotes(messages: Sequence[Ticker | TickerLite], frames: Sequence[int], columns: Columns) -> None:
    times = [one.sent_ms * NS_PER_MS if isinstance(one, Ticker) else None for one in messages]
    columns.extend(
        frames,
        # Identical frames of ticker_lite follow each other: each is a row.
        [1] * len(messages),
        {
            "exchange_ns": times,
            "bid_price": [_optional(one.bid_price) for one in messages],
            "bid_size": [_optional(one.bid_size) if isinstance(one, Ticker) else None for one in messages],
            "ask_price": [_optional(one.ask_price) for one in messages],
            "ask_size": [_optional(one.ask_size) if isinstance(one, Ticker) else None for one in messages],
        },
    )


def _append_funding(messages: Sequence[Ticker], frames: Sequence[int], columns: Columns) -> None:
    rates = [_rate(one) for one in messages]
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [one.sent_ms * NS_PER_MS for one in messages],
            "mark_price": [_optional(one.mark_price) for one in messages],
            "index_price": [_optional(one.index_price) for one in messages],
            "funding_rate": rates,
            # PROTOCOLS 7.2.3: epoch ms, and 0 stands for none.
            "next_funding_ns": [one.next_funding_ms * NS_PER_MS or None for one in messages],
            # PROTOCOLS 7.2.5: funding is per hour; dated futures pay none.
            "interval_hours": [
                None if rate is None and not one.next_funding_ms else 1
                for one, rate in zip(messages, rates, strict=True)
            ],
            "open_interest": [_optional(one.open_interest) for one in messages],
        },
    )


def _rate(ticker: Ticker) -> str | None:
    """Return the relative rate, a fraction (PROTOCOLS 7.2.5); one that is zero is left out by the venue (7.2.3)."""
    rate = _optional(ticker.funding_rate)
    if rate is None and ticker.next_funding_ms and _optional(ticker.absolute_rate) is None:
        return _NOTHING
    return rate


def _append_deltas(messages: Sequence[BookDelta], frames: Sequence[int], columns: Columns) -> None:
    numbers = [one.seq for one in messages]
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "kind": ["book_deltas"] * len(messages),
            "exchange_ns": [one.changed_ms * NS_PER_MS for one in messages],
            "first_update_id": numbers,
            "last_update_id": numbers,
            "side": [_BOOK_SIDE[one.side] for one in messages],
            "price": [_text(one.price) for one in messages],
            "size": [_level_size(one.size) for one in messages],
            "level": [0] * len(messages),
        },
    )


def _append_snapshots(messages: Sequence[BookSnapshot], frames: Sequence[int], columns: Columns) -> None:
    levels: list[Level] = []
    sides: list[str] = []
    ordinals: list[int] = []
    for one in messages:
        levels += one.bids
        levels += one.asks
        sides += ["bid"] * len(one.bids)
        sides += ["ask"] * len(one.asks)
        ordinals += range(len(one.bids))
        ordinals += range(len(one.asks))
    columns.extend(
        frames,
        [len(one.bids) + len(one.asks) for one in messages],
        {
            "kind": ["book_snapshots"] * len(messages),
            "exchange_ns": [one.changed_ms * NS_PER_MS for one in messages],
            "last_update_id": [one.seq for one in messages],
            "side": sides,
            "price": [_text(level.price) for level in levels],
            # PROTOCOLS 7.2.4: levels without quantity may be listed; they are rows that delete.
            "size": [_level_size(level.size) for level in levels],
            "level": ordinals,
        },
    )


# PROTOCOLS 1.4. Quotes and funding have no id; of them, and of books, one connection counts.
PARSERS = {
    "trades": Parser("md.trades", "trades", Trade | TradeSnapshot, _append_trades, id_column="trade_id", ordered=False),
    "liquidations": Parser(
        "md.liquidations", "liquidations", Trade, _append_liquidations, id_column="liquidation_id", ordered=False
    ),
    "quotes": Parser("md.quotes", "quotes", Ticker | TickerLite, _append_quotes),
    "funding": Parser("md.funding", "funding", Ticker, _append_funding),
    "book": Parser("md.book", "book_deltas", BookDelta, _append_deltas, id_column="last_update_id"),
    "book_snapshot": Parser(
        "md.book", "book_snapshots", BookSnapshot, _append_snapshots, id_column="last_update_id", ordered=False
    ),
}
