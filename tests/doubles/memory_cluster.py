"""A broker, a consumer group and worker processes in memory, advanced one step at a time by a seed.

The real Roster and PartitionOwner run over it. Every port call yields before and after its effect,
and what a process has handed to its producer arrives at any later time, in order per topic, or not
at all when it is killed. Cannot imitate: broker loss, compaction, time (a step has no length).
"""

from __future__ import annotations

import functools
import random
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hash_core
from typing_extensions import override

from agents._cadence import Cadence
from agents._outgoing import Names, Outgoing
from agents._owner import Limits, PartitionOwner, Ports
from agents._position import Identity, Restored, Span, gather
from agents._roster import Partition, Roster
from schemas import Mark, MdHeader, Verdict, decode_md

TOPIC = "raw.binance"
PARTITIONS = ((TOPIC, 0), (TOPIC, 1))
RawItem = tuple[int, bytes | None, bytes]
Work = Callable[[], Coroutine[Any, Any, Any]]


class Step:
    """Give the scheduler a turn."""

    def __await__(self) -> Generator[Step, None, None]:
        """Yield once."""
        yield self


@dataclass
class Broker:
    """Hold all logs. `md` and `states` are appended to by deliveries only."""

    raw: dict[int, list[RawItem]] = field(default_factory=lambda: {0: [], 1: []})
    md: dict[tuple[str, int], list[Outgoing]] = field(default_factory=lambda: defaultdict(list))
    states: dict[int, dict[bytes, bytes]] = field(default_factory=lambda: {0: {}, 1: {}})
    group_offsets: dict[Partition, int] = field(default_factory=dict)
    topic_id: str = "first"

    def append(self, random_: random.Random, count: int) -> None:
        """Write raw records of a few symbols."""
        for _ in range(count):
            number = random_.randrange(2)
            symbol = f"binance.usdm.S{random_.randrange(3)}-{number}"
            log = self.raw[number]
            log.append((len(log), symbol.encode(), random_.randbytes(4)))

    def identity(self) -> Identity:
        """Return the ids the raw topic has now."""
        return Identity("cluster", self.topic_id, 2)


class Flight:
    """Be what one process has on its way to one topic: applied in order, one entry at a time."""

    def __init__(self, effects: Sequence[Callable[[], None]]) -> None:
        """Begin with nothing applied."""
        self.left = deque(effects)

    def land(self) -> None:
        """Apply the next entry."""
        self.left.popleft()()

    def __await__(self) -> Generator[Step, None, None]:
        """Wait until all have landed."""
        while self.left:
            yield Step()


class Flights:
    """Await several flights."""

    def __init__(self, flights: Sequence[Flight]) -> None:
        """Await all of these."""
        self.flights = flights

    def __await__(self) -> Generator[Step, None, None]:
        """Wait until all have landed."""
        for flight in self.flights:
            yield from flight.__await__()


class Process:
    """Be one worker: a roster, what it believes of the group, a buffer of bundles."""

    def __init__(self, broker: Broker, limits: Limits, roster: type[Roster] = Roster) -> None:
        """Begin with empty memory, in no generation."""
        self.broker = broker
        self.generation = 0
        self.assigned: tuple[Partition, ...] = ()
        self.flights: list[Flight] = []
        self.work: Work | None = None
        self.running: Coroutine[Any, Any, Any] | None = None
        self.after: list[Callable[[], None]] = []
        self.buffer: deque[tuple[int, int, Partition, list[RawItem]]] = deque()
        self.fetched: dict[Partition, int] = {}
        self.asleep = False
        self.readings: Counter[Partition] = Counter()
        self.losses = 0.1
        ports = Ports(self, self, self, self, Names(lambda name: name, "control.reseed"))
        self.roster = roster(self, ports, limits, lambda *_: hash_core.HashCore(), lambda: self.generation)

    # --- ports --------------------------------------------------------------------------------------

    def start(self, chains: Mapping[str, Sequence[Outgoing]]) -> Awaitable[None]:
        """Put records on their way."""
        begun = [Flight([self._md_effect(record) for record in records]) for records in chains.values()]
        self.flights += begun
        return Flights(begun)

    def _md_effect(self, record: Outgoing) -> Callable[[], None]:
        return lambda: self.broker.md[record.topic, record.partition].append(record)

    async def write(self, partition: int, entries: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Put checkpoint entries on their way and wait for them."""
        live = self.broker.states[partition]

        def effect(key: bytes, value: bytes | None) -> Callable[[], None]:
            return lambda: live.pop(key, None) if value is None else live.update({key: value})  # type: ignore[return-value]

        flight = Flight([effect(key, value) for key, value in entries])
        self.flights.append(flight)
        await flight
        await Step()

    async def read(self, partitions: Sequence[Partition]) -> Mapping[Partition, tuple[Restored, Identity, Span]]:
        """Read the checkpoints at one instant, ids and spans at others."""
        await Step()
        restored = {where: gather(list(self.broker.states[where[1]].items())) for where in partitions}
        await Step()
        identity = self.broker.identity()
        return {where: (restored[where], identity, await self.span(*where)) for where in partitions}

    async def span(self, _topic: str, partition: int) -> Span:
        """Answer with the whole log."""
        await Step()
        return Span(0, len(self.broker.raw[partition]))

    async def next_offset(self, _topic: str, _partition: int, offset: int) -> int:
        """Answer that the log has no holes."""
        await Step()
        return offset

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Fetch from an offset next; what is buffered belongs to an earlier reading."""
        self.readings[topic, partition] += 1
        await Step()
        self.fetched[topic, partition] = offset

    # --- what Faust would do --------------------------------------------------------------------------

    def begin(self, work: Work, *after: Callable[[], None]) -> None:
        """Take up work; `after` happens when it has come to its end."""
        self.work = work
        self.after = [*after]

    def advance(self) -> None:
        """Do one step of the work at hand. Raises what the work raises."""
        if self.work is None:
            return
        self.running = self.running or self.work()
        try:
            self.running.send(None)
        except StopIteration:
            self.work = self.running = None
            for act in self.after:
                act()

    def fetch(self, random_: random.Random) -> None:
        """Buffer some records of one partition, now and then some fetched before, or not those that are next."""
        owned = [where for where in self.assigned if where in self.roster.owners]
        if not owned or len(self.buffer) > 3:
            return
        where = random_.choice(owned)
        begin = self.fetched.get(where, self.roster.owners[where].next)
        if random_.random() < 0.1:
            begin = max(0, begin - random_.randrange(4))
        elif random_.random() < self.losses:
            begin += random_.randrange(4)
        records = self.broker.raw[where[1]][begin : begin + random_.randint(1, 5)]
        if records:
            self.buffer.append((self.generation, self.readings[where], where, records))
            self.fetched[where] = records[-1][0] + 1

    def deliver(self) -> None:
        """Process the oldest bundle; when done Faust acknowledges it, and may commit at once."""
        generation, reading, where, records = self.buffer.popleft()
        if reading != self.readings[where]:
            return

        def acknowledge() -> None:
            self.broker.group_offsets[where] = max(self.broker.group_offsets.get(where, 0), records[-1][0] + 1)

        self.begin(lambda: self.roster.deliver(generation, where, records), acknowledge)

    def kill(self, random_: random.Random) -> None:
        """Die: of each flight a prefix lands, the rest is lost."""
        if self.running is not None:
            self.running.close()
        for flight in self.flights:
            if flight.left and random_.random() < 0.5:
                flight.land()
            flight.left.clear()


class Whim(Cadence):
    """Write large states when the seed says so."""

    def __init__(self, draw: random.Random) -> None:
        """Take the seed's choices."""
        self.draw = draw

    @override
    def is_due(self, symbol: str, now_s: float) -> bool:
        """Choose."""
        return self.draw.random() < 0.4

    @override
    def written(self, symbol: str, now_s: float) -> None:
        """Remember nothing."""


def irregular(roster: type[Roster], draw: random.Random) -> type[Roster]:
    """Let the owners of a roster write large states at any time."""

    class Irregular(roster):  # type: ignore[misc, valid-type]  # a class made from an argument
        @override
        def _new_owner(self, partition: Partition, generation: int | None) -> PartitionOwner:
            made = super()._new_owner(partition, generation)
            made._cadence = Whim(draw)
            return made

    return Irregular


class Cluster:
    """Run processes by a seed: deliveries, fetches, checkpoints, kills, pauses, rebalances."""

    def __init__(self, seed: int, records: int = 40, roster: type[Roster] = Roster, losses: float = 0.1) -> None:
        """Write the raw log and start two members; `losses` is the share of fetches that pass over records."""
        self.losses = losses
        self.random = random.Random(seed)
        self.broker = Broker()
        self.broker.append(self.random, records)
        self.roster = irregular(roster, random.Random(seed))
        self.limits = Limits(checkpoint_max_states=self.random.choice((1, 2, 1000)), clear_interval_s=0.0)
        self.members = [self.new_process() for _ in range(2)]
        self.zombies: list[Process] = []
        self.generation = 0
        # A calm schedule gets far; a wild one puts zombie upon zombie.
        self.wildness = self.random.choice((1, 1, 4))
        self.rebalance()

    def new_process(self) -> Process:
        """Start a process with empty memory."""
        started = Process(self.broker, self.limits, self.roster)
        started.losses = self.losses
        return started

    # --- the group ------------------------------------------------------------------------------------

    def rebalance(self) -> None:
        """Give the partitions to the members anew; a member that is asleep is thrown out and becomes a zombie."""
        self.zombies += [member for member in self.members if member.asleep]
        self.members = [member for member in self.members if not member.asleep] or [self.new_process()]
        for member in self.members:
            self.finish(member)
            self.run(member, member.roster.release)
        self.generation += 1
        chosen = {where: self.random.choice(self.members) for where in PARTITIONS}
        for member in self.members:
            member.generation = self.generation
            member.assigned = tuple(where for where in PARTITIONS if chosen[where] is member)
            member.fetched = {}
            if self.random.random() < 0.7:
                member.buffer.clear()
            member.begin(functools.partial(member.roster.restore, self.generation, member.assigned))

    def finish(self, process: Process) -> None:
        """Let a process end what it has begun, as `wait_empty` does; what is on its way lands."""
        for _ in range(10_000):
            if process.work is None:
                return
            self.land(process, certain=True)
            process.advance()
        msg = "work does not end"
        raise AssertionError(msg)

    def run(self, process: Process, work: Work) -> None:
        """Run one piece of work to its end."""
        process.begin(work)
        self.finish(process)

    def land(self, process: Process, *, certain: bool = False) -> None:
        """Let one thing that is on its way arrive."""
        process.flights = [flight for flight in process.flights if flight.left]
        if process.flights and (certain or self.random.random() < 0.5):
            self.random.choice(process.flights).land()

    # --- time -------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Let one thing happen."""
        dice = self.random.random() / self.wildness
        if dice < 0.006:
            self.kill()
        elif dice < 0.012:
            self.rebalance()
        elif dice < 0.022:
            self.random.choice(self.members).asleep = True
        elif dice < 0.025 and self.zombies:
            self.notice(self.zombies.pop(0))
        else:
            awake = [member for member in self.members if not member.asleep]
            self.turn(self.random.choice(awake + self.zombies if self.zombies else awake or self.members))

    def turn(self, process: Process) -> None:
        """Let one process do something."""
        self.land(process)
        if process.work is not None:
            process.advance()
            return
        dice = self.random.random()
        process.fetch(self.random)
        if dice < 0.8 and process.buffer:
            process.deliver()
        else:
            process.begin(process.roster.checkpoint)

    def kill(self) -> None:
        """Kill one process at whatever point it is; a new one joins."""
        victim = self.random.choice(self.members + self.zombies)
        victim.kill(self.random)
        if victim in self.zombies:
            self.zombies.remove(victim)
            return
        self.members.remove(victim)
        self.members.append(self.new_process())
        self.rebalance()

    def notice(self, zombie: Process) -> None:
        """Let a zombie learn of the rebalance: it tries a last checkpoint and joins again."""
        self.finish(zombie)
        self.run(zombie, zombie.roster.release)
        zombie.asleep = False
        self.members.append(zombie)
        self.rebalance()

    def play(self, steps: int) -> None:
        """Let things happen, then heal: one fresh process reads to the end, with zombies still writing."""
        for _ in range(steps):
            self.step()
        self.heal()

    def heal(self) -> None:
        """End all members, start a fresh one and let it read everything."""
        for member in self.members:
            member.kill(self.random)
        last = self.new_process()
        self.members = [last]
        self.rebalance()
        self.finish(last)
        for where in PARTITIONS:
            while last.roster.owners[where].next < len(self.broker.raw[where[1]]):
                owner = last.roster.owners[where]
                records = self.broker.raw[where[1]][owner.next : owner.next + self.random.randint(1, 9)]
                self.run(last, functools.partial(last.roster.deliver, last.generation, where, records))
                for zombie in self.zombies:
                    self.turn(zombie)
        self.run(last, last.roster.checkpoint)


class Reader:
    """Read md topics as a sink does and compare with an uninterrupted run; says every difference."""

    check_prev = True
    trim = True

    def faults(self, broker: Broker) -> list[str]:
        """Return what is wrong, nothing when all is right."""
        found = []
        for number, log in broker.raw.items():
            wanted = hash_core.expected(log)
            for topic in hash_core.TOPICS:
                rows, holes = self.read(broker.md[topic, number])
                if holes:
                    found.append(f"{topic}/{number}: {holes} holes")
                if rows != wanted[topic]:
                    found.append(f"{topic}/{number}: {len(rows)} rows, {len(wanted[topic])} wanted")
        return found

    def read(self, records: Sequence[Outgoing]) -> tuple[list[tuple[int, str, bytes]], int]:
        """Return the rows kept and the number of holes."""
        mark = Mark()
        kept: list[tuple[int, str, bytes]] = []
        holes = 0
        for record in records:
            header = MdHeader.from_kafka(
                [(name, value) for name, value in record.headers or () if isinstance(value, bytes)]
            )
            verdict = mark.judge(header)
            if verdict is Verdict.HOLE and self.check_prev:
                holes += 1
            batch = decode_md(record.value)
            if self.trim and header.last <= mark.of(header):
                continue
            if self.trim and header.first <= mark.of(header):
                batch = mark.trim(header, batch)
            mark.move(header)
            columns = [batch.column(name).to_pylist() for name in ("raw_offset", "symbol", "digest")]
            kept += zip(*columns, strict=True)
        return kept, holes
