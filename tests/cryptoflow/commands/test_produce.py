"""`cryptoflow produce` reaches the real venue and the configured broker, or says in a line why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

BROKER = {"CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


def test_without_a_broker_it_does_not_start(error_line: Callable[..., str]) -> None:
    """Production first: no stand-in is chosen."""
    assert "kafka.bootstrap_servers is not configured" in error_line(2, "produce")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--exchange", "nowhere"), "there is no exchange nowhere"),
        (("--market", "moon"), "binance has no market moon"),
        (("--source", "test"), "source test is refused in production"),
    ],
)
def test_what_cannot_be_is_refused(error_line: Callable[..., str], words: tuple[str, ...], expected: str) -> None:
    """Unknown venues and markets, and test data in production, end before anything is opened."""
    assert expected in error_line(2, "produce", *words, **BROKER)


def test_other_addresses_are_refused_in_production(error_line: Callable[..., str]) -> None:
    """The venue's own endpoints are the only ones."""
    endpoints = {"CRYPTOFLOW_PRODUCER__ENDPOINTS": '{"binance.usdm.rest": "http://127.0.0.1:1"}'}
    assert "is refused in production" in error_line(2, "produce", **BROKER, **endpoints)


def test_the_choice_is_handed_on(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchange, markets, symbols and source arrive; all markets are the default."""
    seen: list[Any] = []

    async def produce(
        settings: Any, exchange: Any, markets: Any, symbols: Any, source: str, stop: Any, tell: Any
    ) -> None:
        assert isinstance(stop, asyncio.Event)
        tell(live=True, ready=True, detail={})
        seen.append((settings.kafka.bootstrap_servers, exchange.name, markets, symbols, source))

    monkeypatch.setattr("producers.produce", produce)
    assert cli("produce", "--symbol", "AAAUSDT", "--symbol", "BBBUSDT", **BROKER).exit_code == 0
    assert seen == [("127.0.0.1:1", "binance", ("spot", "usdm"), ("AAAUSDT", "BBBUSDT"), "live")]
