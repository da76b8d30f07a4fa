"""What Binance's frames must become, spot and USD-M."""

from __future__ import annotations

import json
from typing import Any

from typing_extensions import override

from cryptoflow.verify.frames import Expected, Row, exact, product
from cryptoflow.verify.venues._reader import VALUES, Reader

_MS = 1_000_000
_COIN_MARGINED = 2
_KIND_OF_CHANNEL = {
    "aggTrade": "trades",
    "trade": "trades",
    "bookTicker": "quotes",
    "depth": "book",
    "markPrice": "funding",
    "forceOrder": "liquidations",
}


class _Binance(Reader):
    """Read what both markets send alike, in the combined envelope."""

    exchange = "binance"
    proofs = {"trades": "contiguous", "book_deltas": "chain"}  # noqa: RUF012 - as declared in Reader

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        data = json.loads(payload)["data"]
        found = self._read(data.get("e", "bookTicker"), data)
        return [] if found is None or data.get("st", 1) == _COIN_MARGINED else [found]

    def _read(self, event: str, data: dict[str, Any]) -> Expected | None:
        if event == "aggTrade":
            return self._fill(data, data["a"], data["l"] - data["f"] + 1)
        if event == "trade":
            # Only fills of the book are trades (PROTOCOLS 3.3).
            return self._fill(data, data["t"], 1) if data.get("X", "MARKET") == "MARKET" else None
        if event == "bookTicker":
            at = data["T"] * _MS if "T" in data else None
            row = (exact(data["b"]), exact(data["B"]), exact(data["a"]), exact(data["A"]), at)
            return Expected("quotes", data["s"], data["u"], [row])
        return self._depth(data) if event == "depthUpdate" else None

    @staticmethod
    def _fill(data: dict[str, Any], number: int, count: int) -> Expected:
        size, price = exact(data["q"]), exact(data["p"])
        side = "sell" if data["m"] else "buy"
        row = (price, size, size, product(price, size), side, count, data["T"] * _MS)
        return Expected("trades", data["s"], number, [row], number, number)

    @staticmethod
    def _depth(data: dict[str, Any]) -> Expected:
        tail = (data["U"], data.get("pu"), data["T" if "T" in data else "E"] * _MS)
        rows: list[Row] = [(*level, *tail) for level in _levels(data["b"], data["a"])]
        return Expected("book_deltas", data["s"], data["u"], rows, data["U"], data["u"])

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        symbol, _, channel = stream.partition("@")
        kind = _KIND_OF_CHANNEL.get(channel.partition("@")[0])
        return [(kind, symbol.upper())] if kind else []

    @override
    def answer(self, symbol: str, body: str) -> Expected:
        data = json.loads(body)
        at = data["T"] * _MS if "T" in data else None
        return Expected(
            "book_snapshots", symbol, (data["lastUpdateId"], at), _levels(data["bids"], data["asks"])
        )  # fmt: skip


class Spot(_Binance):
    """Read Binance spot (PROTOCOLS 2.4)."""

    market = "spot"


class UsdM(_Binance):
    """Read Binance USD-M (PROTOCOLS 3.3)."""

    market = "usdm"
    values = VALUES

    @override
    def _read(self, event: str, data: dict[str, Any]) -> Expected | None:
        if event == "markPriceUpdate":
            rate = exact(data["r"]) if data["r"] else None
            row = (exact(data["p"]), exact(data["i"]), exact(data["P"]), rate, data["T"] * _MS or None)
            return Expected("funding", data["s"], data["E"] * _MS, [row])
        if event == "forceOrder":
            return _liquidation(data["o"])
        return super()._read(event, data)


def _liquidation(order: dict[str, Any]) -> Expected:
    size = exact(order["q"])
    key = (order["T"] * _MS, order["S"].lower(), size, exact(order["p"]), exact(order["ap"]), exact(order["z"]))
    position = "long" if order["S"] == "SELL" else "short"
    return Expected("liquidations", order["s"], key, [(size, position)])


def _levels(bids: list[list[str]], asks: list[list[str]]) -> list[Row]:
    return [
        (side, level, exact(price), exact(size))
        for side, levels in (("bid", bids), ("ask", asks))
        for level, (price, size) in enumerate(levels)
    ]


READERS = (Spot, UsdM)
