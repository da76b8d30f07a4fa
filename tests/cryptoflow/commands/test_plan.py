"""`cryptoflow plan` says what producers would do, and refuses what a venue does not allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WHERE = ("--exchange", "binance", "--market", "usdm")


@pytest.fixture
def listed(tmp_path: Path) -> str:
    """Write an invented list of instruments."""
    entries = [
        {
            "symbol": f"S{one:04d}USDT", "pair": "x", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
            "status": "TRADING", "baseAsset": f"S{one:04d}", "quoteAsset": "USDT", "marginAsset": "USDT", "filters": [],
        }
        for one in range(600)
    ]  # fmt: skip
    path = tmp_path / "listed.json"
    path.write_text(json.dumps({"symbols": entries}), "utf-8")
    return f"binance.usdm={path}"


def test_it_says_who_owns_what(cli: Callable[..., Any], listed: str) -> None:
    """Per replica: symbols with their shards, connections, addresses, REST weight; in JSON all of it."""
    told = cli("plan", *WHERE, "--instruments", listed, "--replica-count", "2", "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["breaks"] == []
    assert [share["replica"] for share in found["shares"]] == [0, 1]
    for share in found["shares"]:
        assert all(shard % 2 == share["replica"] for shard in share["shards"].values())
        assert set(share["shards"]) == set(share["symbols"])
        assert sum(one["streams"] for one in share["connections"]) == share["streams"]
        assert share["weights"][0]["start"] == 1 + 20 * len(share["symbols"])
    assert sum(len(share["symbols"]) for share in found["shares"]) == 600
    assert "address" in found["shares"][0]["connections"][0]


def test_people_get_two_tables(cli: Callable[..., Any], listed: str) -> None:
    """One line per replica and market, one per connection."""
    told = cli("plan", *WHERE, "--instruments", listed, "--symbols", "top=3 all", "--streams", "book,quotes")
    assert told.exit_code == 0, told.output
    shares, connections, notes = told.stdout.split("\n\n")
    assert notes.endswith("are not counted: kafka.bootstrap_servers is not set\n")
    assert shares.splitlines()[1].split()[:5] == ["0", "binance.usdm", "3", "1", "6"]
    assert connections.splitlines()[1].split()[:6] == ["0", "binance.usdm", "public", "any", "6", "1024"]
    assert "S0000USDT, S0001USDT, S0002USDT" in connections


def test_a_plan_that_breaks_a_limit_is_shown_and_refused(cli: Callable[..., Any], listed: str) -> None:
    """Every broken limit is a line on stderr, the last one with what to do."""
    told = cli("plan", *WHERE, "--instruments", listed, "--replica-count", "3", "--one-address", "--json")
    assert told.exit_code == 2
    (text,) = json.loads(told.stdout)["breaks"]
    assert text.endswith("from the shared address, 2400 are allowed")
    assert f"cryptoflow: planning: {text}" in told.stderr
    assert "more addresses" in told.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--instruments", "okx.swap=a.json"), "okx.swap is not planned here"),
        (("--instruments", "binance.usdm=missing.json"), "No such file"),
        (("--instruments", "binance.usdm"), "is not planned here"),
        (("--replica-count", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_planned_is_one_line(
    error_line: Callable[..., str], words: tuple[str, ...], expected: str
) -> None:
    """Before anything is asked."""
    assert expected in error_line(2, "plan", *WHERE, *words)


def test_a_symbol_without_an_address_is_refused(error_line: Callable[..., str], listed: str, tmp_path: Path) -> None:
    """The file of addresses is read; the addresses need not be those of this machine."""
    path = tmp_path / "ip_shards.yml"
    path.write_text("shards:\n  - ip: 10.9.9.9\n    binance_usdm_symbols: [S0001USDT]\n", "utf-8")
    words = ("plan", *WHERE, "--instruments", listed, "--symbol")
    assert "S0002USDT is in no shard" in error_line(
        2, *words, "S0002USDT", CRYPTOFLOW_PRODUCER__IP_SHARDS_FILE=str(path)
    )


def test_addresses_are_shown(cli: Callable[..., Any], listed: str, tmp_path: Path) -> None:
    """Each connection with the address it leaves from."""
    path = tmp_path / "ip_shards.yml"
    path.write_text("egress_pool: [10.9.9.8, 10.9.9.9]\n", "utf-8")
    told = cli("plan", *WHERE, "--instruments", listed, CRYPTOFLOW_PRODUCER__IP_SHARDS_FILE=str(path))
    assert told.exit_code == 0, told.output
    assert {"10.9.9.8", "10.9.9.9"} <= set(told.stdout.split())
