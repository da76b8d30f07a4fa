"""What frames of Coinbase mean: Advanced Trade (PROTOCOLS 6.2) and the Exchange feed (PROTOCOLS 6.1)."""

from __future__ import annotations

import functools
import re
from typing import Any

from strict_reading import (
    IN_BASE,
    Meant,
    RefusedError,
    Row,
    amount,
    entries,
    fill,
    known,
    ladder,
    member,
    moment,
    one_of,
    pair,
    read,
    row,
    said,
    text,
    whole,
)

_TAKER = {"buy": "sell", "sell": "buy"}  # PROTOCOLS 1.2: the wire has the maker's side
_SIZES_SINCE_NS = 1_672_531_200_000_000_000
"""2023-01-01: before, tickers of the Exchange had no sizes (!)."""

_ID = re.compile(r"0|[1-9][0-9]{0,17}")


class Reader:
    """Read the frames of one of the two feeds."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Take the market; sizes are in the base asset, so nothing is learnt of contracts."""
        del bodies
        self.advanced = market == "spot"

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame means."""
        told = read(frame)
        return _advanced(told) if self.advanced else _exchange(told, received_ns)

    def body(self, kind: str, symbol: str, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a REST book or a fetched trade of the Exchange means."""
        del received_ns
        told = read(frame)
        if kind == "book_snapshot":
            return [Meant("book_snapshots", symbol, lambda: _whole_book(told))]
        return [Meant("trades", symbol, lambda: [_match(told, history=False)])]


def _advanced(told: Any) -> list[Meant]:
    channel = one_of(told, "channel", "l2_data", "market_trades", "ticker")
    if channel == "l2_data":
        return _books(told)
    # An entry names its product; the event it stands in only says whether it is history.
    key = {"market_trades": "trades", "ticker": "tickers"}[channel]
    by_product: dict[str, list[tuple[Any, str]]] = {}
    for event in entries(told, "events"):
        form = one_of(event, "type", "snapshot", "update")
        for one in entries(event, key):
            by_product.setdefault(text(one, "product_id"), []).append((one, form))
    record, rows = ("trades", _fills) if channel == "market_trades" else ("quotes", _tickers)
    return [Meant(record, product, functools.partial(rows, told, own)) for product, own in by_product.items()]


def _books(told: Any) -> list[Meant]:
    """Events of one product and form that follow each other are one update of that product's book."""
    runs: dict[str, list[tuple[str, list[Any]]]] = {}
    for event in entries(told, "events"):
        form, product = one_of(event, "type", "snapshot", "update"), text(event, "product_id")
        own = runs.setdefault(product, [])
        if not own or own[-1][0] != form:
            own.append((form, []))
        own[-1][1].append(event)
    return [
        Meant(
            "book_snapshots" if form == "snapshot" else "book_deltas", product, functools.partial(_levels, told, events)
        )
        for product, own in runs.items()
        for form, events in own
    ]


def _levels(told: Any, events: list[Any]) -> list[Row]:
    whole(told, "sequence_num")
    levels = [level for event in events for level in entries(event, "updates")]
    newest = max((moment(member(level, "event_time")) for level in levels), default=0)
    sides: dict[str, int] = {"bid": 0, "offer": 0}
    rows = []
    for level in levels:
        side = one_of(level, "side", "bid", "offer")
        rows.append(
            row(
                side="bid" if side == "bid" else "ask", level=sides[side], price=said(level, "price_level"),
                # PROTOCOLS 6.2.4: the epoch stands for no time.
                size=said(level, "new_quantity"), exchange_ns=newest if newest > 0 else None,
            )
        )  # fmt: skip
        sides[side] += 1
    return rows


def _fills(told: Any, own: list[tuple[Any, str]]) -> list[Row]:
    whole(told, "sequence_num")
    numbered = []
    for one, form in own:
        if not _ID.fullmatch(text(one, "trade_id")):
            raise RefusedError(f"id {one['trade_id'][:40]!r}")
        side = one_of(one, "side", "BUY", "SELL").lower()
        filled = fill(
            said(one, "price"), said(one, "size"), IN_BASE, trade_id=one["trade_id"], count=1, side=_TAKER[side],
            history=form == "snapshot", exchange_ns=moment(member(one, "time")),
        )  # fmt: skip
        numbered.append((int(one["trade_id"]), filled))
    # PROTOCOLS 6.2.4: newest first on the wire, rising in the table.
    return [filled for _, filled in sorted(numbered, key=lambda one: one[0])]


def _tickers(told: Any, own: list[tuple[Any, str]]) -> list[Row]:
    at, number = moment(member(told, "timestamp")), whole(told, "sequence_num")
    keys = {
        "bid_price": "best_bid", "bid_size": "best_bid_quantity", "ask_price": "best_ask",
        "ask_size": "best_ask_quantity",
    }  # fmt: skip
    return [
        row(**{name: _or_none(one, key) for name, key in keys.items()}, update_id=number, exchange_ns=at)
        for one, _ in own
    ]


def _or_none(of: Any, key: str) -> object:
    return said(of, key) if text(of, key) else None  # "" stands for a side without orders


def _exchange(told: Any, received_ns: int) -> list[Meant]:
    form = one_of(told, "type", "match", "last_match", "ticker", "l2update", "snapshot")
    product = text(told, "product_id")
    if not product:
        raise RefusedError("no product")
    if form in {"match", "last_match"}:
        return [Meant("trades", product, lambda: [_match(told, history=form == "last_match")])]
    if form == "ticker":
        return [Meant("quotes", product, lambda: _ticker(told, received_ns))]
    if form == "l2update":
        return [Meant("book_deltas", product, lambda: _changes(told))]
    return [Meant("book_snapshots", product, lambda: _whole_book(told))]


def _time(told: Any) -> int | None:
    """Read a time; PROTOCOLS 6.1.6: it may be missing, or of the year 1."""
    at = moment(text(told, "time")) if told.get("time") else 0
    return at if at > 0 else None


def _match(told: Any, *, history: bool) -> Row:
    return fill(
        said(told, "price"), said(told, "size"), IN_BASE, trade_id=str(whole(told, "trade_id")), count=1,
        side=_TAKER[one_of(told, "side", "buy", "sell")], history=history, exchange_ns=moment(member(told, "time")),
    )  # fmt: skip


def _ticker(told: Any, received_ns: int) -> list[Row]:
    keys = {"bid_price": "best_bid", "bid_size": "best_bid_size", "ask_price": "best_ask", "ask_size": "best_ask_size"}
    if received_ns < _SIZES_SINCE_NS:
        keys = {name: key for name, key in keys.items() if not key.endswith("_size") or key in told}
    sides = dict.fromkeys(("bid_size", "ask_size")) | {name: _or_none(told, key) for name, key in keys.items()}
    return [row(**sides, update_id=whole(told, "sequence"), exchange_ns=_time(told))]


def _changes(told: Any) -> list[Row]:
    at, places, rows = _time(told), {"buy": 0, "sell": 0}, []
    for change in entries(told, "changes"):
        side, price, size = (known(part, str) for part in known(change, list))
        if side not in places:
            raise RefusedError(f"side {side[:40]!r}")
        rows.append(
            row(
                side="bid" if side == "buy" else "ask", level=places[side], price=amount(price), size=amount(size),
                exchange_ns=at,
            )
        )  # fmt: skip
        places[side] += 1
    return rows


def _whole_book(told: Any) -> list[Row]:
    if "type" in told:
        one_of(told, "type", "snapshot")
    sides = [[pair(level, exactly=False) for level in entries(told, key)] for key in ("bids", "asks")]
    return ladder(*sides, exchange_ns=_time(told))
