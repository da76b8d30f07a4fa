"""Where a raw partition stands: states, barriers, identities, and their bytes in the checkpoint topic.

A state is written under (symbol, epoch), a barrier under (partition, epoch), so the late write of a
worker that lost its partition overwrites nothing. A reader takes, per symbol, the state with the
highest offset and starts at the lowest barrier: every barrier was true when written, and the lowest
is covered by whatever states are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from cryptoflow.errors import StopError

_STATE, _BARRIER = "s", "b"


@dataclass(frozen=True, slots=True)
class Identity:
    """Tell one topic of one cluster from another that has its name."""

    cluster: str
    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Span:
    """Hold the offsets a log has: `begin` is the first, `end` the one the next record will get."""

    begin: int
    end: int


class Barrier(msgspec.Struct, frozen=True):
    """Say from where a partition must be read again: `next` is the lowest raw offset still needed.

    `prev` is, per md topic, the raw offset of the last rows delivered when it was written.
    """

    next: int
    prev: dict[str, int]
    cluster: str
    topic_id: str
    partitions: int
    epoch: str

    @property
    def identity(self) -> Identity:
        """Return the ids the positions belong to."""
        return Identity(self.cluster, self.topic_id, self.partitions)


class StateValue(msgspec.Struct, frozen=True):
    """Hold one symbol's state and the raw offset it stands at."""

    offset: int
    state: bytes


@dataclass(slots=True)
class Restored:
    """Hold what the checkpoint topic says of one raw partition.

    `states` has, per symbol, the one with the highest offset; `keys` lists the keys of all entries
    found, which are cleared once the new epoch has written its own.
    """

    states: dict[str, StateValue] = field(default_factory=dict)
    barriers: list[Barrier] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)


def state_key(raw_topic: str, symbol: str, epoch: str) -> bytes:
    """Return the record key of a symbol's state."""
    return f"{_STATE}|{raw_topic}|{symbol}|{epoch}".encode()


def barrier_key(raw_topic: str, partition: int, epoch: str) -> bytes:
    """Return the record key of a partition's barrier."""
    return f"{_BARRIER}|{raw_topic}|{partition}|{epoch}".encode()


def is_barrier(key: bytes) -> bool:
    """Tell a barrier's key from a state's."""
    return key.startswith(b"b|")


def raw_topic_of(key: bytes) -> str:
    """Return the raw topic an entry belongs to."""
    return key.split(b"|", 2)[1].decode()


def gather(entries: Iterable[tuple[bytes, bytes]]) -> Restored:
    """Sort the live entries of one raw partition. Raises StopError for bytes that are not ours."""
    found = Restored()
    for key, value in entries:
        kind, _, rest = key.decode().split("|", 2)
        try:
            if kind == _BARRIER:
                found.barriers.append(msgspec.json.decode(value, type=Barrier))
            else:
                state = msgspec.msgpack.decode(value, type=StateValue)
                symbol = rest.rpartition("|")[0]
                known = found.states.get(symbol)
                if known is None or state.offset > known.offset:
                    found.states[symbol] = state
        except ValueError as error:
            raise StopError(
                f"reading checkpoints: {key.decode()}: {error}", fix="was the state topic written by another version?"
            ) from error
        found.keys.append(key)
    return found


encode_barrier = msgspec.json.Encoder().encode
encode_state = msgspec.msgpack.Encoder().encode
