"""Each symbol leaves from one known address; a wrong file is one line with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptoflow.errors import ConfigError
from producers._ipshards import IpShards, load_ip_shards
from producers._replica import shard_of

MARKETS = {"binance": ("spot", "usdm"), "okx": ("swap",)}
PINNED = """
shards:
  - ip: 10.0.0.1
    binance_symbols: [BTCUSDT]
    binance_usdm_symbols: [ETHUSDT]
  - ip: 10.0.0.2
    binance_spot_symbols: [ETHUSDT]
    okx_symbols: [BTC-USDT-SWAP]
"""


def load(tmp_path: Path, text: str) -> IpShards:
    """Read a file with this text."""
    path = tmp_path / "ip_shards.yml"
    path.write_text(text, "utf-8")
    return load_ip_shards(str(path), MARKETS)


def test_shards_pin_symbols_in_every_market_or_in_one(tmp_path: Path) -> None:
    """`binance_symbols` speaks of all its markets, `binance_usdm_symbols` of one."""
    found = load(tmp_path, PINNED)
    assert found.address("binance", "spot", "BTCUSDT") == found.address("binance", "usdm", "BTCUSDT") == "10.0.0.1"
    assert found.address("binance", "usdm", "ETHUSDT") == "10.0.0.1"
    assert found.address("binance", "spot", "ETHUSDT") == "10.0.0.2"
    assert found.address("okx", "swap", "BTC-USDT-SWAP") == "10.0.0.2"
    assert found.addresses == ("10.0.0.1", "10.0.0.2")


def test_the_pool_goes_round_the_virtual_shards_but_for_overrides(tmp_path: Path) -> None:
    """A symbol that is not pinned leaves from the pool by its shard; one shard may have another address."""
    shard = shard_of("binance", "usdm", "BTCUSDT")
    text = f"egress_pool: [10.0.1.101, 10.0.1.102]\nper_shard_ip_override: {{{shard}: 10.0.1.9}}\n"
    found = load(tmp_path, text)
    assert found.address("binance", "usdm", "BTCUSDT") == "10.0.1.9"
    for number in range(50):
        place = shard_of("okx", "swap", f"S{number}") % 2
        assert found.address("okx", "swap", f"S{number}") == ("10.0.1.101", "10.0.1.102")[place]
    found.check("okx", "swap", ["never seen before"])


def test_without_a_file_the_system_chooses() -> None:
    """The setting local_address still applies."""
    assert load_ip_shards("", MARKETS).address("okx", "swap", "X") == ""
    one = load_ip_shards("", MARKETS, "10.0.0.9")
    assert one.address("okx", "swap", "X") == "10.0.0.9"
    assert one.addresses == ("10.0.0.9",)
    one.check("okx", "swap", ["X"])


def test_a_recorded_symbol_in_no_shard_is_refused(tmp_path: Path) -> None:
    """With pins alone every symbol is to be in the file, once."""
    found = load(tmp_path, PINNED)
    found.check("okx", "swap", ["BTC-USDT-SWAP"])
    with pytest.raises(ConfigError, match=r"okx\.swap\.ETH-USDT-SWAP is in no shard"):
        found.check("okx", "swap", ["ETH-USDT-SWAP"])


@pytest.mark.parametrize("name", ["interfaces", "ec2"])
def test_a_pool_may_be_discovered(tmp_path: Path, name: str) -> None:
    """The addresses are looked up later: reading a file reaches nothing."""
    assert load(tmp_path, f"egress_pool: {name}\n").discover == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("shards:\n- {ip: 10.0.0.1, binance_symbols: [A, A]}", r"binance\.spot\.A stands twice"),
        (
            "shards:\n- {ip: 10.0.0.1, binance_symbols: [A]}\n- {ip: 10.0.0.2, binance_usdm_symbols: [A]}",
            r"binance\.usdm\.A stands twice",
        ),
        ("shards:\n- {ip: 10.0.0.1}\n- {ip: 10.0.0.1}", r"shards.1.ip: 10.0.0.1 stands twice"),
        ("shards:\n- {ip: 10.0.0.1, binance_symbols: [A], binance_symbols: [B]}", "key binance_symbols stands twice"),
        ("shards:\n- {ip: 10.0.0.300, binance_symbols: [A]}", "10.0.0.300 is no IP address"),
        ("shards:\n- {binance_symbols: [A]}", "shards.0.ip: None is no IP address"),
        ("shards:\n- {ip: 10.0.0.1, bybit_symbols: [A]}", "shards.0.bybit_symbols is not known"),
        ("shards:\n- {ip: 10.0.0.1, binance_symbols: A}", "not a list of symbols"),
        ("shards:\n- {ip: 10.0.0.1, binance_symbols: [NO]}", "not a list of symbols"),
        ("shard: []", "shard: Extra inputs"),
        ("egress_pool: all", "egress_pool: .*interfaces"),
        ("egress_pool: [10.0.0.1, 10.0.0.1]", "an address stands twice"),
        ("per_shard_ip_override: {1024: 10.0.0.1}", "1024 is no virtual shard"),
        ("per_shard_ip_override: {1: 10.0.0.1, 1: 10.0.0.2}", "key 1 stands twice"),
        ("shards: [", "line 1: "),
        ("[1]", r"ip_shards\.yml: not a mapping"),
        ("word", r"ip_shards\.yml: not a mapping"),
        ("per_shard_ip_override: {a: 10.0.0.1}", "per_shard_ip_override.a: .*integer"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    """What is wrong, where, and what to write instead."""
    with pytest.raises(ConfigError, match=why) as caught:
        load(tmp_path, text)
    assert caught.value.fix
    assert "ip_shards.yml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "list[str]" not in str(caught.value)  # names of the reader's own types help nobody
    assert "[key]" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """Production does not start without the addresses it was told to use."""
    with pytest.raises(ConfigError, match="No such file"):
        load_ip_shards(str(tmp_path / "none.yml"), MARKETS)
