"""Kraken spot: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base asset (PROTOCOLS 1.7). Numbers go on as the text they were sent as.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from exchanges._exchange import Parser
from exchanges._times import NS_PER_S, rfc3339_ns
from exchanges.kraken.spot.messages import (
    BookSnapshot,
    BookUpdate,
    Level,
    QuoteFrame,
    RestTrade,
    TradeFrame,
)
from schemas import Columns


def _text(number: msgspec.Raw) -> str:
    return str(number, "utf-8")


def _time_ns(text: str | None) -> int | None:
    """Return a frame's time; PROTOCOLS 7.1.4: some have none, and epoch 0 stands for none."""
    return (rfc3339_ns(text) or None) if text else None


def _one_symbol(symbols: Iterable[str]) -> None:
    # Routing looked at the frame's bytes only; a frame of two symbols has to be cut first.
    if len(set(symbols)) > 1:
        raise ValueError("reading a frame of Kraken spot: it holds several symbols")


def _append_trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    for message in messages:
        if len(message.data) > 1:
            _one_symbol(trade.symbol for trade in message.data)
    rows = list(chain.from_iterable(message.data for message in messages))
    sizes = [_text(row.size) for row in rows]
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": [_time_ns(row.timestamp) for row in rows],
            "trade_id": [row.id for row in rows],
            "price": [_text(row.price) for row in rows],
            "size": sizes,
            "base_size": sizes,
            "side": [row.side for row in rows],  # PROTOCOLS 1.2: the taker's already
            "count": [1] * len(rows),
            "history": [message.type == "snapshot" for message in messages for _ in message.data],
        },
    )


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    for message in messages:
        if len(message.data) > 1:
            _one_symbol(ticker.symbol for ticker in message.data)
    rows = list(chain.from_iterable(message.data for message in messages))
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": [_time_ns(row.timestamp) for row in rows],
            "bid_price": [_text(row.bid_price) for row in rows],
            "bid_size": [_text(row.bid_size) for row in rows],
            "ask_price": [_text(row.ask_price) for row in rows],
            "ask_size": [_text(row.ask_size) for row in rows],
        },
    )


def _append_books(
    kind: str, messages: Sequence[BookUpdate | BookSnapshot], frames: Sequence[int], columns: Columns
) -> None:
    books = [message.data[0] for message in messages]
    levels: list[Level] = []
    sides: list[str] = []
    ordinals: list[int] = []
    for book in books:
        # PROTOCOLS 7.1.5.3: entries count in the order listed; one price may stand twice.
        levels += book.bids
        levels += book.asks
        sides += ["bid"] * len(book.bids)
        sides += ["ask"] * len(book.asks)
        ordinals += range(len(book.bids))
        ordinals += range(len(book.asks))
    columns.extend(
        frames,
        [len(book.bids) + len(book.asks) for book in books],
        {
            "kind": [kind] * len(books),
            "exchange_ns": [_time_ns(book.timestamp) for book in books],
            "checksum": [book.checksum for book in books],
            "side": sides,
            "price": [_text(level.price) for level in levels],
            "size": [_text(level.size) for level in levels],
            "level": ordinals,
        },
    )


def _append_deltas(messages: Sequence[BookUpdate], frames: Sequence[int], columns: Columns) -> None:
    _append_books("book_deltas", messages, frames, columns)


def _append_snapshots(messages: Sequence[BookSnapshot], frames: Sequence[int], columns: Columns) -> None:
    _append_books("book_snapshots", messages, frames, columns)


_SIDES = {"b": "buy", "s": "sell"}
_SECONDS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9})[0-9]*)?")


def _seconds_ns(text: str) -> int:
    """Return nanoseconds of `1790000000.1234567`; what the venue's float prints beyond them is cut off."""
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise ValueError(f"reading a time: {text[:100]!r} is not in seconds")
    return int(found[1]) * NS_PER_S + int((found[2] or "").ljust(9, "0"))


def _append_backfill(messages: Sequence[RestTrade], frames: Sequence[int], columns: Columns) -> None:
    sizes = [message.size for message in messages]
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [_seconds_ns(_text(message.time)) for message in messages],
            "trade_id": [message.id for message in messages],
            "price": [message.price for message in messages],
            "size": sizes,
            "base_size": sizes,
            "side": [_SIDES[message.side] for message in messages],
            "count": [1] * len(messages),
            "history": [False] * len(messages),
        },
    )


# PROTOCOLS 1.4. Quotes and books have no id that holds across connections; of them one connection counts.
PARSERS = {
    "trades": Parser("md.trades", "trades", TradeFrame, _append_trades, id_column="trade_id", contiguous=True),
    "trades_backfill": Parser(
        "md.trades",
        "trades",
        RestTrade,
        _append_backfill,
        id_column="trade_id",
        contiguous=True,
        stream="trades",
    ),
    "quotes": Parser("md.quotes", "quotes", QuoteFrame, _append_quotes),
    "book": Parser("md.book", "book_deltas", BookUpdate, _append_deltas),
    "book_snapshot": Parser("md.book", "book_snapshots", BookSnapshot, _append_snapshots),
}
