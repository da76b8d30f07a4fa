"""`cryptoflow symbols` changes what running producers record."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow.config import Kafka
from cryptoflow.localstack.mockbroker import serve

WHERE = ("--exchange", "binance", "--market", "usdm")


@pytest.fixture(scope="module")
def broker_of_orders() -> dict[str, str]:
    """Point at a mock broker that has the topic of orders."""
    kafka = Kafka(prefix=f"s{uuid.uuid4().hex[:6]}.")
    servers = serve({kafka.control_topic("symbols"): 1})
    return {"CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS": servers, "CRYPTOFLOW_KAFKA__PREFIX": kafka.prefix}


def test_orders_are_written_listed_and_taken_back(cli: Callable[..., Any], broker_of_orders: dict[str, str]) -> None:
    """Add, remove and reset, as a table and as JSON."""
    added = cli("symbols", "add", "AAAUSDT", "BBB-USDT", *WHERE, **broker_of_orders)
    assert (added.exit_code, "binance.usdm.BBB-USDT" in added.stdout) == (0, True), added.output
    # Only the producers know what is listed.
    assert "waits until it does: `cryptoflow status` names it" in added.stderr
    removed = cli("symbols", "remove", "BBB-USDT", *WHERE, "--json", **broker_of_orders)
    assert json.loads(removed.stdout) == {"state": "removed", "keys": ["binance.usdm.BBB-USDT"]}
    found = json.loads(cli("symbols", "list", "--json", **broker_of_orders).stdout)
    assert [(one["symbol"], one["state"]) for one in found] == [("AAAUSDT", "added"), ("BBB-USDT", "removed")]
    assert cli("symbols", "reset", "AAAUSDT", "BBB-USDT", *WHERE, **broker_of_orders).exit_code == 0
    assert cli("symbols", "list", **broker_of_orders).stdout.splitlines() == ["market  symbol  state  ordered"]


def test_every_market_of_the_named_venues_is_meant(cli: Callable[..., Any], broker_of_orders: dict[str, str]) -> None:
    """As for the producer."""
    words = ("symbols", "add", "CCC", "--exchange", "okx", "--exchange", "kraken", "--market", "futures", "--json")
    assert json.loads(cli(*words, **broker_of_orders).stdout)["keys"] == ["okx.futures.CCC", "kraken.futures.CCC"]


def test_what_cannot_be_asked_is_one_line(error_line: Callable[..., str], broker_of_orders: dict[str, str]) -> None:
    """An unknown venue, no name, no broker, no topic."""
    assert "there is no exchange nowhere" in error_line(2, "symbols", "add", "A", "--exchange", "nowhere")
    assert "Missing argument 'NAME...'" in error_line(2, "symbols", "remove")
    assert "kafka.bootstrap_servers is not configured" in error_line(2, "symbols", "list")
    elsewhere = {**broker_of_orders, "CRYPTOFLOW_KAFKA__PREFIX": "elsewhere."}
    assert "topics apply" in error_line(2, "symbols", "add", "A", *WHERE, **elsewhere)
