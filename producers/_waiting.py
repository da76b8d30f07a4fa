"""Tell of symbols that people added and that a market does not list."""

from __future__ import annotations

from collections.abc import Container, Sequence

from cryptoflow import events
from producers._orders import SymbolOrder


class Waiting:
    """Hold, per market of an exchange, what was added by order and is not listed; each name is told once."""

    def __init__(self, exchange: str) -> None:
        """Know of nothing."""
        self._exchange = exchange
        self._symbols: dict[str, list[str]] = {}

    def note(self, market: str, orders: Sequence[SymbolOrder], listed: Container[str]) -> None:
        """Look at a market's orders with the native and canonical names it lists."""
        before = self._symbols.get(market, [])
        self._symbols[market] = [one.symbol for one in orders if one.state == "added" and one.symbol not in listed]
        for symbol in self._symbols[market]:
            if symbol not in before:
                events.SymbolWaiting(exchange=self._exchange, market=market, symbol=symbol).emit()

    def facts(self) -> list[dict[str, str]]:
        """Return what waits, as JSON types."""
        return [
            {"exchange": self._exchange, "market": market, "symbol": symbol}
            for market, symbols in self._symbols.items()
            for symbol in symbols
        ]
