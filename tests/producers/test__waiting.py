"""A symbol that was added and is not listed waits, and that is said."""

from __future__ import annotations

import pytest

from cryptoflow import events
from producers._orders import SymbolOrder
from producers._waiting import Waiting


def order(symbol: str, state: str = "added") -> SymbolOrder:
    """Order a symbol of one market."""
    return SymbolOrder("binance", "usdm", symbol, "added" if state == "added" else "removed", 5)


def test_what_is_added_and_not_listed_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is listed or the order is taken back; what was removed waits for nothing."""
    told: list[tuple[str, str, str]] = []

    def emit(one: events.SymbolWaiting) -> None:
        told.append((one.exchange, one.market, one.symbol))

    monkeypatch.setattr(events.SymbolWaiting, "emit", emit)
    waiting = Waiting("binance")
    orders = [order("AAAUSDT"), order("NOPE"), order("GONE", "removed")]
    for _ in range(2):
        waiting.note("usdm", orders, {"AAAUSDT"})
        assert waiting.facts() == [{"exchange": "binance", "market": "usdm", "symbol": "NOPE"}]
    assert told == [("binance", "usdm", "NOPE")]
    waiting.note("usdm", orders, {"AAAUSDT", "NOPE"})
    assert waiting.facts() == []
    waiting.note("usdm", orders, {"AAAUSDT"})
    assert len(told) == 2
