"""What rows a Binance USD-M frame must become, read with a few lines of standard library."""

from __future__ import annotations

import functools
import json
from collections.abc import Hashable
from decimal import Context, Decimal
from typing import Any, NamedTuple

_MS = 1_000_000
_EXACT = Context(prec=200)
_COIN_MARGINED = 2

Row = tuple[Hashable, ...]


class Expected(NamedTuple):
    """Hold what one frame must become: table, symbol, the key of its rows, the rows, its ids."""

    table: str
    symbol: str
    key: Hashable
    rows: list[Row]
    first: int = 0


@functools.lru_cache(maxsize=500_000)
def exact(text: str) -> str:
    """Return a decimal's one spelling: no exponent, no trailing zeros."""
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain


def product(left: str, right: str) -> str:
    """Return the exact product of two decimals in that spelling."""
    return exact(str(_EXACT.multiply(Decimal(left), Decimal(right))))


def expected(payload: bytes | str) -> Expected | None:
    """Read one combined-stream frame; None when it is no market data of this market."""
    data = json.loads(payload)["data"]
    read = _READERS.get(data["e"])
    if read is None or data.get("st", 1) == _COIN_MARGINED:
        return None
    return read(data)


def _agg_trade(data: dict[str, Any]) -> Expected:
    return _fill(data, data["a"], data["l"] - data["f"] + 1)


def _trade(data: dict[str, Any]) -> Expected | None:
    # Only fills of the book are trades (PROTOCOLS 3.3).
    return _fill(data, data["t"], 1) if data.get("X", "MARKET") == "MARKET" else None


def _fill(data: dict[str, Any], number: int, count: int) -> Expected:
    size, price = exact(data["q"]), exact(data["p"])
    side = "sell" if data["m"] else "buy"
    row = (price, size, size, product(price, size), side, count, data["T"] * _MS)
    return Expected("trades", data["s"], number, [row], number)


def _quote(data: dict[str, Any]) -> Expected:
    row = (exact(data["b"]), exact(data["B"]), exact(data["a"]), exact(data["A"]), data["T"] * _MS)
    return Expected("quotes", data["s"], data["u"], [row])


def _depth(data: dict[str, Any]) -> Expected:
    tail = (data["U"], data["pu"], data["T"] * _MS)
    rows: list[Row] = [
        (side, level, exact(price), exact(size), *tail)
        for side, levels in (("bid", data["b"]), ("ask", data["a"]))
        for level, (price, size) in enumerate(levels)
    ]
    return Expected("book_deltas", data["s"], data["u"], rows, data["U"])


def _mark(data: dict[str, Any]) -> Expected:
    rate = exact(data["r"]) if data["r"] else None
    row = (exact(data["p"]), exact(data["i"]), exact(data["P"]), rate, data["T"] * _MS or None)
    return Expected("funding", data["s"], data["E"] * _MS, [row])


def _force_order(data: dict[str, Any]) -> Expected:
    order = data["o"]
    size = exact(order["q"])
    key = (order["T"] * _MS, order["S"].lower(), size, exact(order["p"]), exact(order["ap"]), exact(order["z"]))
    position = "long" if order["S"] == "SELL" else "short"
    return Expected("liquidations", order["s"], key, [(size, position)])


def snapshot(symbol: str, body: str) -> Expected:
    """Read one REST depth answer."""
    data = json.loads(body)
    rows: list[Row] = [
        (side, level, exact(price), exact(size))
        for side, levels in (("bid", data["bids"]), ("ask", data["asks"]))
        for level, (price, size) in enumerate(levels)
    ]
    at = data["T"] * _MS if "T" in data else None
    return Expected("book_snapshots", symbol, (data["lastUpdateId"], at), rows)


_READERS = {
    "aggTrade": _agg_trade,
    "trade": _trade,
    "bookTicker": _quote,
    "depthUpdate": _depth,
    "markPriceUpdate": _mark,
    "forceOrder": _force_order,
}

STREAM_OF_TABLE = {
    "trades": "trades",
    "quotes": "quotes",
    "book_deltas": "book",
    "funding": "funding",
    "liquidations": "liquidations",
}
KIND_OF_CHANNEL = {
    "aggTrade": "trades",
    "trade": "trades",
    "bookTicker": "quotes",
    "depth": "book",
    "markPrice": "funding",
    "forceOrder": "liquidations",
}


def track_of_stream(stream: str) -> tuple[str, str] | None:
    """Return (kind, native symbol) of a stream name, None for a stream that is not recorded."""
    symbol, _, channel = stream.rpartition(" ")[2].partition("@")
    kind = KIND_OF_CHANNEL.get(channel.partition("@")[0])
    return (kind, symbol.upper()) if kind else None
