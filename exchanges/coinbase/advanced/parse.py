"""Coinbase Advanced Trade: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base asset (PROTOCOLS 1.7). Identities as in PROTOCOLS 1.4: the number of a frame on
its connection tells books and tickers, so those kinds are scoped to one connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter

from exchanges._exchange import Parser
from exchanges._sightings import saw
from exchanges._times import rfc3339_ns
from exchanges.coinbase.advanced.messages import (
    BookFrame,
    BookSnapshot,
    BookSnapshotFrame,
    BookUpdate,
    Level,
    QuoteFrame,
    Ticker,
    Trade,
    TradeFrame,
)
from schemas import Columns

_SIDE = {"bid": "bid", "offer": "ask"}  # PROTOCOLS 6.2.4, 6.2.6: never "ask" on the wire
_TAKER = {"BUY": "sell", "SELL": "buy"}  # PROTOCOLS 1.2: the wire has the maker's side
_product_of = attrgetter("product_id")


def _one_product(entries: Iterable[BookUpdate | BookSnapshot | Trade | Ticker]) -> None:
    """Raise ValueError unless all entries are of one product: others would become rows of its symbol."""
    if len(set(map(_product_of, entries))) > 1:
        raise ValueError("reading a frame: it holds more than one product")


def _append_trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    rows: list[tuple[int, Trade, bool]] = []
    counts = []
    for message in messages:
        own = [
            (int(trade.trade_id), trade, event.type == "snapshot") for event in message.events for trade in event.trades
        ]
        _one_product(trade for _, trade, _ in own)
        _note_order(own)
        # PROTOCOLS 6.2.4: newest first on the wire, rising in the table.
        rows += sorted(own, key=lambda row: row[0])
        counts.append(len(own))
    sizes = [trade.size for _, trade, _ in rows]
    columns.extend(
        frames,
        counts,
        {
            "exchange_ns": [rfc3339_ns(trade.time) for _, trade, _ in rows],
            "trade_id": [number for number, _, _ in rows],
            "price": [trade.price for _, trade, _ in rows],
            "size": sizes,
            "base_size": sizes,
            "side": [_TAKER[trade.side] for _, trade, _ in rows],
            "count": [1] * len(rows),
            "history": [history for _, _, history in rows],
        },
    )


def _note_order(rows: list[tuple[int, Trade, bool]]) -> None:
    if len(rows) > 1 and rows[0][0] < rows[-1][0]:
        saw("PROTOCOLS 6.2.4", "trades of an event are not newest first")


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    own = [[ticker for event in message.events for ticker in event.tickers] for message in messages]
    for tickers in own:
        _one_product(tickers)
    counts = [len(tickers) for tickers in own]
    rows = list(chain.from_iterable(own))
    times = [rfc3339_ns(message.timestamp) for message in messages]
    columns.extend(
        frames,
        counts,
        {
            # PROTOCOLS 1.5, 6.2.4: a ticker has no time but the envelope's.
            "exchange_ns": _repeat(times, counts),
            "bid_price": [row.bid_price or None for row in rows],
            "bid_size": [row.bid_size or None for row in rows],
            "ask_price": [row.ask_price or None for row in rows],
            "ask_size": [row.ask_size or None for row in rows],
            "update_id": _repeat([message.sequence_num for message in messages], counts),
        },
    )


def _repeat(values: Sequence[int], counts: Sequence[int]) -> list[int]:
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


def _append_deltas(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    _append_levels("book_deltas", [message.events for message in messages], frames, columns)


def _append_snapshots(messages: Sequence[BookSnapshotFrame], frames: Sequence[int], columns: Columns) -> None:
    _append_levels("book_snapshots", [message.events for message in messages], frames, columns)


def _append_levels(
    kind: str, books: Sequence[Sequence[BookUpdate | BookSnapshot]], frames: Sequence[int], columns: Columns
) -> None:
    own = []
    for events in books:
        _one_product(events)
        own.append(events[0].updates if len(events) == 1 else [level for event in events for level in event.updates])
    levels = list(chain.from_iterable(own))
    columns.extend(
        frames,
        [len(held) for held in own],
        {
            "kind": [kind] * len(own),
            "exchange_ns": [_changed_ns(held) for held in own],
            "side": [_SIDE[level.side] for level in levels],
            "price": [level.price for level in levels],
            "size": [level.size for level in levels],
            "level": list(chain.from_iterable(map(_ordinals, own))),
        },
    )


def _changed_ns(levels: Sequence[Level]) -> int | None:
    """Return the newest time of a frame's levels; the epoch stands for none (PROTOCOLS 6.2.4)."""
    newest = max((rfc3339_ns(text) for text in {level.event_time for level in levels}), default=0)
    return newest if newest > 0 else None


def _ordinals(levels: Sequence[Level]) -> list[int]:
    """Return the place of each level within its side, from 0, in the order they stand."""
    sides = [level.side for level in levels]
    bids = sides.count("bid")
    if "bid" not in sides[bids:]:  # the common form: bids first
        return [*range(bids), *range(len(sides) - bids)]
    places = {"bid": 0, "offer": 0}
    ordinals = []
    for side in sides:
        ordinals.append(places[side])
        places[side] += 1
    return ordinals


PARSERS = {
    # Ids are contiguous within a product: 279 of 279 on the recorded connection (PROTOCOLS 1.4).
    "trades": Parser("md.trades", "trades", TradeFrame, _append_trades, id_column="trade_id", contiguous=True),
    "quotes": Parser("md.quotes", "quotes", QuoteFrame, _append_quotes),
    "book": Parser("md.book", "book_deltas", BookFrame, _append_deltas),
    "book_snapshot": Parser("md.book", "book_snapshots", BookSnapshotFrame, _append_snapshots),
}
