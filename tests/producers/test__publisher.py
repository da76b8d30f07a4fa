"""Records are delivered in order, through outages, limits and restarts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from cryptoflow import clock
from producers._balance import Balance
from producers._envelope import Lane
from producers._policy import Policies
from producers._publisher import Limits, Publisher
from producers._spool import Spool
from schemas import GapEvidence, RawFrame, decode_raw, encode_frame
from tests.doubles.kafka_client import ScriptedClient
from tests.doubles.sealed import sealed

A = Lane("binance", "usdm", "AAAUSDT", "test")
B = Lane("binance", "usdm", "BBBUSDT", "test")


class Bench:
    """Hold a publisher whose broker and clock the test moves."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        """Open the spool."""
        self.now_s = 1000.0
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now_s)
        self.path = path
        self.client = ScriptedClient()
        self.numbers: dict[Lane, int] = {A: 0, B: 0}
        self.changes = changes
        self.start()

    def start(self) -> None:
        """Make a publisher over what is in the spool."""
        self.balance = Balance()
        self.spool = Spool(
            self.path, max_bytes=self.changes.get("spool_bytes", 1 << 20), segment_bytes=2000, fsync="off"
        )
        limits = Limits(1 << 20, self.changes.get("records", 10), 2.0, self.changes.get("record_bytes", 1 << 20))
        self.publisher = Publisher(
            self.client, lambda exchange: f"raw.{exchange}", self.spool, Policies(self.changes.get("policies", {}), 2),
            limits, self.balance,
        )  # fmt: skip

    def send(self, lane: Lane = A, count: int = 1, kind: str = "trades", size: int = 1) -> None:
        """Accept envelopes of one frame each, numbered per lane."""
        for _ in range(count):
            self.send_many([kind], size, lane)

    def close(self) -> None:
        """Let go of the files."""
        self.spool._close_source()
        if self.spool._tail is not None:
            self.spool._tail.close()
        self.spool._lock.close()

    def send_many(self, kinds: list[str], size: int, lane: Lane = A) -> None:
        """Accept one envelope of several frames."""
        frames = []
        for kind in kinds:
            self.numbers[lane] += 1
            number = self.numbers[lane]
            frames.append((kind, encode_frame("c", number, number, kind, b'"' + b"x" * size + b'"'), number))
            self.balance.received[lane.count_key(kind)] += 1
        self.publisher.accept(sealed(lane, frames))

    def pump(self, times: int = 50) -> None:
        """Let the publisher work, a little time passing."""
        for _ in range(times):
            self.now_s += 0.01
            self.publisher.pump()

    def frames(self, lane: Lane = A) -> list[RawFrame]:
        """Return what the broker has of a lane, in order."""
        values = [value for _, key, value in self.client.delivered if key == lane.key]
        return [frame for value in values for frame in decode_raw(value).frames]

    def numbers_of(self, lane: Lane = A) -> list[int]:
        """Return the numbers of a lane's data frames."""
        return [frame.n for frame in self.frames(lane) if frame.k != "gap"]

    def gaps(self, lane: Lane = A) -> list[GapEvidence]:
        """Return a lane's gap evidence."""
        found = [frame for frame in self.frames(lane) if frame.k == "gap"]
        return [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in found]


class Benches(Protocol):
    """Make publishers."""

    def __call__(self, **changes: Any) -> Bench:
        """Make one with other limits."""
        ...


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Benches]:
    """Make publishers and let go of their files."""
    made: list[Bench] = []

    def make(**changes: Any) -> Bench:
        made.append(Bench(tmp_path, monkeypatch, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def bench(benches: Benches) -> Bench:
    """Return a publisher with small limits."""
    return benches()


def test_a_healthy_broker_sees_no_spool(bench: Bench) -> None:
    """Records go straight out and are counted when acknowledged, not before."""
    bench.send(count=3)
    assert bench.balance.in_flight == 3
    bench.pump(1)
    assert bench.numbers_of() == [1, 2, 3]
    assert bench.balance.in_flight == 0
    assert bench.publisher.idle
    assert bench.spool.size_bytes == 0


def test_an_outage_is_spooled_and_drained_in_order_before_anything_newer(bench: Bench) -> None:
    """Through the in-flight limit, the outage and its end each lane's frames arrive once, in order."""
    bench.client.away = True
    for _ in range(40):
        bench.send(A)
        bench.send(B)
        bench.pump(1)
    assert bench.publisher.spooling
    bench.client.away = False
    for _ in range(20):
        bench.send(A)
        bench.send(B)
        bench.pump(1)
    bench.pump()
    assert bench.numbers_of(A) == list(range(1, 61))
    assert bench.numbers_of(B) == list(range(1, 61))
    assert bench.publisher.idle
    assert bench.spool.size_bytes == 0
    assert bench.balance.in_flight == 0


def test_a_quiet_outage_is_noticed_by_age(bench: Bench) -> None:
    """One unacknowledged record is enough to start the spool, so that SIGKILL does not lose it."""
    bench.client.away = True
    bench.send()
    bench.pump(150)
    assert not bench.publisher.spooling
    bench.pump(100)
    assert bench.publisher.spooling
    assert bench.spool.size_bytes > 0


def test_killed_in_an_outage_the_next_run_delivers_everything(bench: Bench) -> None:
    """What was in flight when the outage began is in the spool too, before what came later."""
    bench.client.away = True
    bench.send(count=25)
    bench.pump(300)
    bench.send(count=5)
    bench.spool.sync()
    bench.close()
    bench.client = ScriptedClient()
    bench.start()
    assert bench.publisher.spooling
    bench.send(count=2)
    bench.pump()
    assert bench.numbers_of() == list(range(1, 33))
    assert sum(bench.balance.recovered.values()) == 30
    assert bench.balance.in_flight == 0


async def test_a_stop_in_an_outage_leaves_the_rest_in_the_spool(bench: Bench) -> None:
    """Closing gives up in time; the next run delivers what was left, in order."""
    bench.client.away = True
    bench.send(count=4)
    await bench.publisher.close(0.0)
    assert bench.client.purged
    bench.client = ScriptedClient()
    bench.start()
    bench.send(count=1)
    bench.pump()
    assert bench.numbers_of() == [1, 2, 3, 4, 5]


def test_a_full_spool_becomes_one_gap_with_bounds_and_the_process_goes_on(benches: Benches) -> None:
    """What does not fit is counted and declared per symbol, in its place, before anything newer."""
    bench = benches(spool_bytes=6000)
    bench.client.away = True
    bench.send(A, 60, size=100)
    bench.send(B, 2, size=100)
    bench.pump(300)
    bench.client.away = False
    bench.pump()
    bench.send(A, 3)
    bench.pump()
    got = bench.numbers_of(A)
    kept = got[: got.index(61)]
    assert kept == list(range(1, len(kept) + 1))
    assert got[len(kept) :] == [61, 62, 63]
    assert [frame.k for frame in bench.frames(A)].index("gap") == len(kept)
    (gap,) = bench.gaps(A)
    assert (gap.cause, gap.streams, gap.from_ns, gap.to_ns) == ("drop", ("trades",), len(kept), 60)
    assert gap.frames_missing == 60 - len(kept)
    assert len(bench.gaps(B)) == 1
    assert bench.balance.in_flight == 0
    assert sum(bench.balance.dropped.values()) == 60 - len(kept) + 2


def test_a_lane_that_stays_silent_still_hears_of_its_hole(benches: Benches) -> None:
    """The gap frame does not wait for the symbol's next frame."""
    bench = benches(spool_bytes=0)
    bench.client.away = True
    bench.send(A, 15)
    bench.client.away = False
    bench.pump()
    assert bench.numbers_of() == list(range(1, 11))
    assert [gap.frames_missing for gap in bench.gaps()] == [5]


def test_sampled_kinds_are_thinned_only_while_the_broker_is_behind(benches: Benches) -> None:
    """In direct mode nothing is dropped; in the spool one of two is kept and the rest declared."""
    bench = benches(policies={"quotes": "sample"})
    bench.send(kind="quotes", count=4)
    bench.pump(1)
    assert bench.numbers_of() == [1, 2, 3, 4]
    bench.client.away = True
    bench.send(kind="quotes", count=30)
    bench.client.away = False
    bench.pump()
    got = bench.numbers_of()
    assert got == sorted(got)
    assert len(got) == 4 + 10 + 10
    assert sum(gap.frames_missing for gap in bench.gaps()) == 10
    assert bench.balance.in_flight == 0


def test_drop_oldest_sacrifices_its_kind_before_the_newest_is_refused(benches: Benches) -> None:
    """A full spool loses old quotes, declared in their place; trades stay whole."""
    bench = benches(policies={"quotes": "drop_oldest"}, spool_bytes=24_000)
    bench.client.away = True
    for _ in range(30):
        bench.send_many([*["quotes"] * 9, "trades"], 50)
    bench.client.away = False
    bench.pump()
    frames = bench.frames(A)
    trades = [frame.n for frame in frames if frame.k == "trades"]
    assert trades == list(range(10, 301, 10))
    numbers = [frame.n for frame in frames if frame.k != "gap"]
    assert numbers == sorted(numbers)
    quotes = sum(frame.k == "quotes" for frame in frames)
    assert 0 < quotes < 270
    assert sum(gap.frames_missing for gap in bench.gaps()) == 270 - quotes
    assert bench.balance.in_flight == 0


def test_an_oversized_record_is_a_declared_gap(benches: Benches) -> None:
    """A frame no record can hold is dropped by reason and the stream goes on."""
    bench = benches(record_bytes=500)
    bench.send(size=10)
    bench.send(size=600)
    bench.send(size=10)
    bench.pump()
    assert bench.numbers_of() == [1, 3]
    assert [gap.frames_missing for gap in bench.gaps()] == [1]


@pytest.mark.parametrize("how", ["refused", "failed"])
async def test_a_record_that_fails_for_good_stops_the_producer_and_stays_in_the_spool(bench: Bench, how: str) -> None:
    """Going on would leave a hole; the failure is told and the record is delivered by the next run."""
    bench.client.refuse = how == "refused"
    bench.client.error = "policy violation" if how == "failed" else None
    bench.send(count=2)
    bench.pump(1)
    assert bench.publisher.failure is not None
    await bench.publisher.close(1.0)
    bench.client = ScriptedClient()
    bench.start()
    bench.pump()
    assert bench.numbers_of() == [1, 2]


def test_room_follows_the_spool(bench: Bench) -> None:
    """Readers whose kinds wait are held exactly while the broker is behind."""
    assert bench.publisher.room.is_set()
    bench.client.away = True
    bench.send(count=11)
    assert not bench.publisher.room.is_set()
    bench.client.away = False
    bench.pump()
    assert bench.publisher.room.is_set()


@pytest.mark.parametrize("seed", range(30))
def test_order_and_completeness_hold_through_random_outages(benches: Benches, seed: int) -> None:
    """Whatever the broker does, each lane gets every frame once and in order."""
    rng = random.Random(seed)
    bench = benches(records=rng.choice([3, 10]))
    for _ in range(300):
        step = rng.random()
        if step < 0.1:
            bench.client.away = not bench.client.away
        elif step < 0.2 and bench.client.away and bench.client.waiting:
            bench.client.acknowledge(rng.randint(1, len(bench.client.waiting)))
        elif step < 0.7:
            bench.send(rng.choice([A, B]), rng.randint(1, 4))
        else:
            bench.pump(rng.randint(1, 300))
    bench.client.away = False
    bench.pump(300)
    for lane in (A, B):
        assert bench.numbers_of(lane) == list(range(1, bench.numbers[lane] + 1))
    assert bench.publisher.idle
    assert bench.balance.in_flight == 0
