"""Which symbols a replica records follows expressions, orders and handovers; the log proves what changes hands."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import confluent_kafka
import msgspec
import pytest

from cryptoflow import clock
from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.localstack.mockbroker import serve
from producers import _controls as controls
from producers._choose import selections
from producers._orders import REPLICAS, SYMBOLS, CountOrder, SymbolOrder
from producers._ownership import Ownership, Wants
from producers._replica import owner_of
from producers._restart import LastHeard, Symbol
from schemas import GapEvidence, InstrumentDefinition, decode_raw, encode_frame, encode_raw
from tests.doubles.venue_run import until

MARKET = "usdm"
NAMES = tuple(f"S{number:02d}" for number in range(12))
INDEX, LONE_INDEX = "USD-INDEX", "LONE-INDEX"
FOLLOWED = {"S00": INDEX, "S01": INDEX, "S02": LONE_INDEX}
LISTED = [
    InstrumentDefinition(name, f"{name}-USD", name, "USD", "USD", "perpetual", "on", index=FOLLOWED.get(name))
    for name in (*NAMES, "NEW")
]
NO_VOLUMES: Mapping[str, Decimal] = {}
KINDS = frozenset({"trades"})
PARTITIONS = 2


def owned(index: int, count: int, names: Iterable[str] = NAMES) -> set[str]:
    """Return what a replica owns."""
    return {name for name in names if owner_of("binance", MARKET, name, count) == index}


def ownership(settings: Settings | None = None, conns: str = "own", expression: str = "all exclude=NEW") -> Ownership:
    """Make the ownership of a process whose connections have this name."""
    return Ownership(settings or Settings(), "binance", selections([expression]), conns.__eq__)


def replica(index: int, count: int, **changes: Any) -> Settings:
    """Configure one of several replicas."""
    return Settings(producer=Producer(replica_index=index, replica_count=count, **changes))


def wanted(one: Ownership) -> set[str]:
    """Return what it records of everything listed."""
    return set(one.wanted(MARKET, LISTED, NO_VOLUMES))


def count_order(count: int, previous: int, at_ns: int = 5) -> tuple[str, bytes]:
    """Order a count."""
    order = CountOrder("binance", MARKET, count, previous, at_ns)
    return order.key, msgspec.json.encode(order)


def symbol_order(name: str, state: Any, at_ns: int = 5) -> tuple[str, bytes]:
    """Order a symbol."""
    order = SymbolOrder("binance", MARKET, name, state, at_ns)
    return order.key, msgspec.json.encode(order)


def test_replicas_share_what_the_expression_chooses() -> None:
    """Each symbol has one owner; a name nobody lists is told."""
    found = [wanted(ownership(replica(index, 3))) for index in range(3)]
    assert found == [owned(index, 3) for index in range(3)]
    one = ownership(expression="S01,NOPE")
    assert wanted(one) == {"S01"}
    assert one.unknown == {("binance", MARKET): ["NOPE"]}


def test_orders_change_the_choice_and_the_owner_decides() -> None:
    """A symbol added at run time is recorded by its shard's owner alone."""
    found = []
    for index in range(2):
        one = ownership(replica(index, 2))
        one.symbols.take(*symbol_order("NEW-USD", "added"))
        one.symbols.take(*symbol_order("S03", "removed"))
        found.append(wanted(one))
        one.symbols.take(*symbol_order("NOPE", "added"))
        assert wanted(one) == found[-1]
        assert one.waiting.facts() == [{"exchange": "binance", "market": MARKET, "symbol": "NOPE"}]
    assert not found[0] & found[1]
    assert found[0] | found[1] == {*NAMES, "NEW"} - {"S03"}


def test_an_ordered_count_holds_over_the_configured_one() -> None:
    """Also for a replica that starts later with an old configuration."""
    one = ownership(replica(1, 2))
    one.replicas.take(*count_order(3, 3))
    assert wanted(one) == owned(1, 3)
    one.replicas.take(*count_order(1, 1, 6))
    assert wanted(one) == set()


def test_a_start_under_a_new_count_keeps_what_was_ours_until_it_is_given() -> None:
    """Its new owner may not be there yet; what was given up leaves the choice."""
    one = ownership(replica(0, 2))
    one.replicas.take(*count_order(3, 2))
    moving = owned(0, 2) - owned(0, 3)
    assert moving
    assert wanted(one) == owned(0, 2) | owned(0, 3)
    assert {symbol for _, symbol in one.handover.giving} == moving
    for symbol in moving:
        one.handover.forget((MARKET, symbol))
    assert wanted(one) == owned(0, 3)


def lanes(symbols: Iterable[str]) -> dict[Symbol, frozenset[str]]:
    """Return the kinds of symbols and of the index they follow."""
    indexes = [FOLLOWED[name] for name in symbols if name in FOLLOWED]
    return dict.fromkeys([(MARKET, name) for name in (*symbols, *indexes)], KINDS)


def heard(now_ns: int, ages_s: Mapping[str, float], kind: str = "trades") -> LastHeard:
    """Remember when symbols were last heard."""
    one = LastHeard("binance", lanes(NAMES))
    for name, age_s in ages_s.items():
        t = now_ns - int(age_s * 1e9)
        one.take(decode_raw(encode_raw("binance", MARKET, name, "test", [encode_frame("old", 1, t, kind, b"1")])))
    return one


def started(one: Ownership, log: LastHeard, now_ns: int) -> set[str]:
    """Start a replica; return what it takes up beside another."""
    return {name for _, name in one.start(lanes(wanted(one)), log, now_ns)}


def test_what_a_living_owner_writes_is_taken_without_a_gap() -> None:
    """What nobody wrote lately has a gap like any restart, and so has what was ours before."""
    one = ownership(replica(1, 3))
    one.replicas.take(*count_order(3, 2))
    fresh = sorted(owned(1, 3) - owned(1, 2))
    living, dead = fresh[:1], fresh[1:]
    now_ns = clock.now_ns()
    log = heard(now_ns, dict.fromkeys(living, 1.0) | dict.fromkeys([*dead, *owned(1, 2)], 3600.0))
    assert living
    assert started(one, log, now_ns) == set(living) == {name for _, name in one.handover.taking}


def test_without_an_order_or_once_settled_a_start_takes_nothing_over() -> None:
    """A restart is a restart."""
    now_ns = clock.now_ns()
    log = heard(now_ns, dict.fromkeys(NAMES, 1.0))
    one = ownership(replica(1, 3))
    assert started(one, log, now_ns) == set()
    one.replicas.take(*count_order(3, 2))
    settlement = one.replicas.settlement(f"binance.{MARKET}", "1", now_ns)
    assert settlement is not None
    one.replicas.take(settlement[0], msgspec.json.encode(settlement[1]))
    assert started(one, log, now_ns) == set()


def test_what_another_has_written_of_since_the_start_is_taken_without_a_gap() -> None:
    """A replica may be started before the order that makes room for it, or beside the one it replaces."""
    one = ownership(replica(1, 3))
    fresh = min(owned(1, 3))
    now_ns = clock.now_ns()
    assert started(one, heard(now_ns, {fresh: -1.0}), now_ns) == {fresh}
    one = ownership(replica(1, 3))
    assert started(one, heard(now_ns, {fresh: -1.0}, "book"), now_ns) == set(), "another kind proves nothing"


def test_beside_another_a_symbol_that_is_only_quiet_is_taken_without_a_gap() -> None:
    """Heard lately, but not since the start, while another of ours was; what is long dead has its gap."""
    one = ownership(replica(1, 3))
    written, quiet, dead = sorted(owned(1, 3))[:3]
    now_ns = clock.now_ns()
    assert started(one, heard(now_ns, {written: -1.0, quiet: 3.0, dead: 3600.0}), now_ns) == {written, quiet}


def test_an_index_that_others_record_does_not_speak_for_our_symbols() -> None:
    """It is written of by others at all times: a restart of ours remains one."""
    one = ownership(replica(1, 2))
    now_ns = clock.now_ns()
    log = heard(now_ns, dict.fromkeys(owned(1, 2), 3.0) | {INDEX: -1.0})
    assert started(one, log, now_ns) == {INDEX}


@pytest.mark.parametrize("age_s", [1.0, 3600.0])
def test_an_index_that_another_replica_follows_has_no_gap(age_s: float) -> None:
    """While the other lives: a start, or a symbol that changes hands, misses nothing of it."""
    now_ns = clock.now_ns()
    log = heard(now_ns, dict.fromkeys([*NAMES, INDEX, LONE_INDEX], age_s))
    lives = {INDEX} if age_s < 10 else set()
    assert started(ownership(replica(1, 2)), log, now_ns) == lives
    assert started(ownership(replica(0, 1)), log, now_ns) == set(), "nobody else follows it"
    grown = ownership(replica(1, 2))
    grown.replicas.take(*count_order(2, 1))
    assert started(grown, log, now_ns) == (owned(1, 2) | {INDEX, LONE_INDEX} if lives else set())


def test_traded_values_are_asked_for_only_where_they_decide() -> None:
    """`top=` of another market costs no request here."""
    one = Ownership(Settings(), "binance", selections([f"binance.{MARKET}: top=2", "all"]), bool)
    assert Wants(one, MARKET).needs_volumes
    assert not Wants(one, "spot").needs_volumes
    volumes = {"S05": Decimal(9), "S02": Decimal(10), "S01": Decimal(1)}
    assert Wants(one, MARKET)(LISTED, volumes) == ["S02", "S05"]


class FakeMarket:
    """Record what the ownership says; `write` is what its connection would bring."""

    def __init__(self, cluster: Cluster, own: Ownership, conn: str) -> None:
        """Choose as the configuration says."""
        self._cluster = cluster
        self._own = own
        self.conn = conn
        self.held: list[str] = []
        self.gaps: list[tuple[str, GapEvidence]] = []
        self.elected: list[tuple[str, str]] = []
        self.went: list[tuple[str, bool]] = []
        self.streams = True
        self.since_ns = 0

    @property
    def listed(self) -> list[InstrumentDefinition]:
        """Return what the venue lists."""
        return LISTED

    def chosen(self) -> list[str]:
        """Return what it is to record."""
        return self._own.wanted(MARKET, LISTED, NO_VOLUMES)

    def apply(self, symbols: Iterable[str], handed_over: Collection[str] = ()) -> tuple[int, int]:
        """Record just these."""
        before, self.held = self.held, list(symbols)
        gone = [name for name in before if name not in self.held]
        self.went += [(name, name in handed_over) for name in gone]
        return len(set(self.held) - set(before)), len(gone)

    def wanted(self, symbols: Collection[str] | None = None) -> dict[Symbol, frozenset[str]]:
        """Return the kinds recorded."""
        return lanes(self.held if symbols is None else symbols)

    def served_ns(self) -> dict[str, dict[str, int]]:
        """Tell that all is acknowledged, once it may be."""
        self.since_ns = self.since_ns or (clock.now_ns() if self.streams else 0)
        wanted = self.wanted().items() if self.streams else ()
        return {name: dict.fromkeys(kinds, self.since_ns) for (_, name), kinds in wanted}

    def missed(self, symbol: str, evidence: GapEvidence) -> None:
        """Note a gap."""
        self.gaps.append((symbol, evidence))

    def elect(self, symbol: str, kinds: Sequence[str], conn: str) -> None:
        """Note an election."""
        del kinds
        self.elected.append((symbol, conn))

    def write(self) -> None:
        """Bring one trade of every symbol held."""
        for _, name in self.wanted():
            self._cluster.trade(name, self.conn)


class Cluster:
    """Hold a mock broker with the control topics and one raw topic."""

    def __init__(self) -> None:
        """Start it."""
        kafka = Kafka(prefix=f"o{uuid.uuid4().hex[:6]}.")
        topics = {kafka.control_topic(SYMBOLS): 1, kafka.control_topic(REPLICAS): 1, kafka.raw_topic("binance"): 2}
        self.kafka = Kafka(prefix=kafka.prefix, bootstrap_servers=serve(topics))
        self._producer = confluent_kafka.Producer(self.kafka.client())

    def settings(self, index: int, count: int, **changes: Any) -> Settings:
        """Configure a replica."""
        own = {"alive_interval_s": 0.1, "handover_limit_s": 60.0, **changes}
        return Settings(kafka=self.kafka, producer=Producer(replica_index=index, replica_count=count, **own))

    def trade(self, name: str, conn: str, age_s: float = 0.0) -> None:
        """Append a trade to the raw topic."""
        now_ns = clock.now_ns() - int(age_s * 1e9)
        raw = encode_raw("binance", MARKET, name, "test", [encode_frame(conn, 1, now_ns, "trades", b"1")])
        key = f"binance.{MARKET}.{name}".encode()
        self._producer.produce(self.kafka.raw_topic("binance"), raw, key, partition=len(name) % PARTITIONS)
        self._producer.flush(10)

    def order(self, *orders: tuple[str, bytes], topic: str = SYMBOLS) -> None:
        """Write orders."""
        controls.write(Settings(kafka=self.kafka), topic, dict(orders))


@pytest.fixture
def cluster() -> Cluster:
    """Return a cluster."""
    return Cluster()


class Replica:
    """Hold one running replica."""

    def __init__(self, cluster: Cluster, index: int, count: int, conn: str, **changes: Any) -> None:
        """Take its place."""
        self.own = ownership(cluster.settings(index, count, **changes), conn)
        self.market = FakeMarket(cluster, self.own, conn)


@asynccontextmanager
async def running(cluster: Cluster, index: int, count: int, **changes: Any) -> AsyncIterator[Replica]:
    """Start a replica as the producer does, and end it."""
    one = Replica(cluster, index, count, f"conn{index}", **changes)
    await one.own.load()
    one.market.apply(one.market.chosen())
    task = asyncio.create_task(one.own.run({MARKET: one.market}, PARTITIONS))
    try:
        yield one
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await one.own.close()


async def test_an_added_symbol_is_recorded_without_a_restart_and_says_what_was_missed(cluster: Cluster) -> None:
    """What the log held of it before ends in a gap; a removed one goes, for nobody else records it."""
    cluster.trade("NEW", "earlier", age_s=60)
    async with running(cluster, 0, 1) as one:
        assert set(one.market.held) == set(NAMES)
        cluster.order(symbol_order("NEW", "added"), symbol_order("S01-USD", "removed"))
        await until(lambda: set(one.market.held) == {*NAMES, "NEW"} - {"S01"}, 15, "following the order")
        assert one.market.went == [("S01", False)]
        # Nothing is subscribed yet: the gap lasts until the symbol is heard.
        assert [(symbol, gap.cause, gap.streams, gap.to_ns) for symbol, gap in one.market.gaps] == [
            ("NEW", "restart", ("trades",), 0)
        ]
        cluster.order((symbol_order("S01-USD", "added")[0], b""))
        await until(lambda: "S01" in one.market.held, 15, "taking the order back")


async def test_an_index_goes_without_a_gap_while_others_follow_it(cluster: Cluster) -> None:
    """A symbol ordered away takes the index that it alone follows with it, wherever it is recorded."""
    async with running(cluster, 0, 2) as one:
        cluster.order(symbol_order("S00", "removed"))
        await until(lambda: "S00" not in one.market.held, 15, "following the order")
        assert one.market.went == [("S00", False)]
        assert set(Wants(one.own, MARKET).elsewhere) == {INDEX, LONE_INDEX}
        cluster.order(symbol_order("S01", "removed", 6), symbol_order("S08", "removed", 6))
        await until(lambda: "S08" not in one.market.held, 15, "following the order")
        assert set(Wants(one.own, MARKET).elsewhere) == {LONE_INDEX}


async def test_a_new_count_overlaps_the_owners(cluster: Cluster) -> None:
    """The old owner lets go only after the new one's frames are in the log; both then say that they settled."""
    async with running(cluster, 0, 1) as old, running(cluster, 1, 1) as new:
        assert new.market.held == []
        new.market.streams = False
        old.market.write()
        cluster.order(count_order(2, 1, clock.now_ns()), topic=REPLICAS)
        moving = owned(1, 2)

        def overlapping() -> bool:
            old.market.write()
            return set(new.market.held) == moving and set(old.own.handover.giving) == {
                (MARKET, name) for name in (*moving, LONE_INDEX)
            }

        await until(overlapping, 15, "taking the symbols up")
        assert set(old.market.held) == set(NAMES)
        new.market.streams = True

        def handed() -> bool:
            new.market.write()
            old.market.write()
            return set(old.market.held) == owned(0, 2) and not new.own.handover

        await until(handed, 15, "handing over")
        assert set(old.market.went) == {(name, True) for name in moving}
        assert new.market.gaps == old.market.gaps == []
        key = f"binance.{MARKET}"
        settled = {f"{key}#0", f"{key}#1"}

        def told() -> bool:
            return all(one.own.replicas.settled.keys() == settled for one in (old, new))

        await until(told, 15, "settling")


async def test_an_index_is_heard_over_a_handover(cluster: Cluster) -> None:
    """Who takes up the first symbol that follows it waits for the word of who followed it before."""
    async with running(cluster, 0, 1) as old, running(cluster, 1, 1, handover_limit_s=0.5) as new:
        old.market.write()
        cluster.order(count_order(2, 1, clock.now_ns()), topic=REPLICAS)
        await until(lambda: (MARKET, INDEX) in new.own.handover.taking, 15, "taking the index up")
        await until(lambda: INDEX in [symbol for symbol, _ in new.market.gaps], 15, "declaring what nobody recorded")


async def test_an_index_goes_with_the_last_symbol_that_follows_it(cluster: Cluster) -> None:
    """The giver keeps both until the other has written of both; where a symbol stays, the index stays, too."""
    async with running(cluster, 0, 1) as old:
        cluster.order(count_order(2, 1, clock.now_ns()), topic=REPLICAS)

        def given() -> bool:
            for name in owned(1, 2):
                cluster.trade(name, "conn1")
            old.market.write()
            return {name for _, name in old.own.handover.giving} == {"S02", LONE_INDEX}

        await until(given, 15, "giving up what was written of")
        assert {"S02"} | owned(0, 2) == set(old.market.held)
        cluster.trade(LONE_INDEX, "conn1")
        await until(lambda: set(old.market.held) == owned(0, 2), 15, "giving up the symbol with its index")
        assert not old.own.handover


async def test_nobody_gives_a_symbol_up_to_nobody(cluster: Cluster) -> None:
    """A count ordered before the further replica runs costs nothing; it is told as waiting, and can be taken back."""
    async with running(cluster, 0, 1, handover_limit_s=0.2) as one:
        at_ns = clock.now_ns()
        cluster.order(count_order(2, 1, at_ns), topic=REPLICAS)
        await until(lambda: one.own.handover.waiting(clock.monotonic_s()), 15, "waiting for the other")
        one.market.write()
        assert set(one.market.held) == set(NAMES)
        assert one.own.replicas.settled == {}
        cluster.order(count_order(1, 2, at_ns + 1), topic=REPLICAS)
        await until(lambda: not one.own.handover, 15, "taking it back")
        assert set(one.market.held) == set(NAMES)
        assert one.market.went == []


async def test_a_taker_whose_giver_died_declares_what_nobody_recorded(cluster: Cluster) -> None:
    """From the last frame in the log to its own streams, once the limit has passed without a further one."""
    cluster.order(count_order(2, 1, clock.now_ns()), topic=REPLICAS)
    name = min(owned(1, 2))
    cluster.trade(name, "conn0", age_s=1.0)
    async with running(cluster, 1, 2, handover_limit_s=0.5) as one:
        log = heard(clock.now_ns(), {name: 1.0})
        assert one.own.start(one.market.wanted(), log, clock.now_ns()) == {(MARKET, name)}
        await until(lambda: one.market.gaps, 15, "declaring the gap")
        ((symbol, gap),) = one.market.gaps
        assert (symbol, gap.streams) == (name, ("trades",))
        assert 0.9e9 < gap.to_ns - gap.from_ns < 15e9
        await until(lambda: f"binance.{MARKET}#1" in one.own.replicas.settled, 15, "settling")
