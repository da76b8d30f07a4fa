"""Synthetic definitions."""

from __future__ import annotations

import json

import pytest

from cryptoflow.simulator.venues._exchange_info import completed, exchange_info, pair, perpetual, quote_asset, step
from cryptoflow.simulator.venues._values import Listing


def _listing(symbol: str, decimals: int) -> Listing:
    return Listing(market="usdm", symbol=symbol, base=symbol[:-4], quote="USDT", price_decimals=decimals)


@pytest.mark.parametrize(("symbol", "quote"), [("BTCUSDT", "USDT"), ("ETHUSDC", "USDC"), ("USDCUSDT", "USDT")])
def test_quote_asset(symbol: str, quote: str) -> None:
    """The quote of a symbol nobody defines is told by the known quote assets."""
    assert quote_asset(symbol) == quote


def test_entries_say_that_they_are_synthetic() -> None:
    """Steps have as many decimals as prices and sizes."""
    entry = json.loads(exchange_info([perpetual(_listing("AUSDT", 4))], 2400, 1))["symbols"][0]
    assert [each.get("tickSize", each.get("stepSize")) for each in entry["filters"]] == ["0.0001", "0.001"]
    assert (entry["baseAsset"], entry["quoteAsset"], entry["x_synthetic"]) == ("A", "USDT", True)
    assert "contractType" not in pair(_listing("AUSDT", 4))
    assert step(0) == "1"


def test_recorded_answer_is_untouched_when_complete() -> None:
    """A recorded answer with all symbols stays byte for byte; else the missing ones are added and named."""
    recorded = b'{"symbols": [ {"symbol":"AUSDT"} ] }'
    both = [perpetual(_listing("AUSDT", 2)), perpetual(_listing("BUSDT", 3))]
    assert completed(recorded, both[:1]) is recorded
    answer = json.loads(completed(recorded, both))
    assert [entry["symbol"] for entry in answer["symbols"]] == ["AUSDT", "BUSDT"]
    assert answer["x_synthetic"] == ["BUSDT"]
