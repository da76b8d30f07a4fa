"""What frames of Kraken mean: spot over WebSocket v2 (PROTOCOLS 7.1) and futures (PROTOCOLS 7.2)."""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from typing import Any

from strict_reading import (
    IN_BASE,
    NS_PER_S,
    Meant,
    Number,
    RefusedError,
    Row,
    Terms,
    amount,
    entries,
    fill,
    known,
    ladder,
    millis,
    moment,
    number,
    number_or_none,
    one_of,
    read,
    row,
    text,
    whole,
    whole_or_none,
    worth,
)

_CHECKSUM_MAX = 2**32 - 1
_SECONDS = re.compile(r"([0-9]{1,10})(?:\.([0-9]+))?")
_POSITION = {"sell": "long", "buy": "short"}  # PROTOCOLS 1.3
_CONTRACT_USD = Terms(Decimal(1), inverse=True)


class Reader:
    """Read the frames of one market."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Take the market and its instruments: only of those it is known what a contract is."""
        self.spot = market == "spot"
        self.terms: dict[str, Terms] = {}
        for one in [one for body in bodies for one in read(body)["instruments"]] if not self.spot else []:
            # PROTOCOLS 1.7: PI and FI are contracts of 1 USD, PF and FF count the base asset.
            name = one["symbol"].upper()
            self.terms[name] = _CONTRACT_USD if name[1] == "I" else IN_BASE

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame means."""
        del received_ns
        told = read(frame)
        return _spot(told) if self.spot else self._futures(told)

    def body(self, kind: str, symbol: str, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a fetched trade means."""
        del kind, received_ns
        told = read(frame)
        return [Meant("trades", symbol, lambda: [_fetched(told)])]

    def _futures(self, told: Any) -> list[Meant]:
        feed, symbol = text(told, "feed"), text(told, "product_id").upper()
        terms = self.terms.get(symbol)
        if not symbol:
            raise RefusedError("no product")
        if feed == "trade":
            trade = Meant("trades", symbol, lambda: [_future_fill(told, terms, history=False)])
            if text(told, "type", "fill") != "liquidation":
                return [trade]
            return [trade, Meant("liquidations", symbol, lambda: [_liquidation(told, terms)])]
        if feed == "trade_snapshot":
            return [Meant("trades", symbol, lambda: _history(told, terms))]
        if feed in {"ticker", "ticker_lite"}:
            quote = Meant("quotes", symbol, lambda: [_best(told, lite=feed == "ticker_lite")])
            return [quote] if feed == "ticker_lite" else [quote, Meant("funding", symbol, lambda: [_funding(told)])]
        if feed == "book":
            return [Meant("book_deltas", symbol, lambda: _change(told))]
        if feed == "book_snapshot":
            return [Meant("book_snapshots", symbol, lambda: _whole_book(told))]
        raise RefusedError(f"feed {feed[:40]!r}")


def _spot(told: Any) -> list[Meant]:
    channel = one_of(told, "channel", "trade", "ticker", "book")
    form = one_of(told, "type", "update", "snapshot")
    by_symbol: dict[str, list[Any]] = {}
    for one in entries(told, "data"):
        if not text(one, "symbol"):
            raise RefusedError("no symbol")
        by_symbol.setdefault(one["symbol"], []).append(one)
    whole_book = "book_snapshots" if form == "snapshot" else "book_deltas"
    record = {"trade": "trades", "ticker": "quotes", "book": whole_book}[channel]
    rows = {"trade": _fills, "ticker": _tickers, "book": _book}[channel]
    return [Meant(record, symbol, functools.partial(rows, own, form)) for symbol, own in by_symbol.items()]


def _time(of: Any) -> int | None:
    # PROTOCOLS 7.1.4: some have no time, and epoch 0 stands for none.
    return moment(text(of, "timestamp")) or None if of.get("timestamp") else None


def _fills(own: list[Any], form: str) -> list[Row]:
    return [
        fill(
            number(one, "price"), number(one, "qty"), IN_BASE, trade_id=str(whole(one, "trade_id")), count=1,
            side=one_of(one, "side", "buy", "sell"), history=form == "snapshot",
            exchange_ns=_time({"timestamp": text(one, "timestamp")}),
        )
        for one in own
    ]  # fmt: skip


def _tickers(own: list[Any], form: str) -> list[Row]:
    del form
    return [
        row(
            bid_price=number(one, "bid"), bid_size=number(one, "bid_qty"), ask_price=number(one, "ask"),
            ask_size=number(one, "ask_qty"), exchange_ns=_time(one),
        )
        for one in own
    ]  # fmt: skip


def _book(own: list[Any], form: str) -> list[Row]:
    del form
    (one,) = own  # PROTOCOLS 7.1.4: exactly one element
    sides = [
        [(number(level, "price"), number(level, "qty")) for level in _optional_list(one, key)]
        for key in ("bids", "asks")
    ]
    return ladder(*sides, checksum=whole_or_none(one, "checksum", 0, _CHECKSUM_MAX), exchange_ns=_time(one))


def _optional_list(of: Any, key: str) -> list[Any]:
    return entries(of, key) if key in of else []


def _fetched(told: Any) -> Row:
    price, size, at, side, kind, remark, trade_id = known(told, list)[:7]
    known(kind, str), known(remark, str)
    found = _SECONDS.fullmatch(known(at, Number))
    if found is None or known(side, str) not in {"b", "s"}:
        raise RefusedError("no such trade")
    return fill(
        amount(known(price, str)), amount(known(size, str)), IN_BASE, trade_id=str(whole({"id": trade_id}, "id")),
        count=1, side="buy" if side == "b" else "sell", history=False,
        # What a float prints beyond nanoseconds is cut off.
        exchange_ns=int(found[1]) * NS_PER_S + int((found[2] or "")[:9].ljust(9, "0")),
    )  # fmt: skip


def _future_id(told: Any) -> str:
    name, seq = text(told, "uid", ""), whole_or_none(told, "seq")  # PROTOCOLS 1.4
    if not name and seq is None:
        raise RefusedError("neither uid nor seq")
    return name or str(seq)


def _future_fill(told: Any, terms: Terms | None, *, history: bool) -> Row:
    text(told, "type", "fill")
    return fill(
        number(told, "price"), number(told, "qty"), terms, trade_id=_future_id(told), count=1,
        side=one_of(told, "side", "buy", "sell"), history=history, exchange_ns=millis(told, "time"),
    )  # fmt: skip


def _history(told: Any, terms: Terms | None) -> list[Row]:
    listed = entries(told, "trades")
    rows = [(whole(one, "time"), _future_fill(one, terms, history=True)) for one in listed]
    if not (len(rows) > 1 and rows[0][0] < rows[-1][0]):
        rows.reverse()  # PROTOCOLS 7.2.3 (!): newest first
    return [filled for _, filled in sorted(rows, key=lambda one: one[0])]


def _liquidation(told: Any, terms: Terms | None) -> Row:
    side, price, size = one_of(told, "side", "buy", "sell"), number(told, "price"), number(told, "qty")
    return row(
        price=price, size=size, base_size=worth(price, size, terms)[0], side=side, position=_POSITION[side],
        liquidation_id=_future_id(told), exchange_ns=millis(told, "time"),
    )  # fmt: skip


def _best(told: Any, *, lite: bool) -> Row:
    return row(
        bid_price=number_or_none(told, "bid"), ask_price=number_or_none(told, "ask"),
        bid_size=None if lite else number_or_none(told, "bid_size"),
        ask_size=None if lite else number_or_none(told, "ask_size"),
        exchange_ns=None if lite else millis(told, "time"),
    )  # fmt: skip


def _funding(told: Any) -> Row:
    due = millis(told, "next_funding_rate_time") if "next_funding_rate_time" in told else 0
    rate = number_or_none(told, "relative_funding_rate", signed=True)
    if rate is None and due and told.get("funding_rate") is None:
        rate = Decimal(0)  # PROTOCOLS 7.2.3: zero-valued funding fields are left out
    return row(
        mark_price=number_or_none(told, "markPrice"), index_price=number_or_none(told, "index", signed=True),
        funding_rate=rate, next_funding_ns=due or None, interval_hours=1 if rate is not None or due else None,
        open_interest=number_or_none(told, "openInterest"), exchange_ns=millis(told, "time"),
    )  # fmt: skip


def _quantity(level: Any) -> Decimal:
    # PROTOCOLS 7.2.4: what is not above 0 deletes.
    return max(number(level, "qty", signed=True), Decimal(0))


def _change(told: Any) -> list[Row]:
    side, seq = one_of(told, "side", "buy", "sell"), whole(told, "seq")
    level = [(number(told, "price"), _quantity(told))]
    bids, asks = (level, []) if side == "buy" else ([], level)
    return ladder(bids, asks, first_update_id=seq, last_update_id=seq, exchange_ns=millis(told, "timestamp"))


def _whole_book(told: Any) -> list[Row]:
    sides = [[(number(level, "price"), _quantity(level)) for level in entries(told, key)] for key in ("bids", "asks")]
    return ladder(*sides, last_update_id=whole(told, "seq"), exchange_ns=millis(told, "timestamp"))
