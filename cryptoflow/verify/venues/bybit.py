"""What Bybit's frames must become: spot and linear contracts (PROTOCOLS 4.4)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from typing_extensions import override

from cryptoflow.verify.frames import Expected, Row, exact, product
from cryptoflow.verify.venues._reader import KEYS, VALUES, Reader

_MS = 1_000_000
_WIRE = {
    "mark_price": "markPrice", "index_price": "indexPrice", "funding_rate": "fundingRate",
    "open_interest": "openInterest",
}  # fmt: skip
_KINDS = {
    "publicTrade": "trades", "orderbook.1": "quotes", "orderbook.50": "book", "orderbook.200": "book",
    "orderbook.1000": "book",
}  # fmt: skip
_LINEAR_KINDS = {"orderbook.500": "book", "tickers": "funding", "allLiquidation": "liquidations"}


class _Bybit(Reader):
    """Read what both markets send alike. A service that starts again counts updates from 1."""

    exchange = "bybit"
    keys = {  # noqa: RUF012 - as declared in Reader
        **KEYS,
        "quotes": ("update_id", "exchange_ns"),
        "book_deltas": ("last_update_id", "exchange_ns"),
        "funding": ("exchange_ns", *_WIRE),
        "liquidations": ("exchange_ns", "side", "size", "price"),
    }
    values = {  # noqa: RUF012 - as declared in Reader
        **VALUES,
        "book_deltas": ("side", "level", "price", "size", "first_update_id"),
        "funding": ("next_funding_ns", "interval_hours"),
    }
    proofs = {"book_deltas": "chain"}  # noqa: RUF012 - as declared in Reader
    restarts = True
    kinds = _KINDS

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        told = json.loads(payload)
        channel, _, symbol = told.get("topic", "").rpartition(".")
        kind, data = self.kinds.get(channel), told.get("data")
        if kind == "trades":
            return [_fill(symbol, entry) for entry in data]
        if kind == "quotes":
            return [_quote(symbol, data, told["cts"] * _MS)]
        if kind == "book":
            return [_book(symbol, told)]
        if kind == "funding":
            return _facts(symbol, data, told["ts"] * _MS)
        return _closed(symbol, data) if kind else []

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        channel, _, symbol = stream.rpartition(".")
        return [(self.kinds[channel], symbol)] if channel in self.kinds else []

    @override
    def answer(self, symbol: str, body: str) -> Expected:
        data = json.loads(body)["result"]
        return _snapshot(symbol, data, data["cts"] * _MS)


class Spot(_Bybit):
    """Read Bybit spot."""

    market = "spot"


class Linear(_Bybit):
    """Read Bybit linear contracts: sizes are in the base coin too."""

    market = "linear"
    kinds = {**_KINDS, **_LINEAR_KINDS}  # noqa: RUF012 - as declared above


def _fill(symbol: str, entry: dict[str, Any]) -> Expected:
    price, size, number = exact(entry["p"]), exact(entry["v"]), entry["i"]
    side = {"Buy": "buy", "Sell": "sell"}[entry["S"]]
    row = (price, size, size, product(price, size), side, 1, entry["T"] * _MS)
    return Expected("trades", symbol, int(number) if number.isdigit() else number, [row])


def _quote(symbol: str, data: dict[str, Any], at: int) -> Expected:
    best = [[exact(part) for part in data[side][0]] if data[side] else [None, None] for side in ("b", "a")]
    return Expected("quotes", symbol, (data["u"], at), [(*best[0], *best[1], at)])


def _levels(data: dict[str, Any]) -> list[Row]:
    return [
        (side, place, exact(price), exact(size))
        for side, levels in (("bid", data["b"]), ("ask", data["a"]))
        for place, (price, size) in enumerate(levels)
    ]


def _snapshot(symbol: str, data: dict[str, Any], at: int) -> Expected:
    return Expected("book_snapshots", symbol, (data["u"], at), _levels(data))


def _book(symbol: str, told: dict[str, Any]) -> Expected:
    data, number, at = told["data"], told["data"]["u"], told["cts"] * _MS
    # The first update after a restart is the whole book, whatever it calls itself.
    if told["type"] == "snapshot" or number == 1:
        return _snapshot(symbol, data, at)
    rows = [(*level, number) for level in _levels(data)]
    return Expected("book_deltas", symbol, (number, at), rows, number, number)


def _facts(symbol: str, data: dict[str, Any], at: int) -> list[Expected]:
    facts = [exact(data[name]) if data.get(name) else None for name in _WIRE.values()]
    due, hours = (int(data.get(name) or 0) or None for name in ("nextFundingTime", "fundingIntervalHour"))
    if all(fact is None for fact in (*facts, due, hours)):
        return []  # what changed is nobody's column
    return [Expected("funding", symbol, (at, *facts), [(due and due * _MS, hours)])]


def _closed(symbol: str, entries: list[dict[str, Any]]) -> list[Expected]:
    """Return one frame per identity: genuine twins of one message are rows of one."""
    closing, position = {"Buy": "sell", "Sell": "buy"}, {"Buy": "long", "Sell": "short"}
    found = Counter((one["T"] * _MS, one["S"], exact(one["v"]), exact(one["p"])) for one in entries)
    return [
        Expected("liquidations", symbol, (at, closing[held], size, price), [(size, position[held])] * count)
        for (at, held, size, price), count in found.items()
    ]


READERS = (Spot, Linear)
