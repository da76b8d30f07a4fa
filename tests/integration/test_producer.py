"""The producer between a venue on loopback and a real broker: order, outages, kills, limits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.supervise import Supervisor
from exchanges.binance import EXCHANGE, USDM
from producers import Recorded, produce, selections
from schemas import GapEvidence, RawFrame
from tests.doubles.raw_log import PARTITIONS, Placed, frames_of, make_topics, read_log
from tests.doubles.venue_run import VenueRun, until, venue

pytestmark = pytest.mark.stack
SYMBOLS = ("SYM0001USDT", "SYM0002USDT", "SYM0003USDT")
AWAY_S = float(os.environ.get("CRYPTOFLOW_TEST_BROKER_AWAY_S", "10"))
DATA = frozenset({"trades", "quotes", "book", "funding", "liquidations"})


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory, supervisor: Supervisor) -> Iterator[KafkaBroker]:
    """Return a broker that these tests may pause and kill."""
    reason = jars.missing()
    if reason:
        pytest.skip(reason)
    part = KafkaBroker(tmp_path_factory.mktemp("kafka-producer"), supervisor)
    part.start()
    yield part
    part.stop()


def settings_for(broker: KafkaBroker, run: VenueRun, path: Path, **changes: Any) -> Settings:
    """Point a producer at the venue and at topics of its own."""
    kafka = Kafka(bootstrap_servers=broker.bootstrap_servers, prefix=f"p{uuid.uuid4().hex[:8]}.", partitions=PARTITIONS)
    own: dict[str, Any] = {"endpoints": run.endpoints, "spool_dir": str(path / "spool"), **changes}
    settings = Settings(environment="test", kafka=kafka, producer=Producer(**own))
    make_topics(settings)
    return settings


class Producing:
    """Hold a producer that runs in this loop and what it last said."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.facts: dict[str, Any] = {}
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def tell(self, **facts: Any) -> None:
        """Take facts."""
        self.facts = facts

    @property
    def frames(self) -> dict[str, Any]:
        """Return the balance."""
        found: dict[str, Any] = self.facts["detail"]["frames"]
        return found

    def settled(self) -> bool:
        """Tell whether everything received was acknowledged or declared."""
        assert self.task is not None
        if self.task.done():
            self.task.result()
        if not self.facts:
            return False  # a short run may be over before the first facts are told
        own = self.frames["own"]["in_flight"] + self.frames["control"]["in_flight"]
        return bool(self.frames["received"]) and self.frames["in_flight"] + own == 0


@asynccontextmanager
async def producing(settings: Settings) -> AsyncIterator[Producing]:
    """Run a producer in this loop and end it."""
    one = Producing()
    venues = [Recorded(EXCHANGE, ("usdm",))]
    body = produce(settings, venues, selections(SYMBOLS), "test", one.stop, one.tell)
    one.task = asyncio.create_task(body)
    try:
        yield one
    finally:
        one.stop.set()
        await asyncio.wait_for(one.task, 20)


async def sent_all(run: VenueRun, one: Producing) -> dict[str, Any]:
    """Wait until the venue has sent everything and all of it is accounted for; return the venue's status."""

    async def done() -> bool:
        status = await run.status()
        return status["state"] == "done" and one.settled() and one.frames["received"] >= status["frames_sent"]

    await until(done, 90, "sending and publishing everything")
    return await run.status()


def gaps(frames: list[RawFrame], cause: str) -> list[GapEvidence]:
    """Return the gap evidence of a cause."""
    found = [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in frames if frame.k == "gap"]
    return [one for one in found if one.cause == cause]


def check_order(log: list[Placed]) -> None:
    """Hold the log to P2: one partition per symbol, connections in turn, numbers rising, nothing twice."""
    for symbol in SYMBOLS:
        assert len({placed.partition for placed in log if placed.record.symbol == symbol}) == 1
        seen: dict[str, int] = {}
        for frame in frames_of(log, symbol):
            assert frame.n > seen.get(frame.c, 0), (symbol, frame.c, frame.n)
            seen[frame.c] = frame.n


def streams_in(log: list[Placed]) -> Counter[str]:
    """Count frames as the simulator does: by market and the venue's stream name."""
    return Counter(
        f"binance.usdm {USDM.route(frame.payload()).stream}"
        for symbol in SYMBOLS
        for frame in frames_of(log, symbol)
        if frame.k in DATA
    )


async def test_frames_arrive_keyed_in_order_with_snapshots_among_them(broker: KafkaBroker, tmp_path: Path) -> None:
    """Every frame sent is in its symbol's partition, once, in order; definitions first, snapshots in place."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), frames_max=6000) as run:
        settings = settings_for(broker, run, tmp_path)
        async with producing(settings) as one:
            status = await sent_all(run, one)
        assert one.frames["received"] == one.frames["published"] == status["frames_sent"]
        assert one.facts["live"]
    log = read_log(settings)
    check_order(log)
    assert streams_in(log) == {name: count for name, count in status["streams"].items() if count}
    for placed in log:
        assert placed.key == f"binance.usdm.{placed.record.symbol}"
        assert placed.record.source == "test"
    for symbol in SYMBOLS:
        frames = frames_of(log, symbol)
        assert frames[0].k == "instrument"
        snapshots = [frame for frame in frames if frame.k == "book_snapshot"]
        assert [frame.m and frame.m["reason"] for frame in snapshots] == ["subscribe"]
        place = frames.index(snapshots[0])
        assert any(frame.k == "book" for frame in frames[:place])
        assert int((snapshots[0].m or {})["requested_ns"]) <= snapshots[0].t
    assert [frame.k for frame in frames_of(log, "_conn")].count("control") >= 2


async def test_a_broker_killed_while_frames_arrive_loses_nothing(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """Frames wait in the spool and arrive in order, each once, after the broker is back."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=800, run_s=AWAY_S + 8) as run:
        settings = settings_for(own_broker, run, tmp_path, in_flight_max_bytes=65_536)
        async with producing(settings) as one:
            await until(lambda: one.facts and one.frames["published"] > 500, 20, "publishing")
            own_broker.kill()
            await until(lambda: one.facts["detail"]["spooling"], 10, "spooling")
            await asyncio.sleep(AWAY_S - 3)
            assert one.facts["live"]
            assert one.facts["detail"]["spool_bytes"] > 0
            await asyncio.to_thread(own_broker.restart)
            status = await sent_all(run, one)
            assert one.frames["dropped"] == 0
    log = read_log(settings)
    check_order(log)
    assert streams_in(log) == {name: count for name, count in status["streams"].items() if count}
    assert not any(gaps(frames_of(log, symbol), "drop") for symbol in SYMBOLS)


async def test_a_full_spool_becomes_gaps_and_the_process_lives(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """What could not be kept is declared per symbol, exactly; what came afterwards is there."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=1500, run_s=8) as run:
        limits = {"in_flight_max_bytes": 65_536, "spool_max_bytes": 200_000, "spool_segment_bytes": 50_000}
        settings = settings_for(own_broker, run, tmp_path, spool_after_s=1, **limits)
        async with producing(settings) as one:
            await until(lambda: one.facts and one.frames["published"] > 500, 20, "publishing")
            own_broker.pause()
            try:
                await until(lambda: one.frames["dropped"] > 500, 20, "dropping")
                assert one.facts["live"]
            finally:
                own_broker.resume()
            status = await sent_all(run, one)
            assert one.frames["received"] == one.frames["published"] + one.frames["dropped"]
            dropped = one.frames["dropped"]
    log = read_log(settings)
    check_order(log)
    declared = [gap for symbol in SYMBOLS for gap in gaps(frames_of(log, symbol), "drop")]
    assert sum(gap.frames_missing for gap in declared) == dropped
    assert streams_in(log).total() + dropped == status["frames_sent"]
    for symbol in SYMBOLS:
        frames = frames_of(log, symbol)
        for gap in gaps(frames, "drop"):
            inside = [frame.t for frame in frames if frame.k in gap.streams and gap.from_ns < frame.t < gap.to_ns]
            assert not inside
        # The book lost frames, so the log has a snapshot requested after the loss.
        ends = [gap.to_ns for gap in gaps(frames, "drop") if "book" in gap.streams]
        requested = [int((frame.m or {})["requested_ns"]) for frame in frames if frame.k == "book_snapshot"]
        assert not ends or max(requested) > max(ends)


class Process:
    """Run `cryptoflow produce` as a process."""

    def __init__(self, settings: Settings, path: Path) -> None:
        """Write the configuration and start."""
        config = path / "producer.yaml"
        config.write_text(yaml.safe_dump(msgspec.to_builtins(settings.model_dump(mode="json"))), "utf-8")
        words = [
            "produce",
            "--market",
            "usdm",
            "--source",
            "test",
            *(word for symbol in SYMBOLS for word in ("--symbol", symbol)),
        ]
        self._log = (path / f"producer-{uuid.uuid4().hex[:6]}.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cryptoflow", "--config", str(config), *words], stderr=self._log
        )

    def end(self, number: int) -> float:
        """Send a signal and wait; return how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        self._log.close()
        return time.monotonic() - began


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[Settings], Process]]:
    """Start producers and kill those left over."""
    made: list[Process] = []

    def start(settings: Settings) -> Process:
        made.append(Process(settings, tmp_path))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def heard(settings: Settings, least: int) -> Callable[[], bool]:
    """Tell whether every symbol has so many data frames in the log."""

    def check() -> bool:
        log = read_log(settings)
        return all(sum(frame.k in DATA for frame in frames_of(log, symbol)) >= least for symbol in SYMBOLS)

    return check


async def test_killed_and_started_again_it_declares_what_it_missed(
    broker: KafkaBroker, tmp_path: Path, started: Callable[[Settings], Process]
) -> None:
    """After SIGKILL a gap begins with each stream's last frame in the log and stands before new data, which ends it."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=300, run_s=120) as run:
        settings = settings_for(broker, run, tmp_path)
        first = started(settings)
        await until(lambda: asyncio.to_thread(heard(settings, 100)), 40, "the first run")
        first.end(signal.SIGKILL)
        before = read_log(settings)
        restarted_ns = time.time_ns()
        second = started(settings)
        counts = {symbol: sum(frame.k in DATA for frame in frames_of(before, symbol)) for symbol in SYMBOLS}
        await until(lambda: asyncio.to_thread(heard(settings, max(counts.values()) + 50)), 40, "the second run")
        assert second.end(signal.SIGTERM) < 20
        assert second.process.returncode == 0
    log = read_log(settings)
    check_order(log)
    for symbol in SYMBOLS:
        frames = frames_of(log, symbol)
        # Requests of the killed process may be appended after the first look: its log ends at the gap.
        start = next(place for place, frame in enumerate(frames) if frame.k == "gap")
        old = frames[:start]
        assert len(old) >= len(frames_of(before, symbol))
        last = {kind: max(frame.t for frame in old if frame.k == kind) for kind in {f.k for f in old} & DATA}
        for frame in (frame for frame in old if frame.k == "alive"):
            told = msgspec.json.decode(frame.payload())
            for kind in told["streams"]:
                last[kind] = max(last.get(kind, 0), frame.t - told["silence_limit_ns"])
        declared = {stream: gap for gap in gaps(frames, "restart") for stream in gap.streams}
        assert declared.keys() == DATA
        # A stream nobody heard is missed from the symbol's last frame of any kind.
        newest_ns = max(frame.t for frame in old)
        for kind, gap in declared.items():
            assert gap.from_ns == last.get(kind, newest_ns)
            assert gap.to_ns == 0
        declared_ns = [frame.t for frame in frames[start:] if frame.k == "gap"]
        assert min(declared_ns) >= restarted_ns
        fresh = [frame for frame in frames[len(old) :] if frame.k in DATA]
        assert max(place for place, frame in enumerate(frames) if frame.k == "gap") < frames.index(fresh[0])
        assert all(frame.t >= max(declared_ns) for frame in fresh)


async def test_stopped_while_the_broker_is_away_it_ends_in_time_and_loses_nothing(
    own_broker: KafkaBroker, tmp_path: Path, started: Callable[[Settings], Process]
) -> None:
    """SIGTERM during an outage ends within 20 s; the next run delivers the spool before anything new."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=300, run_s=120) as run:
        settings = settings_for(own_broker, run, tmp_path, stop_timeout_s=2)
        first = started(settings)
        await until(lambda: asyncio.to_thread(heard(settings, 50)), 40, "the first run")
        own_broker.pause()
        try:
            await asyncio.sleep(4)
            took_s = await asyncio.to_thread(first.end, signal.SIGTERM)
            sent = (await run.status())["frames_sent"]
        finally:
            own_broker.resume()
        assert took_s < 20
        assert first.process.returncode == 0
        assert list((tmp_path / "spool").rglob("*.spool"))
        second = started(settings)

        def drained() -> bool:
            return any(gaps(frames_of(read_log(settings), symbol), "restart") for symbol in SYMBOLS)

        await until(lambda: asyncio.to_thread(drained), 40, "the second run")
        second.end(signal.SIGTERM)
    log = read_log(settings)
    total = 0
    for symbol in SYMBOLS:
        frames = frames_of(log, symbol)
        end = min(place for place, frame in enumerate(frames) if frame.k == "gap")
        identities = {(frame.c, frame.n) for frame in frames[:end] if frame.k in DATA}
        total += len(identities)
        seen: dict[str, int] = {}
        for frame in frames:  # a record delivered just before the stop may be there twice, but never out of order
            if (frame.c, frame.n) in identities:
                identities.discard((frame.c, frame.n))
                assert frame.n > seen.get(frame.c, 0)
                seen[frame.c] = frame.n
    # Frames in the socket when the process closed it were never received; nothing else may be missing.
    assert sent - total < 300
