"""Every symbol has one owner, and a process knows which replica it is."""

from __future__ import annotations

from typing import Any

import pytest

from cryptoflow.config import Producer, Settings
from cryptoflow.errors import ConfigError
from producers._replica import VIRTUAL_SHARDS, Replica, owner_of, replica_of, shard_of, with_replica


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_symbol_has_exactly_one_owner(count: int) -> None:
    """Replicas share the symbols without overlap, and each gets some."""
    symbols = [f"S{number}USDT" for number in range(200)]
    owners = [
        [index for index in range(count) if Replica(index, count).owns("binance", "usdm", name)] for name in symbols
    ]
    assert all(len(one) == 1 for one in owners)
    assert {one[0] for one in owners} == set(range(count))
    assert [one[0] for one in owners] == [owner_of("binance", "usdm", name, count) for name in symbols]


def test_the_shard_of_a_symbol_never_changes() -> None:
    """The hash is fixed: another one would move every symbol of every deployment."""
    assert VIRTUAL_SHARDS == 1024
    assert [shard_of("binance", "usdm", name) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT")] == [515, 765, 7]
    assert shard_of("binance", "spot", "BTCUSDT") != shard_of("binance", "usdm", "BTCUSDT")


@pytest.mark.parametrize(
    ("values", "hostname", "expected"),
    [
        ({"replica_count": 3, "replica_index": 2}, "anything", Replica(2, 3)),
        ({"replica_count": 3, "replica_from": "ordinal"}, "cryptoflow-producer-1", Replica(1, 3)),
        ({"replica_count": 3, "replica_from": "ordinal"}, "producer-12.svc.cluster.local", Replica(12, 3)),
    ],
)
def test_the_index_comes_from_the_setting_or_the_ordinal(
    values: dict[str, Any], hostname: str, expected: Replica
) -> None:
    """A pod beyond the count is about to be taken away; it starts and owns nothing."""
    assert replica_of(Producer(**values), hostname) == expected


@pytest.mark.parametrize(
    ("values", "hostname", "why"),
    [
        ({"replica_count": 2, "replica_index": 2}, "a", "replica_index 2 is not below producer.replica_count 2"),
        ({"replica_count": 2, "replica_from": "ordinal"}, "laptop", "the hostname laptop ends in no ordinal"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(values: dict[str, Any], hostname: str, why: str) -> None:
    """Two replicas of one index would record everything twice and some symbols never."""
    with pytest.raises(ConfigError, match=why) as caught:
        replica_of(Producer(**values), hostname)
    assert caught.value.fix


def test_the_resolved_index_is_what_the_process_reads() -> None:
    """The ordinal ends up in the settings."""
    settings = Settings(producer=Producer(replica_count=4, replica_from="ordinal"))
    assert with_replica(settings, "pod-3").producer.replica_index == 3
