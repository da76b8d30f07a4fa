"""OKX: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base asset on spot and in contracts elsewhere, where the base size is left to the
instrument's definition (PROTOCOLS 1.7). All times are the venue's `ts` (1.5).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from itertools import chain

from exchanges._exchange import Parser
from exchanges._sightings import saw
from exchanges.okx.messages import (
    Book,
    BookFrame,
    Fact,
    FactFrame,
    Level,
    LiquidationDetail,
    LiquidationFrame,
    Quote,
    QuoteFrame,
    SnapshotFrame,
    Trade,
    TradeFrame,
)
from schemas import Columns

NS_PER_MS = 1_000_000
MS_PER_HOUR = 3_600_000

RECENT_MAX_QUOTES = 1024
"""As many as 10 s of two overlapping connections repeat, one each 10 ms (PROTOCOLS 5.4)."""

_ABSENT = re.compile(r"(?:[+-]?(?:0+\.?0*|\.0+)(?:[eE][+-]?[0-9]{1,9})?)?")
"""No price: an empty text, or 0 in any spelling."""

_SINGLE_FILLS = "trades-all"
_BEST = "bbo-tbt"
_POSITION = {"sell": "long", "buy": "short"}  # PROTOCOLS 1.3: the order closes the position


def _whole(texts: Sequence[str]) -> list[int]:
    """Read digits. Raises ValueError where another character stands, which `int` would let pass."""
    together = "".join(texts)
    if texts and not (together.isascii() and together.isdigit()):
        raise ValueError("reading a frame: a whole number has other characters than digits")
    return [int(text) for text in texts]


def times_ns(texts: Sequence[str]) -> list[int | None]:
    """Turn times to nanoseconds; a time of 0 is none (PROTOCOLS 5.6)."""
    return [ms * NS_PER_MS or None for ms in _whole(texts)]


def _trade_columns(rows: Sequence[Trade], counts: list[int | None], *, in_base: bool) -> dict[str, Sequence[object]]:
    sizes = [row.size for row in rows]
    return {
        "exchange_ns": times_ns([row.traded_ms for row in rows]),
        "trade_id": [row.id for row in rows],
        "price": [row.price for row in rows],
        "size": sizes,
        **({"base_size": sizes} if in_base else {}),
        "side": [row.side for row in rows],  # PROTOCOLS 1.2: already the taker's
        "count": counts,
    }


def _append_trades(
    messages: Sequence[TradeFrame], frames: Sequence[int], columns: Columns, *, in_base: bool = False
) -> None:
    rows, counts = [row for message in messages for row in message.data], [len(message.data) for message in messages]
    single = [message.arg.channel == _SINGLE_FILLS for message in messages for _ in message.data]
    told = iter(_whole([row.count for row in rows if row.count is not None]))
    fills = [(1 if one else None) if row.count is None else next(told) for row, one in zip(rows, single, strict=True)]
    columns.extend(frames, counts, _trade_columns(rows, fills, in_base=in_base))


def _append_backfill(
    messages: Sequence[Trade], frames: Sequence[int], columns: Columns, *, in_base: bool = False
) -> None:
    columns.extend(frames, [1] * len(messages), _trade_columns(messages, [1] * len(messages), in_base=in_base))


def _append_quotes(messages: Sequence[QuoteFrame], frames: Sequence[int], columns: Columns) -> None:
    sides = []
    for message in messages:
        read = _best if message.arg.channel == _BEST else _ticker
        sides += [read(row) for row in message.data]
    rows = list(chain.from_iterable(message.data for message in messages))
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": times_ns([row.changed_ms for row in rows]),
            "bid_price": [side[0] for side in sides],
            "bid_size": [side[1] for side in sides],
            "ask_price": [side[2] for side in sides],
            "ask_size": [side[3] for side in sides],
            "update_id": [row.update_id for row in rows],
        },
    )


def _best(quote: Quote) -> tuple[str | None, str | None, str | None, str | None]:
    if quote.bids is None or quote.asks is None or quote.update_id is None:
        raise ValueError("reading a best bid and ask: a side or the id is missing")
    bid, ask = quote.bids[:1], quote.asks[:1]  # PROTOCOLS 5.4: sides may be empty
    return (
        bid[0].price if bid else None,
        bid[0].size if bid else None,
        ask[0].price if ask else None,
        ask[0].size if ask else None,
    )


def _ticker(quote: Quote) -> tuple[str | None, str | None, str | None, str | None]:
    return *_side(quote.bid_price, quote.bid_size), *_side(quote.ask_price, quote.ask_size)


def _side(price: str | None, size: str | None) -> tuple[str | None, str | None]:
    if price is None or size is None:
        raise ValueError("reading a ticker: a side is missing")
    # PROTOCOLS 5.4: an absent side is "" or 0.
    return (None, None) if _ABSENT.fullmatch(price) else (price, size)


def book_levels(books: Sequence[tuple[Sequence[Level], Sequence[Level]]]) -> dict[str, Sequence[object]]:
    """Flatten (bids, asks) pairs into the four columns of their levels, bids first."""
    levels: list[Level] = []
    sides: list[str] = []
    ordinals: list[int] = []
    for bids, asks in books:
        levels += bids
        levels += asks
        sides += ["bid"] * len(bids)
        sides += ["ask"] * len(asks)
        ordinals += range(len(bids))
        ordinals += range(len(asks))
    return {
        "side": sides,
        "price": [level.price for level in levels],
        "size": [level.size for level in levels],
        "level": ordinals,
    }


def _book_columns(kind: str, books: Sequence[Book]) -> dict[str, Sequence[object]]:
    if any(book.checksum for book in books):
        # PROTOCOLS 5.1: fixed to 0; whether a regional host still fills it is open (8.3).
        saw("PROTOCOLS 5.1 (!)", "a book checksum that is not 0")
    return {
        "kind": [kind] * len(books),
        "exchange_ns": times_ns([book.changed_ms for book in books]),
        "last_update_id": [book.last_id for book in books],
        **book_levels([(book.bids, book.asks) for book in books]),
    }


def _append_updates(messages: Sequence[BookFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data[0] for message in messages]
    columns.extend(
        frames,
        [len(book.bids) + len(book.asks) for book in books],
        {**_book_columns("book_deltas", books), "prev_update_id": [book.prev_id for book in books]},
    )


def _append_snapshots(messages: Sequence[SnapshotFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data[0] for message in messages]
    counts = [len(book.bids) + len(book.asks) for book in books]
    columns.extend(frames, counts, _book_columns("book_snapshots", books))


_FACTS: Mapping[str, str] = {
    "funding-rate": "funding_rate",
    "mark-price": "mark_price",
    "open-interest": "open_interest",
    "index-tickers": "index_price",
}
"""What a channel is subscribed for: a frame without it is not read."""


def _append_funding(messages: Sequence[FactFrame], frames: Sequence[int], columns: Columns) -> None:
    for message in messages:
        wanted = _FACTS.get(message.arg.channel)
        if wanted is None or any(getattr(row, wanted) is None for row in message.data):
            raise ValueError(f"reading a fact: no {wanted} on channel {message.arg.channel[:50]!r}")
    rows = list(chain.from_iterable(message.data for message in messages))
    times = [_funding_times(row) for row in rows]
    columns.extend(
        frames,
        [len(message.data) for message in messages],
        {
            "exchange_ns": times_ns([row.sent_ms for row in rows]),
            "mark_price": [row.mark_price or None for row in rows],
            "index_price": [row.index_price or None for row in rows],
            "funding_rate": [row.funding_rate or None for row in rows],
            "next_funding_ns": [ns for ns, _ in times],
            "interval_hours": [hours for _, hours in times],
            "open_interest": [row.open_interest or None for row in rows],
        },
    )


def _funding_times(fact: Fact) -> tuple[int | None, int | None]:
    """Return when the rate told is paid, and the hours to the payment after it (PROTOCOLS 5.4)."""
    if not fact.funding_ms:
        return None, None
    (paid_ms,) = _whole([fact.funding_ms])
    hours = None
    if paid_ms and fact.next_funding_ms:
        whole, rest = divmod(_whole([fact.next_funding_ms])[0] - paid_ms, MS_PER_HOUR)
        hours = whole if whole > 0 and not rest else None
    return paid_ms * NS_PER_MS or None, hours


def _append_liquidations(messages: Sequence[LiquidationFrame], frames: Sequence[int], columns: Columns) -> None:
    by_frame: list[list[LiquidationDetail]] = [
        [row for entry in message.data for row in entry.details] for message in messages
    ]
    rows = list(chain.from_iterable(by_frame))
    columns.extend(
        frames,
        [len(details) for details in by_frame],
        {
            "exchange_ns": times_ns([row.traded_ms for row in rows]),
            "price": [row.price for row in rows],
            "size": [row.size for row in rows],
            "side": [row.side for row in rows],
            # PROTOCOLS 1.3; an account without two positions per contract says "net".
            "position": [row.position if row.position in {"long", "short"} else _POSITION[row.side] for row in rows],
        },
    )


_CONTRACTS: Mapping[str, Parser] = {
    "funding": Parser(
        "md.funding",
        "funding",
        FactFrame,
        _append_funding,
        # PROTOCOLS 1.4: (instId, ts) of each channel. The values tell the channels apart, and keep both
        # mark prices that one `ts` may have (5.4).
        composite_id=("exchange_ns", "mark_price", "index_price", "funding_rate", "open_interest"),
    ),
    "liquidations": Parser(
        "md.liquidations",
        "liquidations",
        LiquidationFrame,
        _append_liquidations,
        composite_id=("exchange_ns", "side", "position", "size", "price"),
    ),
}


def parsers(*, contracts: bool) -> dict[str, Parser]:
    """Return what reads a market's frames; identities as in PROTOCOLS 1.4.

    Trade ids rise, but those of `trades` have holes: an aggregate has its last fill's id, and that the
    ids before it are those of its other fills is only inferred (PROTOCOLS 5.4 (!)).
    """
    trades = functools.partial(_append_trades, in_base=not contracts)
    backfill = functools.partial(_append_backfill, in_base=not contracts)
    return {
        "trades": Parser("md.trades", "trades", TradeFrame, trades, id_column="trade_id"),
        "trades_backfill": Parser("md.trades", "trades", Trade, backfill, id_column="trade_id", stream="trades"),
        # Ids of quotes may go back after a maintenance (PROTOCOLS 5.5.4), and `tickers` have none.
        "quotes": Parser(
            "md.quotes",
            "quotes",
            QuoteFrame,
            _append_quotes,
            composite_id=("exchange_ns", "update_id"),
            recent_max_ids=RECENT_MAX_QUOTES,
        ),
        "book": Parser("md.book", "book_deltas", BookFrame, _append_updates, id_column="last_update_id", ordered=False),
        "book_snapshot": Parser(
            "md.book", "book_snapshots", SnapshotFrame, _append_snapshots, id_column="last_update_id", ordered=False
        ),
        **(_CONTRACTS if contracts else {}),
    }
