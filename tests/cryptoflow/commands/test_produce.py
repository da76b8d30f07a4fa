"""`cryptoflow produce` reaches the real venue and the configured broker, or says in a line why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow import registry

BROKER = {"CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


def test_without_a_broker_it_does_not_start(error_line: Callable[..., str]) -> None:
    """Production first: no stand-in is chosen."""
    assert "kafka.bootstrap_servers is not configured" in error_line(2, "produce")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--exchange", "nowhere"), "there is no exchange nowhere"),
        (("--market", "moon"), "binance has no market moon"),
        (("--streams", "klines"), "klines is no stream kind"),
        (("--symbols", "volume=3"), "there is no volume="),
        (("--symbols", "kraken: A"), "kraken: is not recorded by this process"),
        (("--replica-index", "1"), "replica_index 1 is not below"),
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


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Take what the command hands to the producer."""
    found: list[Any] = []

    async def produce(settings: Any, venues: Any, chosen: Any, source: str, stop: Any, tell: Any) -> None:
        assert isinstance(stop, asyncio.Event)
        tell(live=True, ready=True, detail={})
        found.append((settings, {one.exchange.name: one.markets for one in venues}, chosen, source, venues))

    monkeypatch.setattr("producers.produce", produce)
    return found


def test_the_choice_is_handed_on(cli: Callable[..., Any], seen: list[Any]) -> None:
    """Exchange, markets, symbols and source arrive; all markets are the default."""
    words = ("--symbol", "AAAUSDT", "--symbols", "binance.usdm: top=5", "--streams", "book,trades")
    assert cli("produce", *words, "--replica-count", "3", "--replica-index", "2", **BROKER).exit_code == 0
    settings, venues, chosen, source, _ = seen[0]
    assert settings.kafka.bootstrap_servers == "127.0.0.1:1"
    assert settings.producer.streams == ("book", "trades")
    assert (settings.producer.replica_count, settings.producer.replica_index) == (3, 2)
    assert venues == {"binance": tuple(registry.load("exchanges", "EXCHANGE")["binance"].markets)}
    assert chosen.of("binance", "usdm").top == 5
    assert chosen.of("binance", "spot").names == ("AAAUSDT",)
    assert source == "live"


def test_several_venues_share_a_process(cli: Callable[..., Any], seen: list[Any]) -> None:
    """A market is that of every venue that has it; a venue of which none is named is recorded whole."""
    words = ("--exchange", "binance", "--market", "usdm", "--market", "spot", "--exchange", "okx")
    assert cli("produce", *words, **BROKER).exit_code == 0
    okx = tuple(registry.load("exchanges", "EXCHANGE")["okx"].markets)
    expected = tuple(name for name in okx if name == "spot") or okx
    assert seen[0][1] == {"binance": ("usdm", "spot"), "okx": expected}
    assert cli("produce", "--exchange", "okx", "--exchange", "binance", "--market", "okx.swap", **BROKER).exit_code == 0
    assert seen[1][1] == {"okx": ("swap",), "binance": ("spot", "usdm")}


def test_symbols_of_the_configuration_hold_when_none_are_given(cli: Callable[..., Any], seen: list[Any]) -> None:
    """The command line replaces them."""
    configured = {**BROKER, "CRYPTOFLOW_PRODUCER__SYMBOLS": '["quote=USDT"]'}
    assert cli("produce", **configured).exit_code == 0
    assert cli("produce", "--symbol", "A", **configured).exit_code == 0
    assert [one[2].of("binance", "usdm").names for one in seen] == [(), ("A",)]
    assert seen[0][2].of("binance", "usdm").filters == {"quote": frozenset({"USDT"})}


def test_frames_are_routed_as_of_the_configured_date(cli: Callable[..., Any], seen: list[Any]) -> None:
    """Producer and worker read an old recording in one dialect."""
    old = {"CRYPTOFLOW_ENVIRONMENT": "test", "CRYPTOFLOW_DIALECTS": '{"okx": "2022-05-13"}'}
    assert cli("produce", "--exchange", "okx", "--source", "replay", **BROKER, **old).exit_code == 0
    today = registry.load("exchanges", "EXCHANGE")["okx"].markets
    then_ns = 1_652_400_000_000_000_000
    (venue,) = seen[0][4]
    assert all(market is today[name].at(then_ns) is not today[name] for name, market in venue.exchange.markets.items())
