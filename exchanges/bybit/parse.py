"""Bybit: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base coin (PROTOCOLS 1.7). The time of a book is the matching engine's `cts`, which
compares with the `T` of trades; a ticker has only its send time (PROTOCOLS 1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from exchanges._exchange import Parser
from exchanges.bybit.messages import (
    BookData,
    BookFrame,
    LiquidationFrame,
    QuoteFrame,
    SnapshotFrame,
    TickerFrame,
    TradeFrame,
)
from schemas import Columns

NS_PER_MS = 1_000_000
MILLIS_MAX_DIGITS = 15

_SIDE = {"Buy": "buy", "Sell": "sell"}
# PROTOCOLS 1.3: `S` is the side of the position, so the closing order is on the other.
_POSITION = {"Buy": "long", "Sell": "short"}
_CLOSING = {"Buy": "sell", "Sell": "buy"}


def _append_trades(messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns) -> None:
    rows = list(chain.from_iterable(message.data for message in messages))
    sizes = [row.size for row in rows]
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": [row.traded_ms * NS_PER_MS for row in rows],
            "trade_id": [row.id for row in rows],
            "price": [row.price for row in rows],
            "size": sizes,
            "base_size": sizes,
            "side": [_SIDE[row.side] for row in rows],  # PROTOCOLS 1.2: already the taker's
            "count": [1] * len(rows),
        },
    )


def _append_liquidations(messages: Sequence[LiquidationFrame], frames: Sequence[int], columns: Columns) -> None:
    rows = list(chain.from_iterable(message.data for message in messages))
    sizes = [row.size for row in rows]
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": [row.settled_ms * NS_PER_MS for row in rows],
            "price": [row.price for row in rows],  # PROTOCOLS 4.4: the bankruptcy price, no fill
            "size": sizes,
            "base_size": sizes,
            "side": [_CLOSING[row.position] for row in rows],
            "position": [_POSITION[row.position] for row in rows],
        },
    )


def _time(sent_ms: int | None, changed_ms: int | None) -> int | None:
    ms = sent_ms if changed_ms is None else changed_ms
    return None if ms is None else ms * NS_PER_MS


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data for message in messages]
    if any(len(book.bids) > 1 or len(book.asks) > 1 for book in books):
        raise ValueError("reading a best bid and ask: a side has more than one level")
    columns.extend(
        frames,
        [1] * len(books),
        {
            "exchange_ns": [_time(message.sent_ms, message.changed_ms) for message in messages],
            "bid_price": [book.bids[0].price if book.bids else None for book in books],
            "bid_size": [book.bids[0].size if book.bids else None for book in books],
            "ask_price": [book.asks[0].price if book.asks else None for book in books],
            "ask_size": [book.asks[0].size if book.asks else None for book in books],
            "update_id": [book.update_id for book in books],
        },
    )


def _levels(books: Sequence[BookData]) -> dict[str, list[object]]:
    """Flatten books into the four columns of their levels, bids first."""
    sides = [(side, levels) for book in books for side, levels in (("bid", book.bids), ("ask", book.asks))]
    return {
        "side": [side for side, levels in sides for _ in levels],
        "price": [level.price for _, levels in sides for level in levels],
        "size": [level.size for _, levels in sides for level in levels],
        "level": [ordinal for _, levels in sides for ordinal in range(len(levels))],
    }


def _append_deltas(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data for message in messages]
    ids = [book.update_id for book in books]
    columns.extend(
        frames,
        [len(book.bids) + len(book.asks) for book in books],
        {
            "kind": ["book_deltas"] * len(books),
            "exchange_ns": [_time(message.sent_ms, message.changed_ms) for message in messages],
            # Each update takes one id (PROTOCOLS 4.6.5 (!)).
            "first_update_id": ids,
            "last_update_id": ids,
            **_levels(books),
        },
    )


def _append_snapshots(messages: Sequence[SnapshotFrame], frames: Sequence[int], columns: Columns) -> None:
    books = []
    times = []
    for message in messages:
        book = message.data or message.result
        if book is None:
            raise ValueError("reading a book: it has neither data nor result")
        books.append(book)
        times.append(
            _time(message.sent_ms, message.changed_ms) if message.data else _time(book.sent_ms, book.changed_ms)
        )
    columns.extend(
        frames,
        [len(book.bids) + len(book.asks) for book in books],
        {
            "kind": ["book_snapshots"] * len(books),
            "exchange_ns": times,
            "last_update_id": [book.update_id for book in books],
            **_levels(books),
        },
    )


def _whole(text: str | None, unit: int = 1) -> int | None:
    """Read a whole number sent as text; "" and "0" mean that there is none (a dated future)."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MILLIS_MAX_DIGITS):
        raise ValueError(f"reading a ticker: {text[:40]!r} is no whole number")
    return int(text) * unit or None


def _append_funding(messages: Sequence[TickerFrame], frames: Sequence[int], columns: Columns) -> None:
    """Append one row per ticker that changes a column; one with last or best prices alone is none."""
    counts = []
    times = []
    cells: list[tuple[str | int | None, ...]] = []
    for message in messages:
        data = message.data
        row = (
            data.mark_price or None,
            data.index_price or None,
            data.funding_rate or None,  # PROTOCOLS 4.4: dated futures have none
            _whole(data.next_funding_ms, NS_PER_MS),
            _whole(data.interval_hours),
            data.open_interest or None,
        )
        is_row = any(cell is not None for cell in row)
        counts.append(int(is_row))
        if is_row:
            times.append(message.sent_ms * NS_PER_MS)
            cells.append(row)
    values = list(zip(*cells, strict=True)) if cells else [()] * len(_FUNDING)
    columns.extend(frames, counts, {"exchange_ns": times, **dict(zip(_FUNDING, values, strict=True))})


_FUNDING = ("mark_price", "index_price", "funding_rate", "next_funding_ns", "interval_hours", "open_interest")

_BEST = ("bid_price", "bid_size", "ask_price", "ask_size")

RECENT_MAX_TRADES = 4096
"""Four frames of as many trades as one may hold (PROTOCOLS 4.4), since two connections do not keep step; ids have no
order."""

RECENT_MAX_QUOTES = 1024
"""As many as 10 s of two overlapping connections repeat, one each 10 ms (PROTOCOLS 4.4)."""

# Identities as in PROTOCOLS 1.4.
PARSERS = {
    "trades": Parser(
        "md.trades",
        "trades",
        TradeFrame,
        _append_trades,
        id_column="trade_id",
        ordered=False,
        recent_max_ids=RECENT_MAX_TRADES,
    ),
    # The same `u` again is a heartbeat (PROTOCOLS 4.7) and dropped as a repeat. After a restart `u` counts from 1:
    # what it stands for tells it from the one before, since `seq` is no column.
    "quotes": Parser(
        "md.quotes",
        "quotes",
        QuoteFrame,
        _append_quotes,
        composite_id=("update_id", *_BEST),
        recent_max_ids=RECENT_MAX_QUOTES,
    ),
    "book": Parser("md.book", "book_deltas", BookFrame, _append_deltas, id_column="last_update_id"),
    "book_snapshot": Parser(
        "md.book", "book_snapshots", SnapshotFrame, _append_snapshots, id_column="last_update_id", ordered=False
    ),
}
"""What both markets send."""

LINEAR_PARSERS = {
    **PARSERS,
    # `cs` is no column: two tickers of one millisecond are told apart by what they say.
    "funding": Parser("md.funding", "funding", TickerFrame, _append_funding, composite_id=("exchange_ns", *_FUNDING)),
    "liquidations": Parser(
        "md.liquidations",
        "liquidations",
        LiquidationFrame,
        _append_liquidations,
        composite_id=("exchange_ns", "side", "size", "price"),
    ),
}
