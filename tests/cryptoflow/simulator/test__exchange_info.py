"""Synthetic definitions."""

from __future__ import annotations

import json

import pytest

from cryptoflow.simulator._exchange_info import completed, definition, exchange_info


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [("BTCUSDT", "BTC", "USDT"), ("ETHUSDC", "ETH", "USDC"), ("USDCUSDT", "USDC", "USDT"), ("ETHBTC", "ETH", "BTC")],
)
def test_base_and_quote(symbol, base, quote):
    """Base and quote are told apart by the known quote assets, and the entry says it is synthetic."""
    entry = definition(symbol, 2)
    assert (entry["baseAsset"], entry["quoteAsset"], entry["x_synthetic"]) == (base, quote, True)


def test_steps():
    """Steps have as many decimals as the prices."""
    entry = json.loads(exchange_info({"AUSDT": 4}, 2400, 1))["symbols"][0]
    assert [each.get("tickSize", each.get("stepSize")) for each in entry["filters"]] == ["0.0001", "0.001"]
    assert definition("AUSDT", 0)["filters"][0]["tickSize"] == "1"


def test_recorded_answer_is_untouched_when_complete():
    """A recorded answer with all symbols stays byte for byte; else the missing ones are added and named."""
    recorded = b'{"symbols": [ {"symbol":"AUSDT"} ] }'
    assert completed(recorded, {"AUSDT": 2}) is recorded
    answer = json.loads(completed(recorded, {"AUSDT": 2, "BUSDT": 3}))
    assert [entry["symbol"] for entry in answer["symbols"]] == ["AUSDT", "BUSDT"]
    assert answer["x_synthetic"] == ["BUSDT"]
