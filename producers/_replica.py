"""Tell which replica this process is and which replica owns a symbol. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import xxhash

from cryptoflow.config import Producer, Settings
from cryptoflow.errors import ConfigError

VIRTUAL_SHARDS = 1024
"""Fixed: the shard of a symbol never changes, only who owns the shard."""

_ORDINAL = re.compile(r"-(\d{1,4})$")


@dataclass(frozen=True, slots=True)
class Replica:
    """Be one of `count` producers that share the symbols; an index at or above the count owns none."""

    index: int = 0
    count: int = 1

    def owns(self, exchange: str, market: str, symbol: str) -> bool:
        """Tell whether a symbol is this replica's."""
        return owner_of(exchange, market, symbol, self.count) == self.index


def shard_of(exchange: str, market: str, symbol: str) -> int:
    """Return the virtual shard of a native symbol: xxhash64 of its key, modulo 1024."""
    return xxhash.xxh64_intdigest(f"{exchange}.{market}.{symbol}") % VIRTUAL_SHARDS


def owner_of(exchange: str, market: str, symbol: str, count: int) -> int:
    """Return the index of the replica that owns a symbol when there are `count`."""
    return shard_of(exchange, market, symbol) % count


def replica_of(settings: Producer, hostname: str) -> Replica:
    """Read the replica from the settings, or its index from the ordinal of a stateful set's pod.

    Raises ConfigError when the hostname ends in no ordinal, or a set index is not below the count. An
    ordinal may be: it is a pod that a deployment is about to take away.
    """
    if settings.replica_from == "ordinal":
        found = _ORDINAL.search(hostname.partition(".")[0])
        if found is None:
            raise ConfigError(
                f"choosing the replica: the hostname {hostname} ends in no ordinal such as -0",
                fix="run it as a StatefulSet, or set producer.replica_from: setting with producer.replica_index",
            )
        return Replica(int(found[1]), settings.replica_count)
    if settings.replica_index >= settings.replica_count:
        raise ConfigError(
            f"choosing the replica: producer.replica_index {settings.replica_index} is not below "
            f"producer.replica_count {settings.replica_count}",
            fix="count replicas from 0",
        )
    return Replica(settings.replica_index, settings.replica_count)


def with_replica(settings: Settings, hostname: str) -> Settings:
    """Return the settings with the index resolved, so that the rest of the process reads one place."""
    found = replica_of(settings.producer, hostname)
    own = settings.producer.model_copy(update={"replica_index": found.index})
    return settings.model_copy(update={"producer": own})


def spool_name(settings: Settings, exchanges: Iterable[str]) -> str:
    """Name the folder of a process within the spool directory: no other process records the same there."""
    own = settings.producer
    parts = [settings.kafka.prefix + "+".join(exchanges), own.feed, "+".join(sorted(own.streams))]
    return "-".join([*(part for part in parts if part), str(own.replica_index)])
