"""The protocol over thousands of schedules in memory, and the mutants that the same check must catch.

A schedule is a seed: kills at any step, pauses, zombies that go on writing, re-deliveries, batches of
earlier generations. Afterwards the rows, trimmed by the marks of a reader, equal an uninterrupted run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hash_core import HashCore
from memory_cluster import PARTITIONS, TOPIC, Broker, Cluster, Process, Reader

from agents._outgoing import Names
from agents._owner import Limits, PartitionOwner, Ports
from agents._position import Barrier, Identity, Restored, Span, StateValue, barrier_key
from agents._roster import Partition, Roster
from cryptoflow.errors import IdentityError, RetentionError, StopError

SCHEDULES = 1200
STEPS = 400
MUTANT_SCHEDULES = 3000


def faults(
    seed: int,
    roster: type[Roster] = Roster,
    owner: type[PartitionOwner] = PartitionOwner,
    reader: type[Reader] = Reader,
    losses: float = 0.1,
) -> list[str]:
    """Play one schedule and return what is wrong afterwards."""

    class Chosen(roster):  # type: ignore[misc, valid-type]
        def _new_owner(self, partition: Partition, generation: int | None) -> PartitionOwner:
            made = super()._new_owner(partition, generation)
            made.__class__ = owner
            return made

    cluster = Cluster(seed, roster=Chosen if owner is not PartitionOwner else roster, losses=losses)
    try:
        cluster.play(STEPS)
    except (StopError, ValueError, KeyError, IndexError) as error:
        return [repr(error)]
    return reader().faults(cluster.broker)


def test_rows_equal_an_uninterrupted_run_after_any_schedule() -> None:
    """No kill, pause, zombie, re-delivery or rebalance loses, repeats or changes a row; no reader sees a hole."""
    wrong = {seed: found for seed in range(SCHEDULES) if (found := faults(seed))}
    assert not wrong, wrong


def test_the_schedules_contain_what_they_are_for() -> None:
    """The seeds do reach repeats, late writes of zombies, and several generations; else they prove nothing."""
    repeated = zombies = generations = 0
    for seed in range(100):
        cluster = Cluster(seed)
        cluster.play(STEPS)
        generations += cluster.generation
        zombies += len(cluster.zombies)
        rows = sum(record.headers is not None for records in cluster.broker.md.values() for record in records)
        repeated += rows
    assert generations > 300
    assert zombies > 30
    assert repeated > 1000


# --- mutants -----------------------------------------------------------------------------------------


class GroupOffsetAsStart(Roster):
    """Begin where the group has committed."""

    async def restore(self, generation: int | None, partitions: Any) -> bool:
        """Restore, then move the positions."""
        done = await super().restore(generation, partitions)
        for where, owner in self.owners.items():
            owner.next = self._reader.broker.group_offsets.get(where, owner.next)  # type: ignore[attr-defined]
        return done


class BarrierBeforeOutputs(PartitionOwner):
    """Write states and barrier without waiting for the outputs."""

    async def checkpoint(self, *, last: bool = False) -> None:
        """Checkpoint first."""
        pending, self._pending = self._pending, None
        await super().checkpoint(last=last)
        self._pending = pending


class NoEpochCheck(Roster):
    """Take batches whatever generation they were delivered under."""

    def _is_current(self, _generation: int | None) -> bool:
        return True


class TrustingJumps(PartitionOwner):
    """Take whatever offset comes: where nothing is passed over, only the epoch check keeps stale batches out."""

    async def _may_skip(self, _offset: int) -> bool:
        return True


class EmptyStateOnOnePartition(Roster):
    """Forget the states of one partition."""

    async def restore(self, generation: int | None, partitions: Any) -> bool:
        """Restore with nothing on partition 1."""
        done = await super().restore(generation, partitions)
        owner = self.owners.get(PARTITIONS[1])
        if owner is not None:
            owner._core.restore({})
            owner._adopt = {}
        return done


class BarrierOvertakesPendingState(PartitionOwner):
    """Move the barrier to the last record although states are left to write."""

    async def _write_barrier(self, _offset: int) -> None:
        await super()._write_barrier(self.next)


class BarrierOvertakesLargeStates(PartitionOwner):
    """Forget the states whose turn comes later."""

    def _split_due(self, changed: Sequence[tuple[str, bool]], *, last: bool) -> tuple[list[str], list[str]]:
        due, _ = super()._split_due(changed, last=last)
        return due, []


class ClearsBeforeBarrier(PartitionOwner):
    """Clear the earlier epochs before the own barrier stands."""

    async def _write_states(self, states: dict[str, StateValue]) -> None:
        await super()._write_states(states)
        await self._clear()


class HighestBarrier(PartitionOwner):
    """Begin at the highest barrier found."""

    def _start(self, restored: Restored, span: Span) -> int:
        return max((barrier.next for barrier in restored.barriers), default=span.begin)


class SendsAllAtOnce(PartitionOwner):
    """Begin the next records of a topic before the ones before are delivered."""

    async def _settle(self) -> None:
        return


class NoPrevCheck(Reader):
    """Read without looking at `prev`."""

    check_prev = False


class NoTrim(Reader):
    """Take every row that comes."""

    trim = False


@pytest.mark.parametrize(
    "mutant",
    [
        {"roster": GroupOffsetAsStart},
        {"owner": BarrierBeforeOutputs},
        {"owner": TrustingJumps},
        {"roster": NoEpochCheck, "owner": TrustingJumps, "losses": 0.0},
        {"roster": EmptyStateOnOnePartition},
        {"owner": BarrierOvertakesPendingState},
        {"owner": BarrierOvertakesLargeStates},
        {"owner": ClearsBeforeBarrier},
        {"owner": HighestBarrier},
        {"owner": SendsAllAtOnce},
        {"reader": NoTrim},
    ],
    ids=lambda mutant: "+".join(getattr(kind, "__name__", "calm") for kind in mutant.values()),
)
def test_the_check_catches_a_broken_protocol(mutant: Mapping[str, Any]) -> None:
    """Each known mistake makes some schedule end with wrong rows, a hole or a stop."""
    assert any(faults(seed, **mutant) for seed in range(MUTANT_SCHEDULES))


@pytest.mark.parametrize("mutant", [{"owner": TrustingJumps}, {"roster": NoEpochCheck}], ids=["jumps", "epochs"])
def test_either_of_two_lines_keeps_stale_batches_out(mutant: Mapping[str, Any]) -> None:
    """Where nothing is passed over, the epoch check alone does, or the jump check alone."""
    assert not any(faults(seed, losses=0.0, **mutant) for seed in range(100))


# --- what the reader alone sees ------------------------------------------------------------------------


def test_a_reader_without_the_prev_check_misses_a_lost_record() -> None:
    """A record lost from an md topic is a hole to the reader; without the check rows are silently missing."""
    seen = unseen = 0
    for seed in range(50):
        cluster = Cluster(seed)
        cluster.play(STEPS)
        records = cluster.broker.md["md.gaps", 0]
        del records[len(records) // 2]
        seen += any("holes" in fault for fault in Reader().faults(cluster.broker))
        found = NoPrevCheck().faults(cluster.broker)
        unseen += bool(found) and not any("holes" in fault for fault in found)
    # A lost record whose rows came again from another epoch is no loss.
    assert seen > 10
    assert unseen > 10


# --- starting ------------------------------------------------------------------------------------------

IDENTITY = Identity("cluster", "id", 2)


def owner_of(limits: Limits | None = None, core: HashCore | None = None) -> PartitionOwner:
    """Make an owner without working ports."""
    ports = Ports(*[None] * 4, Names(str, "control.reseed"))  # type: ignore[arg-type]
    return PartitionOwner(TOPIC, 0, core or HashCore(), ports, limits or Limits(), lambda: True)


def restored(*nexts: int, topic_id: str = "id", states: Mapping[str, StateValue] | None = None) -> Restored:
    """Make what one would read back."""
    barriers = [Barrier(at, {"md.gaps": at - 1}, "cluster", topic_id, 2, f"e{at}") for at in nexts]
    return Restored(dict(states or {}), barriers, [barrier_key(TOPIC, 0, barrier.epoch) for barrier in barriers])


def test_it_starts_at_the_lowest_barrier_and_chains_from_the_highest_prev() -> None:
    """Of several epochs' barriers the lowest decides where to read, the highest what is delivered."""
    owner = owner_of()
    owner.begin(restored(7, 5, 9), IDENTITY, Span(0, 20))
    assert owner.next == 5
    assert owner._wrapper.prev == {"md.gaps": 8}


def test_without_a_barrier_it_starts_at_the_begin_of_the_log() -> None:
    """A first start reads what the log still has."""
    owner = owner_of()
    owner.begin(Restored(), IDENTITY, Span(3, 20))
    assert owner.next == 3


def test_another_topic_id_stops() -> None:
    """A recreated raw topic has other offsets under the same numbers: positions do not apply."""
    with pytest.raises(IdentityError, match="recreated"):
        owner_of().begin(restored(5, topic_id="other"), IDENTITY, Span(0, 20))


@pytest.mark.parametrize("left", [restored(21), restored(5, states={"a": StateValue(20, b"")})])
def test_a_log_that_ends_before_the_positions_stops(left: Restored) -> None:
    """Neither a barrier nor a state may stand beyond the end of the log."""
    with pytest.raises(IdentityError, match="the log ends"):
        owner_of().begin(left, IDENTITY, Span(0, 20))


def test_a_log_that_begins_after_the_barrier_stops_unless_switched(caplog: pytest.LogCaptureFixture) -> None:
    """Retention that passed the position is an alarm; by explicit switch it goes on with what is left."""
    with pytest.raises(RetentionError, match="the log begins at 6"):
        owner_of().begin(restored(5), IDENTITY, Span(6, 20))
    owner = owner_of(Limits(accept_lost_log=True))
    owner.begin(restored(5), IDENTITY, Span(6, 20))
    assert owner.next == 6
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_an_accepted_hole_is_in_every_state_before_the_first_barrier() -> None:
    """So the gap of a symbol that says nothing yet outlives the worker, and the switch."""
    core = HashCore()
    owner = owner_of(Limits(accept_lost_log=True), core)
    owner.begin(restored(5, states={"a": StateValue(4, b"x"), "b": StateValue(9, b"y")}), IDENTITY, Span(6, 20))
    assert [symbol for symbol, _ in core.changed()] == ["a"]
    assert owner._adopt.keys() == {"a", "b"}


class IgnoresIds(PartitionOwner):
    """Start without comparing ids."""

    def begin(self, left: Restored, identity: Identity, span: Span) -> None:
        """Pretend that the positions belong to whatever is there."""
        barriers = [Barrier(b.next, b.prev, identity.cluster, identity.topic_id, 2, b.epoch) for b in left.barriers]
        super().begin(Restored(left.states, barriers, left.keys), identity, span)


def recreated(seed: int, owner: type[PartitionOwner]) -> Exception | list[str]:
    """Play, recreate the raw topic with other and more records, play on."""

    class Chosen(Roster):
        def _new_owner(self, partition: Partition, generation: int | None) -> PartitionOwner:
            made = super()._new_owner(partition, generation)
            made.__class__ = owner
            return made

    cluster = Cluster(seed, roster=Chosen)
    cluster.play(200)
    cluster.zombies = []
    cluster.broker.topic_id = "second"
    cluster.broker.raw = {0: [], 1: []}
    cluster.broker.append(cluster.random, 120)
    try:
        cluster.heal()
    except StopError as error:
        return error
    return Reader().faults(cluster.broker)


def test_a_recreated_raw_topic_is_caught_by_its_id() -> None:
    """The worker stops; a worker that ignores ids goes on and its rows are wrong."""
    assert all(isinstance(recreated(seed, PartitionOwner), IdentityError) for seed in range(10))
    ignoring = [recreated(seed, IgnoresIds) for seed in range(10)]
    assert all(ignoring)
    assert any(isinstance(found, list) for found in ignoring)


# --- reading -------------------------------------------------------------------------------------------


class LogDouble:
    """Answer about a log with a hole."""

    def __init__(self, span: Span, following: int) -> None:
        """Script the answers."""
        self.answers = span, following

    async def span(self, _topic: str, _partition: int) -> Span:
        """Return the scripted span."""
        return self.answers[0]

    async def next_offset(self, _topic: str, _partition: int, _offset: int) -> int:
        """Return the scripted offset."""
        return self.answers[1]


class ConsumerDouble:
    """Note where the consumer is sent."""

    def __init__(self) -> None:
        """Begin unsent."""
        self.sent: list[tuple[str, int, int]] = []

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Note it."""
        self.sent.append((topic, partition, offset))


async def jump(span: Span, following: int, *, live: bool = True, accept: bool = False) -> ConsumerDouble:
    """Let records begin at 12 where 10 is next."""
    owner = owner_of(Limits(accept_lost_log=accept))
    owner._live = lambda: live
    log: Any = LogDouble(span, following)
    consumer = ConsumerDouble()
    owner._ports = Ports(None, None, log, consumer, Names(str, "control.reseed"))  # type: ignore[arg-type]
    owner.begin(restored(10), IDENTITY, Span(0, 20))
    assert await owner._may_skip(12) is (following == 12)
    return consumer


async def test_offsets_the_log_does_not_have_may_be_skipped() -> None:
    """A jump is right where the log itself has nothing between."""
    assert (await jump(Span(0, 20), 12)).sent == []


async def test_after_a_jump_over_records_that_exist_the_consumer_goes_back() -> None:
    """They were not delivered, so they are read again."""
    assert (await jump(Span(0, 20), 10)).sent == [(TOPIC, 0, 10)]


async def test_a_dead_owner_sends_nobody_back() -> None:
    """The partition may be another's already."""
    assert (await jump(Span(0, 20), 10, live=False)).sent == []


async def test_a_jump_over_records_that_retention_removed_stops_unless_switched() -> None:
    """A worker slower than retention says so."""
    with pytest.raises(RetentionError, match="begins at 12"):
        await jump(Span(12, 20), 12)
    assert (await jump(Span(12, 20), 12, accept=True)).sent == []


async def test_records_beyond_the_next_one_are_not_processed() -> None:
    """Neither state nor outputs nor position move; the records come again and are processed then."""
    owner = owner_of()
    log: Any = LogDouble(Span(0, 20), 10)
    consumer = ConsumerDouble()
    owner._ports = Ports(None, None, log, consumer, Names(str, "control.reseed"))  # type: ignore[arg-type]
    owner.begin(restored(10), IDENTITY, Span(0, 20))
    assert await owner.take([(12, b"k", b"v")]) is None
    assert (owner.next, owner._whole, owner._unsaved, list(owner._core.changed())) == (10, True, {}, [])


class NeverReturns(Process):
    """Hear that records are missing and read on."""

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Do nothing."""


def read_all(process: Process, seed: int) -> bool:
    """Let one process that passes over records read a log; tell whether it came to the end."""
    draw = random.Random(seed)
    process.losses = 0.3
    process.broker.append(draw, 60)
    process.generation, process.assigned = 1, PARTITIONS
    process.begin(lambda: process.roster.restore(1, PARTITIONS))
    for _ in range(600):
        process.flights = [flight for flight in process.flights if flight.left]
        if process.flights:
            process.flights[0].land()
        process.advance()
        if process.work is None:
            process.fetch(draw)
            if process.buffer:
                process.deliver()
    return all(owner.next == len(process.broker.raw[number]) for (_, number), owner in process.roster.owners.items())


def test_lost_deliveries_are_read_again_in_place() -> None:
    """Everything is processed once, in order, by one owner; a consumer that does not go back ends the process."""
    returns = stopped = 0
    for seed in range(20):
        process = Process(Broker(), Limits())
        assert read_all(process, seed)
        assert not Reader().faults(process.broker)
        returns += process.readings.total()
        try:
            read_all(NeverReturns(Broker(), Limits()), seed)
        except StopError as error:
            assert "is read again" in str(error)  # noqa: PT017 - some seeds lose nothing
            stopped += 1
    assert returns > 50
    assert stopped > 15
