"""Exchanges are read as they spoke at the configured moments, by worker and producer alike."""

from __future__ import annotations

import pytest

from cryptoflow import registry
from cryptoflow.clock import from_iso
from cryptoflow.config import Settings
from cryptoflow.dialects import as_configured
from cryptoflow.errors import ConfigError
from exchanges import Exchange

EXCHANGES: dict[str, Exchange] = registry.load("exchanges", "EXCHANGE")


def test_without_dialects_nothing_changes() -> None:
    """Every exchange is the very value that was found."""
    found = as_configured(EXCHANGES, Settings(environment="test"))
    assert all(found[name] is exchange for name, exchange in EXCHANGES.items())


def test_every_market_of_a_named_exchange_is_as_it_was_then() -> None:
    """Only the named exchange speaks as of the moment; the others as of today."""
    found = as_configured(EXCHANGES, Settings(environment="test", dialects={"okx": "2022-05-13T06:00:00Z"}))
    assert found.keys() == EXCHANGES.keys()
    assert found["binance"] is EXCHANGES["binance"]
    assert found["okx"].name == "okx"
    for name, market in EXCHANGES["okx"].markets.items():
        then = found["okx"].markets[name]
        assert then is market.at(from_iso("2022-05-13T06:00:00Z"))
        assert then is not market


def test_an_exchange_that_does_not_exist_is_refused() -> None:
    """A misspelt name would leave its exchange in today's dialect, unseen."""
    with pytest.raises(ConfigError, match="there is no exchange okex"):
        as_configured(EXCHANGES, Settings(environment="test", dialects={"okex": "2022-05-13"}))
