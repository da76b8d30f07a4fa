"""What frames of Binance mean, spot (PROTOCOLS 2) and USD-M (PROTOCOLS 3).

The name of the stream tells the symbol; of a stream of the whole market every entry tells its own.
"""

from __future__ import annotations

import functools
from typing import Any

from strict_reading import (
    IN_BASE,
    Meant,
    Number,
    RefusedError,
    Row,
    entries,
    fill,
    known,
    ladder,
    member,
    millis,
    millis_or_none,
    one_of,
    pair,
    read,
    row,
    said,
    text,
    truth,
    whole,
)

_CHANNELS = {
    "spot": {
        "trade": "trades", "aggTrade": "trades", "bookTicker": "quotes",
        **dict.fromkeys(("depth", "depth@100ms", "depth@1000ms"), "book_deltas"),
    },
    "usdm": {
        "aggTrade": "trades", "trade": "trades", "bookTicker": "quotes", "forceOrder": "liquidations",
        **dict.fromkeys(("depth", "depth@0ms", "depth@100ms", "depth@250ms", "depth@500ms"), "book_deltas"),
        **dict.fromkeys(("markPrice", "markPrice@1s", "markPrice@3s"), "funding"),
    },
}  # fmt: skip
_WHOLE_MARKET = {"!bookTicker": "quotes", "!markPrice@arr@1s": "funding", "!forceOrder@arr": "liquidations"}


class Reader:
    """Read the frames of one market."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Take the market; sizes are in the base asset, so nothing is learnt of contracts."""
        del bodies
        self.usdm = market == "usdm"
        self.channels = _CHANNELS[market]
        self.read = {
            "trades": self._trade,
            "quotes": self._quote,
            "book_deltas": self._deltas,
            "funding": self._funding,
            "liquidations": self._liquidation,
        }

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame of the combined stream means."""
        del received_ns
        told = read(frame)
        name, data = text(told, "stream"), member(told, "data")
        if self.usdm and name in _WHOLE_MARKET:
            record = _WHOLE_MARKET[name]
            return [
                Meant(record, _own_name(entry), functools.partial(self.read[record], entry))
                for entry in (data if type(data) is list else [data])
                if not _is_coin_margined(entry)
            ]
        symbol, _, channel = name.partition("@")
        named = symbol.upper() if symbol.isascii() else _own_name(data)
        if channel not in self.channels or not symbol:
            raise RefusedError(f"stream {name[:40]!r}")
        record = self.channels[channel]
        several = self.usdm and record in {"funding", "liquidations"} and type(data) is list
        own = data if several else [known(data, dict)]
        return [Meant(record, named, functools.partial(self.read[record], entry)) for entry in own]

    def body(self, kind: str, symbol: str, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a REST book or a fetched trade means."""
        del received_ns
        told = read(frame)
        if kind == "book_snapshot":
            return [Meant("book_snapshots", symbol, lambda: self._snapshot(told))]
        return [Meant("trades", symbol, lambda: self._fetched(told))]

    def _usd(self, data: Any, rows: list[Row]) -> list[Row]:
        # PROTOCOLS 3.1: a COIN-M contract counts contracts and is of no market of ours.
        return [] if self.usdm and _is_coin_margined(data) else rows

    def _trade(self, data: Any) -> list[Row]:
        event = one_of(data, "e", "aggTrade", "trade")
        if event == "aggTrade":
            number, count = whole(data, "a"), whole(data, "l") - whole(data, "f") + 1
        else:
            number, count = whole(data, "t"), 1
        found = _filled(data, number, count, "p", "q", "T", "m")
        if self.usdm and event == "trade" and text(data, "X", "MARKET") != "MARKET":
            return []  # PROTOCOLS 3.3
        return self._usd(data, found)

    def _quote(self, data: Any) -> list[Row]:
        found = row(
            bid_price=said(data, "b"), bid_size=said(data, "B"), ask_price=said(data, "a"), ask_size=said(data, "A"),
            update_id=whole(data, "u"), exchange_ns=millis(data, "T") if self.usdm else None,
        )  # fmt: skip
        if self.usdm:
            one_of(data, "e", "bookTicker")
        return self._usd(data, [found])

    def _deltas(self, data: Any) -> list[Row]:
        one_of(data, "e", "depthUpdate")
        rows = ladder(
            map(pair, entries(data, "b")), map(pair, entries(data, "a")),
            first_update_id=whole(data, "U"), last_update_id=whole(data, "u"),
            prev_update_id=whole(data, "pu") if self.usdm else None,
            exchange_ns=millis(data, "T" if self.usdm else "E"),  # PROTOCOLS 1.5
        )  # fmt: skip
        return self._usd(data, rows)

    def _funding(self, data: Any) -> list[Row]:
        one_of(data, "e", "markPriceUpdate")
        rate = said(data, "r", signed=True) if text(data, "r") else None  # PROTOCOLS 3.5
        found = row(
            mark_price=said(data, "p"), index_price=said(data, "i", signed=True), settle_price=said(data, "P"),
            funding_rate=rate, next_funding_ns=millis(data, "T") or None, exchange_ns=millis(data, "E"),
        )  # fmt: skip
        return self._usd(data, [found])

    def _liquidation(self, data: Any) -> list[Row]:
        one_of(data, "e", "forceOrder")
        order = known(member(data, "o"), dict)
        side = one_of(order, "S", "SELL", "BUY")
        found = row(
            price=said(order, "p"), average_price=said(order, "ap"), size=said(order, "q"), base_size=said(order, "q"),
            filled_size=said(order, "z"), side=side.lower(), position="long" if side == "SELL" else "short",
            exchange_ns=millis(order, "T"),
        )  # fmt: skip
        return self._usd(data, [found])

    def _snapshot(self, told: Any) -> list[Row]:
        last = whole(told, "lastUpdateId", 0 if self.usdm else -1)
        return ladder(
            map(pair, entries(told, "bids")), map(pair, entries(told, "asks")),
            last_update_id=None if last == -1 else last,  # PROTOCOLS 2.5: a brand-new symbol
            exchange_ns=millis_or_none(told, "T") if self.usdm else None,
        )  # fmt: skip

    def _fetched(self, told: Any) -> list[Row]:
        if self.usdm:
            return _filled(told, whole(told, "a"), whole(told, "l") - whole(told, "f") + 1, "p", "q", "T", "m")
        return _filled(told, whole(told, "id"), 1, "price", "qty", "time", "isBuyerMaker")


def _filled(data: Any, number: int, count: int, *keys: str) -> list[Row]:
    price, size, at, maker = keys
    if count < 1:
        raise RefusedError("the last fill is before the first")
    side = "sell" if truth(data, maker) else "buy"  # PROTOCOLS 1.2
    return [
        fill(
            said(data, price), said(data, size), IN_BASE,
            trade_id=str(number), count=count, side=side, exchange_ns=millis(data, at),
        )
    ]  # fmt: skip


def _own_name(data: Any) -> str:
    name = text(data, "s", "") or text(data["o"], "s", "") if "o" in known(data, dict) else text(data, "s", "")
    if not name:
        raise RefusedError("no symbol")
    return name


def _is_coin_margined(data: Any) -> bool:
    if "st" not in known(data, dict):
        return False
    product = known(data["st"], Number)
    if not product.removeprefix("-").isdigit():
        raise RefusedError(f"{product[:40]} is no product line")
    return bool(product == "2")
