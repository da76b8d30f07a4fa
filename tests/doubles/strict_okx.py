"""What frames of OKX mean: spot, swaps and futures (PROTOCOLS 5), in the dialect of the day they came.

The argument of the subscription tells the symbol; liquidations are of the whole market and name their own.
"""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from typing import Any

from strict_reading import (
    IN_BASE,
    NS_PER_MS,
    Meant,
    RefusedError,
    Row,
    Terms,
    amount,
    digits,
    entries,
    fill,
    known,
    ladder,
    member,
    one_of,
    pair,
    read,
    row,
    said,
    said_or_none,
    text,
    whole,
    whole_or_none,
    worth,
)

_CHANNELS = {
    "trades": "trades", "trades-all": "trades", "bbo-tbt": "quotes", "tickers": "quotes", "books": "book",
    "funding-rate": "funding", "mark-price": "funding", "open-interest": "funding", "index-tickers": "funding",
    "liquidation-orders": "liquidations",
}  # fmt: skip
_FACT = {"funding-rate": "fundingRate", "mark-price": "markPx", "open-interest": "oi", "index-tickers": "idxPx"}
_NO_CHECKSUM_SINCE_NS = 1_782_172_800_000_000_000  # 2026-06-23 (PROTOCOLS 5.1)
_HOUR_MS = 3_600_000
_MS_DIGITS = 13
_ID = re.compile(r"[0-9]{1,18}")


class Reader:
    """Read the frames of one market."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Take the market and its instruments, which tell what a contract is."""
        self.spot = market == "spot"
        self.terms: dict[str, Terms] = {}
        for one in [one for body in bodies for one in read(body)["data"] if not self.spot]:
            value = Decimal(one["ctVal"]) * Decimal(one["ctMult"]) if one["ctVal"] else None
            if value is not None:
                self.terms[one["instId"]] = Terms(value, inverse=one["ctType"] == "inverse")

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame means that came at a moment."""
        told = read(frame)
        arg = known(member(told, "arg"), dict)
        channel, symbol = text(arg, "channel"), text(arg, "instId", "")
        kind = _CHANNELS.get(channel, "")
        if kind == "liquidations" and not self.spot and text(arg, "instType", "") + symbol:
            return self._liquidations(told)
        if not kind or not symbol or (self.spot and kind in {"funding", "liquidations"}):
            raise RefusedError(f"channel {channel[:40]!r}")
        if kind == "book":
            whole_book = told.get("action") == "snapshot"
            record = "book_snapshots" if whole_book else "book_deltas"
            return [Meant(record, symbol, lambda: _book(told, received_ns, update=not whole_book))]
        rows = {"trades": self._trades, "quotes": _quotes, "funding": _facts}[kind]
        return [Meant(kind, symbol, functools.partial(rows, told, channel))]

    def body(self, kind: str, symbol: str, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a REST book or a fetched trade means that came at a moment."""
        told = read(frame)
        if kind == "book_snapshot":
            return [Meant("book_snapshots", symbol, lambda: _book(told, received_ns, update=False))]
        return [Meant("trades", symbol, lambda: [self._fill(told, symbol, 1)])]

    def _trades(self, told: Any, channel: str) -> list[Row]:
        rows = []
        for one in entries(told, "data"):
            count = 1 if channel == "trades-all" else None
            if one.get("count") is not None:
                count = digits(one["count"], 9)
            rows.append(self._fill(one, told["arg"]["instId"], count))
        return rows

    def _fill(self, one: Any, symbol: str, count: int | None) -> Row:
        number = text(one, "tradeId")
        if not _ID.fullmatch(number):
            raise RefusedError(f"id {number[:40]!r}")
        return fill(
            said(one, "px"), said(one, "sz"), IN_BASE if self.spot else self.terms.get(symbol),
            trade_id=number, count=count, side=one_of(one, "side", "buy", "sell"), exchange_ns=_time(one, "ts"),
        )  # fmt: skip

    def _liquidations(self, told: Any) -> list[Meant]:
        by_symbol: dict[str, list[Any]] = {}
        for one in entries(told, "data"):
            by_symbol.setdefault(text(one, "instId"), []).append(one)
        return [
            Meant("liquidations", symbol, functools.partial(self._closings, symbol, own))
            for symbol, own in by_symbol.items()
        ]

    def _closings(self, symbol: str, own: list[Any]) -> list[Row]:
        return [self._closing(symbol, detail) for one in own for detail in entries(one, "details")]

    def _closing(self, symbol: str, detail: Any) -> Row:
        side, held = one_of(detail, "side", "buy", "sell"), text(detail, "posSide")
        price, size = said(detail, "bkPx"), said(detail, "sz")
        return row(
            price=price, size=size, base_size=worth(price, size, self.terms.get(symbol))[0], side=side,
            # PROTOCOLS 1.3: the order closes the position.
            position=held if held in {"long", "short"} else {"sell": "long", "buy": "short"}[side],
            exchange_ns=_time(detail, "ts"),
        )  # fmt: skip


def _time(of: Any, key: str) -> int | None:
    # PROTOCOLS 5.6: a time of 0 is none.
    return digits(member(of, key), _MS_DIGITS) * NS_PER_MS or None


def _quotes(told: Any, channel: str) -> list[Row]:
    rows = []
    for one in entries(told, "data"):
        known(one, dict)
        if channel == "bbo-tbt":
            best = [[pair(level, exactly=False) for level in entries(one, side)[:1]] for side in ("bids", "asks")]
            bid, ask = (side[0] if side else (None, None) for side in best)
            number: int | None = whole(one, "seqId")
        else:
            bid, ask = _ticked(one, "bidPx", "bidSz"), _ticked(one, "askPx", "askSz")
            number = whole_or_none(one, "seqId")
        rows.append(
            row(
                bid_price=bid[0], bid_size=bid[1], ask_price=ask[0], ask_size=ask[1], update_id=number,
                exchange_ns=_time(one, "ts"),
            )
        )  # fmt: skip
    return rows


def _ticked(one: Any, price_key: str, size_key: str) -> tuple[Decimal | None, Decimal | None]:
    price, size = text(one, price_key), text(one, size_key)
    # PROTOCOLS 5.4: a side that is absent has the price "" or 0.
    return (amount(price), amount(size)) if price and amount(price) else (None, None)


def _book(told: Any, received_ns: int, *, update: bool) -> list[Row]:
    if update:
        one_of(told, "action", "update")
    elif "action" in told:
        one_of(told, "action", "snapshot")
    (one,) = entries(told, "data")
    known(one, dict)
    summed = received_ns < _NO_CHECKSUM_SINCE_NS
    if not summed:
        numbers = {"last_update_id": whole(one, "seqId"), "prev_update_id": whole(one, "prevSeqId") if update else None}
    else:
        before = whole_or_none(one, "prevSeqId", -1) if update else None
        numbers = {"last_update_id": whole_or_none(one, "seqId"), "prev_update_id": before}
    checksum = whole_or_none(one, "checksum", -(2**31), 2**31 - 1)
    return ladder(
        [pair(level, exactly=False) for level in entries(one, "bids")],
        [pair(level, exactly=False) for level in entries(one, "asks")],
        exchange_ns=_time(one, "ts"), checksum=checksum if summed else None, **numbers,
    )  # fmt: skip


def _ms(of: Any, key: str) -> int:
    return digits(of[key], 18) if of.get(key) else 0


def _facts(told: Any, channel: str) -> list[Row]:
    rows = []
    for one in entries(told, "data"):
        text(one, _FACT[channel])
        due = _ms(one, "fundingTime")
        after = _ms(one, "nextFundingTime") if due else 0
        hours = (after - due) // _HOUR_MS if due and after > due and not (after - due) % _HOUR_MS else None
        rows.append(
            row(
                mark_price=said_or_none(one, "markPx"), index_price=said_or_none(one, "idxPx", signed=True),
                funding_rate=said_or_none(one, "fundingRate", signed=True), open_interest=said_or_none(one, "oi"),
                next_funding_ns=due * NS_PER_MS or None, interval_hours=hours, exchange_ns=_time(one, "ts"),
            )
        )  # fmt: skip
    return rows
