"""Read exchanges as they spoke at a moment of the past, where the configuration says so."""

from __future__ import annotations

from collections.abc import Mapping

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from exchanges import Exchange


def as_configured(exchanges: Mapping[str, Exchange], settings: Settings) -> dict[str, Exchange]:
    """Return the exchanges with their markets as of the moments of `dialects`; others as of today.

    Worker and producer both read by what this returns. Raises ConfigError for an exchange that does
    not exist.
    """
    for name in settings.dialects:
        if name not in exchanges:
            raise ConfigError(f"dialects: there is no exchange {name}", fix=f"one of {', '.join(exchanges)}")
    return {name: _at(exchange, settings.dialects.get(name)) for name, exchange in exchanges.items()}


def _at(exchange: Exchange, moment: str | None) -> Exchange:
    if moment is None:
        return exchange
    received_ns = clock.from_iso(moment)
    return Exchange(exchange.name, {name: market.at(received_ns) for name, market in exchange.markets.items()})
