"""Production takes live data from the venue's own endpoints and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cryptoflow.config import Producer, Settings
from cryptoflow.errors import ConfigError
from exchanges.binance import EXCHANGE, USDM
from producers._guard import check_source, rest_base, websocket_url

OTHER = {"binance.usdm.public": "ws://127.0.0.1:1/public/stream"}


def settings(environment: str, endpoints: dict[str, str] | None = None) -> Settings:
    """Make settings of an environment."""
    values: dict[str, Any] = {"environment": environment, "producer": Producer(endpoints=endpoints or {})}
    return Settings(**values)


@pytest.mark.parametrize(
    ("environment", "endpoints", "source", "market", "why"),
    [
        ("production", {}, "test", "usdm", "source test is refused in production"),
        ("production", {}, "replay", "usdm", "source replay is refused in production"),
        ("production", OTHER, "live", "usdm", "is refused in production"),
        ("test", OTHER, "live", "usdm", "source live needs the venue's own endpoints"),
        ("test", {}, "invented", "usdm", "source invented is not known"),
        ("test", {}, "test", "spot2", "has no market spot2"),
        ("test", {"binance.usdm.publik": "ws://x"}, "test", "usdm", "is not an endpoint"),
    ],
)
def test_mixtures_are_refused_in_one_line(
    environment: str, endpoints: dict[str, str], source: str, market: str, why: str
) -> None:
    """Each refusal names the setting and the remedy."""
    with pytest.raises(ConfigError, match=why) as caught:
        check_source(settings(environment, endpoints), EXCHANGE, (market,), source)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_honest_configurations_pass() -> None:
    """Live from the venue, in any environment; test data from elsewhere, outside production."""
    check_source(settings("production"), EXCHANGE, ("usdm",), "live")
    check_source(settings("test", OTHER), EXCHANGE, ("usdm",), "test")
    check_source(settings("local", OTHER), EXCHANGE, ("usdm",), "replay")
    check_source(settings("local", {"other.spot.public": "ws://x"}), EXCHANGE, ("usdm",), "live")


def test_endpoints_are_the_venues_unless_set() -> None:
    """An override replaces the whole URL."""
    public = USDM.endpoint("public")
    assert websocket_url(settings("test"), "binance", "usdm", public) == public.url
    assert websocket_url(settings("test", OTHER), "binance", "usdm", public) == OTHER["binance.usdm.public"]
    assert rest_base(settings("test"), "binance", USDM) == USDM.rest.base
    assert (
        rest_base(settings("test", {"binance.usdm.rest": "http://127.0.0.1:1"}), "binance", USDM)
        == "http://127.0.0.1:1"
    )
