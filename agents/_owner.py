"""The protocol by which one worker owns one raw partition: outputs first, then states, then the barrier.

Written against small ports, so that the same code runs over Kafka and in the tests' memory model.
An owner lives for one assignment; its epoch is a fresh uuid. What makes it exact:

1. Outputs are delivered before any state that contains them is written.
2. A state stands under (symbol, epoch). Before its first barrier an epoch writes every state it has
   read under itself, so that its barriers rest on its own states only.
3. The barrier is written after the states: the lowest raw offset not contained in one of them.
4. Entries of the epochs it has read are cleared after its own barrier, never before.
5. Between any two steps the epoch must still be live.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents._cadence import Cadence
from agents._outgoing import MdOutput, Names, Outgoing, Wrapper
from agents._position import (
    Barrier,
    Identity,
    Restored,
    Span,
    StateValue,
    barrier_key,
    encode_barrier,
    encode_state,
    is_barrier,
    state_key,
)
from agents._rewind import Consumer, Rewind
from cryptoflow.clock import monotonic_s
from cryptoflow.errors import IdentityError, RetentionError
from cryptoflow.events import LogLost
from cryptoflow.failpoint import fail_point
from schemas._reseed import ReseedRequest

RawItem = tuple[int, bytes | None, bytes]
"""One raw record: offset, key, value."""


class Outputs(Protocol):
    """Be what a core makes of raw records."""

    @property
    def md(self) -> Sequence[MdOutput]:
        """Return rows, per topic in raw order."""

    @property
    def reseeds(self) -> Sequence[ReseedRequest]:
        """Return what to ask producers for."""

    @property
    def duplicates(self) -> Counter[tuple[str, str, str]]:
        """Return the repeats dropped, by exchange, market and stream."""

    @property
    def dead(self) -> Counter[tuple[str, str]]:
        """Return the dead letters, by exchange and stage."""

    @property
    def checksums(self) -> Counter[tuple[str, str, str]]:
        """Return the sums over books, by exchange, market and what they said."""

    @property
    def passed_over(self) -> Counter[tuple[str, str, str]]:
        """Return the frames of connections that do not count, by exchange, market and kind."""

    @property
    def frames(self) -> int:
        """Return the frames read."""


class Core(Protocol):
    """Be the pure operators over all symbols of one raw partition."""

    def restore(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Take over states by symbol, with the raw offset each stands at."""

    def lose(self, before: int) -> None:
        """Take note that the log has lost records below an offset; symbols that stand there have changed by it."""

    def process(self, records: Sequence[RawItem]) -> Outputs:
        """Process records in order, skipping those a symbol's state contains; never raises for bad input."""

    def changed(self) -> Sequence[tuple[str, bool]]:
        """List the symbols changed since they were cleared, and whether their state is large."""

    def encoded(self, keys: Iterable[str]) -> Sequence[tuple[str, int, bytes]]:
        """List the states of symbols: symbol, raw offset, bytes."""

    def clear_dirty(self, keys: Iterable[str]) -> None:
        """Forget that these symbols changed, as far as their states were listed."""

    def gaps_open(self) -> Counter[tuple[str, str]]:
        """Count the gaps open now, by exchange and market."""


class Outlet(Protocol):
    """Send records with awaited delivery."""

    def start(self, chains: Mapping[str, Sequence[Outgoing]]) -> Awaitable[None]:
        """Begin to send; within a chain a record leaves only after the one before it is delivered.

        The answer completes when all are delivered and raises when one cannot be.
        """


class Store(Protocol):
    """Write to the checkpoint topic."""

    async def write(self, partition: int, entries: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Return when all entries are delivered, in order; None clears a key."""


class Log(Protocol):
    """Ask the broker about a raw partition."""

    async def span(self, topic: str, partition: int) -> Span:
        """Return the offsets the log has now."""

    async def next_offset(self, topic: str, partition: int, offset: int) -> int:
        """Return the offset of the first record at or after `offset`."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Hold an owner's ways to the outside."""

    outlet: Outlet
    store: Store
    log: Log
    consumer: Consumer
    names: Names


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold an owner's limits."""

    checkpoint_max_states: int = 2000
    md_record_max_bytes: int = 4_194_304
    book_checkpoint_interval_s: float = 30.0
    clear_interval_s: float = 60.0
    accept_lost_log: bool = False


class PartitionOwner:
    """Own one raw partition for one assignment. Calls never overlap; the caller sees to it."""

    def __init__(
        self, raw_topic: str, partition: int, core: Core, ports: Ports, limits: Limits, live: Callable[[], bool]
    ) -> None:
        """Take a fresh epoch; `live` says whether the partition is still ours."""
        self.raw_topic = raw_topic
        self.partition = partition
        self.epoch = uuid.uuid4().hex
        self.next = 0
        self._core = core
        self._ports = ports
        self._limits = limits
        self._live = live
        self._rewind = Rewind(raw_topic, partition)
        self._wrapper = Wrapper(raw_topic, partition, ports.names, limits.md_record_max_bytes)
        self._pending: Awaitable[None] | None = None
        self._whole = True
        self._unsaved: dict[bytes | None, int] = {}
        self._adopt: dict[str, StateValue] = {}
        self._superseded: list[bytes] = []
        self._cleared_at_s = 0.0
        self._cadence = Cadence(limits.book_checkpoint_interval_s, monotonic_s())
        self._barrier: Barrier | None = None
        self._identity = Identity("", "", 0)
        self._started_at = 0

    def begin(self, restored: Restored, identity: Identity, span: Span) -> None:
        """Take over states and position; `next` is then where to read from.

        Raises IdentityError when the positions belong to another topic or cluster or the log ends
        before them, RetentionError when the log begins after them.
        """
        self._identity = identity
        self._superseded = restored.keys
        self.next = self._started_at = self._start(restored, span)
        for barrier in restored.barriers:
            for topic, offset in barrier.prev.items():
                self._wrapper.prev[topic] = max(offset, self._wrapper.prev.get(topic, offset))
        self._adopt = dict(restored.states)
        self._core.restore({symbol: (state.offset, state.state) for symbol, state in restored.states.items()})
        if any(barrier.next < self.next for barrier in restored.barriers):
            self._core.lose(self.next)
            changed = [symbol for symbol, _ in self._core.changed()]
            self._adopt |= {symbol: StateValue(offset, state) for symbol, offset, state in self._core.encoded(changed)}

    def _start(self, restored: Restored, span: Span) -> int:
        where = f"{self.raw_topic}/{self.partition}"
        for barrier in restored.barriers:
            if barrier.identity != self._identity:
                raise IdentityError(
                    f"starting {where}: positions belong to {barrier.identity}, the topic is {self._identity}",
                    fix="the topic or cluster was recreated: see the runbook before giving it a new state topic",
                )
        start = min((barrier.next for barrier in restored.barriers), default=span.begin)
        needed = max([start - 1, *(state.offset for state in restored.states.values())])
        if needed >= span.end:
            raise IdentityError(
                f"starting {where}: the log ends at {span.end}, before offset {needed} that was already processed",
                fix="the log lost records: see the runbook",
            )
        if start < span.begin:
            if not self._limits.accept_lost_log:
                raise RetentionError(
                    f"starting {where}: the log begins at {span.begin}, after offset {start} that is still needed",
                    fix="agents.accept_lost_log goes on with what is left",
                )
            self._tell_lost(start, span.begin)
            return span.begin
        return start

    def _tell_lost(self, first: int, following: int) -> None:
        LogLost(topic=self.raw_topic, partition=self.partition, first_offset=first, next_offset=following).emit()

    async def take(self, records: Sequence[RawItem]) -> Outputs | None:
        """Process records and start to send their rows; returns None when there was nothing to process.

        The rows of the take before are delivered when it returns.
        """
        fresh = records if records[0][0] >= self.next else [record for record in records if record[0] >= self.next]
        if not fresh:
            return None
        if fresh[0][0] > self.next and not await self._may_skip(fresh[0][0]):
            return None
        # From here to the start of sending the core is ahead of its outputs: a checkpoint would be a lie.
        self._whole = False
        outputs = self._core.process(fresh)
        chains = self._wrapper.wrap(outputs.md, outputs.reseeds)
        for offset, key, _ in fresh:
            self._unsaved.setdefault(key, offset)
        await self._settle()
        if not self._live():
            return None
        fail_point("worker.before_outputs")
        if chains:
            self._pending = self._ports.outlet.start(chains)
        self.next = fresh[-1][0] + 1
        self._whole = True
        return outputs

    async def _may_skip(self, offset: int) -> bool:
        """Let offsets be skipped only where the log has none; else the consumer is sent back to them."""
        where = f"{self.raw_topic}/{self.partition}"
        span = await self._ports.log.span(self.raw_topic, self.partition)
        if span.begin > self.next:
            if self._limits.accept_lost_log:
                self._tell_lost(self.next, offset)
                self._core.lose(offset)
                return True
            raise RetentionError(
                f"reading {where}: the log begins at {span.begin}, after offset {self.next} that is still needed",
                fix="give the worker more time per hour of data, or raise kafka.raw_retention_hours",
            )
        following = await self._ports.log.next_offset(self.raw_topic, self.partition, self.next)
        if following == offset:
            return True
        if self._live():
            await self._rewind.ask(self._ports.consumer, self.next, offset)
        return False

    async def _settle(self) -> None:
        """Wait until everything sent is delivered."""
        pending, self._pending = self._pending, None
        if pending is not None:
            await pending
            fail_point("worker.after_outputs")

    async def checkpoint(self, *, last: bool = False) -> None:
        """Write the states that changed, oldest first, then the barrier, then clear what it replaces.

        Large states are written when their turn has come, and all at the `last` checkpoint.
        """
        await self._settle()
        if not self._whole or not self._live():
            return
        due, later = self._split_due(self._core.changed(), last=last)
        changed = {symbol: StateValue(offset, state) for symbol, offset, state in self._core.encoded(due)}
        chosen, left = self._choose({**self._adopt, **changed})
        if chosen:
            await self._write_states(chosen)
        if not self._live():
            return
        self._core.clear_dirty([symbol for symbol in chosen if symbol in changed])
        if left or later:
            for symbol in changed.keys() & chosen.keys():
                self._unsaved.pop(symbol.encode(), None)
        else:
            self._unsaved.clear()
        for symbol in chosen:
            self._adopt.pop(symbol, None)
            self._cadence.written(symbol, monotonic_s())
        if self._adopt:
            return
        floor = self._barrier.next if self._barrier else self._started_at
        lowest = min((self._unsaved.get(symbol.encode(), floor) for symbol in (*left, *later)), default=self.next)
        await self._write_barrier(lowest)
        if self._live():
            await self._clear()

    def _choose(self, states: dict[str, StateValue]) -> tuple[dict[str, StateValue], dict[str, StateValue]]:
        """Split into those written now and those left; what waited longest goes first."""
        if len(states) <= self._limits.checkpoint_max_states:
            return states, {}
        waiting = sorted(states, key=lambda symbol: self._unsaved.get(symbol.encode(), -1))
        split = self._limits.checkpoint_max_states
        return {name: states[name] for name in waiting[:split]}, {name: states[name] for name in waiting[split:]}

    def _split_due(self, changed: Sequence[tuple[str, bool]], *, last: bool) -> tuple[list[str], list[str]]:
        """Split into symbols whose states are written now and those whose turn comes later."""
        now, due, later = monotonic_s(), list[str](), list[str]()
        for symbol, is_large in changed:
            is_due = last or not is_large or self._cadence.is_due(symbol, now)
            (due if is_due else later).append(symbol)
        return due, later

    async def _write_states(self, states: dict[str, StateValue]) -> None:
        fail_point("worker.before_state")
        entries = [
            (state_key(self.raw_topic, symbol, self.epoch), encode_state(state)) for symbol, state in states.items()
        ]
        await self._ports.store.write(self.partition, entries)
        fail_point("worker.after_state")

    async def _write_barrier(self, offset: int) -> None:
        own = self._identity
        barrier = Barrier(offset, dict(self._wrapper.prev), own.cluster, own.topic_id, own.partitions, self.epoch)
        if barrier == self._barrier:
            return
        fail_point("worker.before_barrier")
        key = barrier_key(self.raw_topic, self.partition, self.epoch)
        await self._ports.store.write(self.partition, [(key, encode_barrier(barrier))])
        self._barrier = barrier
        fail_point("worker.after_barrier")

    async def _clear(self) -> None:
        """Clear what earlier epochs wrote; again from time to time, for one of them may have been asleep."""
        now = monotonic_s()
        if not self._superseded or (self._cleared_at_s and now - self._cleared_at_s < self._limits.clear_interval_s):
            return
        await self._ports.store.write(self.partition, [(key, None) for key in self._superseded])
        self._superseded = [key for key in self._superseded if is_barrier(key)]
        self._cleared_at_s = now
