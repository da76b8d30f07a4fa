"""Keep production and tests apart: sources, endpoints. Pure."""

from __future__ import annotations

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from exchanges import Endpoint, Exchange, Market

LIVE = "live"
REPLAY = "replay"
SOURCES = (LIVE, "test", REPLAY)
REST = "rest"


def check_source(settings: Settings, exchange: Exchange, market_names: tuple[str, ...], source: str) -> None:
    """Refuse what must not be mixed; raises ConfigError in one line.

    Data is `live` only when it comes from the venue's own endpoints, and production takes nothing else.
    """
    if source not in SOURCES:
        raise ConfigError(f"producing: source {source} is not known", fix=f"one of {', '.join(SOURCES)}")
    known = {
        f"{exchange.name}.{name}.{endpoint}"
        for name, market in exchange.markets.items()
        for endpoint in (REST, *(one.name for one in market.endpoints))
    }
    for key in settings.producer.endpoints:
        if key.startswith(f"{exchange.name}.") and key not in known:
            raise ConfigError(f"producer.endpoints: {key} is not an endpoint", fix=f"one of {', '.join(sorted(known))}")
    for name in market_names:
        if name not in exchange.markets:
            raise ConfigError(
                f"producing: {exchange.name} has no market {name}", fix=f"one of {', '.join(exchange.markets)}"
            )
    production = settings.environment == "production"
    overridden = sorted(key for key in settings.producer.endpoints if key in known)
    if production and overridden:
        raise ConfigError(
            f"producer.endpoints: {overridden[0]} is refused in production", fix="remove it, or set environment: test"
        )
    if production and source != LIVE:
        raise ConfigError(f"producing: source {source} is refused in production", fix="set environment: test")
    if source == LIVE and overridden:
        raise ConfigError(
            f"producing: source live needs the venue's own endpoints, {overridden[0]} is another",
            fix="remove producer.endpoints, or use source test or replay",
        )


def websocket_url(settings: Settings, exchange: str, market: str, endpoint: Endpoint) -> str:
    """Return where to connect."""
    return settings.producer.endpoints.get(f"{exchange}.{market}.{endpoint.name}", endpoint.url)


def rest_base(settings: Settings, exchange: str, market: Market) -> str:
    """Return where to ask."""
    return settings.producer.endpoints.get(f"{exchange}.{market.name}.{REST}", market.rest.base)
