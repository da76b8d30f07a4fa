"""Coinbase Exchange feed: append decoded frames to the columns of their topic; no object per row.

Sizes are in the base asset (PROTOCOLS 1.7). Identities as in PROTOCOLS 1.4; books and quotes hold for
one connection only, since book frames have no id at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from exchanges._exchange import BACKFILL, Parser
from exchanges._times import rfc3339_ns
from exchanges.coinbase.exchange_feed.messages import BookSnapshot, BookUpdate, Change, Match, RestTrade, Ticker
from schemas import Columns

_SIDE = {"buy": "bid", "sell": "ask"}  # PROTOCOLS 6.1.4: `buy` is the bid side
_TAKER = {"buy": "sell", "sell": "buy"}  # PROTOCOLS 1.2: the wire has the maker's side


def _time_ns(text: str | None) -> int | None:
    """Read a time; one that is absent or of the year 1 is none (PROTOCOLS 6.1.6)."""
    nanoseconds = rfc3339_ns(text) if text else 0
    return nanoseconds if nanoseconds > 0 else None


def _trade_columns(rows: Sequence[Match] | Sequence[RestTrade]) -> dict[str, Iterable[object]]:
    sizes = [row.size for row in rows]
    return {
        "exchange_ns": [rfc3339_ns(row.time) for row in rows],
        "trade_id": [row.trade_id for row in rows],
        "price": [row.price for row in rows],
        "size": sizes,
        "base_size": sizes,
        "side": [_TAKER[row.side] for row in rows],
        "count": [1] * len(rows),
    }


def _append_trades(messages: Sequence[Match], frames: Sequence[int], columns: Columns) -> None:
    # PROTOCOLS 6.1.4: a `last_match` comes again after every reconnect.
    history = [message.type == "last_match" for message in messages]
    columns.extend(frames, [1] * len(messages), {**_trade_columns(messages), "history": history})


def _append_backfill(messages: Sequence[RestTrade], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(frames, [1] * len(messages), {**_trade_columns(messages), "history": [False] * len(messages)})


def _append_quotes(messages: Sequence[Ticker], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [_time_ns(message.time) for message in messages],
            "bid_price": [message.bid_price or None for message in messages],
            "bid_size": [message.bid_size or None for message in messages],
            "ask_price": [message.ask_price or None for message in messages],
            "ask_size": [message.ask_size or None for message in messages],
            "update_id": [message.sequence for message in messages],
        },
    )


def _append_deltas(messages: Sequence[BookUpdate], frames: Sequence[int], columns: Columns) -> None:
    changes = list(chain.from_iterable(message.changes for message in messages))
    columns.extend(
        frames,
        [len(message.changes) for message in messages],
        {
            "kind": ["book_deltas"] * len(messages),
            "exchange_ns": [_time_ns(message.time) for message in messages],
            "side": [_SIDE[change.side] for change in changes],
            "price": [change.price for change in changes],
            "size": [change.size for change in changes],
            "level": list(chain.from_iterable(_ordinals(message.changes) for message in messages)),
        },
    )


def _ordinals(changes: Sequence[Change]) -> list[int]:
    """Return the place of each level within its side, from 0, in the order they stand."""
    places = {"buy": 0, "sell": 0}
    ordinals = []
    for change in changes:
        ordinals.append(places[change.side])
        places[change.side] += 1
    return ordinals


def _append_snapshots(messages: Sequence[BookSnapshot], frames: Sequence[int], columns: Columns) -> None:
    levels = [level for message in messages for level in chain(message.bids, message.asks)]
    sides: list[str] = []
    ordinals: list[int] = []
    for message in messages:
        sides += ["bid"] * len(message.bids) + ["ask"] * len(message.asks)
        ordinals += [*range(len(message.bids)), *range(len(message.asks))]
    columns.extend(
        frames,
        [len(message.bids) + len(message.asks) for message in messages],
        {
            "kind": ["book_snapshots"] * len(messages),
            "exchange_ns": [_time_ns(message.time) for message in messages],
            "side": sides,
            "price": [level.price for level in levels],
            "size": [level.size for level in levels],
            "level": ordinals,
        },
    )


PARSERS = {
    "trades": Parser("md.trades", "trades", Match, _append_trades, id_column="trade_id", contiguous=True),
    "quotes": Parser("md.quotes", "quotes", Ticker, _append_quotes, id_column="update_id"),
    "book": Parser("md.book", "book_deltas", BookUpdate, _append_deltas),
    "book_snapshot": Parser("md.book", "book_snapshots", BookSnapshot, _append_snapshots),
    BACKFILL: Parser(
        "md.trades",
        "trades",
        RestTrade,
        _append_backfill,
        id_column="trade_id",
        contiguous=True,
        stream="trades",
    ),
}
