"""Run a producer: prepare, drain the old spool, declare the gap since the last run, record, stop in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from cryptoflow import clock, events, metrics
from cryptoflow.config import Settings
from exchanges import Exchange
from producers import _guard as guard
from producers import _kafka as kafka
from producers._addresses import addresses_of
from producers._balance import Balance
from producers._choose import NOTHING_FITS_FIX, Selections, nothing_fits
from producers._egress import Egress
from producers._envelope import Envelopes, Lane
from producers._heap import settled_heap
from producers._holes import Hole
from producers._intake import Intake
from producers._market import MarketRun
from producers._ownership import Ownership, Wants
from producers._plan import refuse_no_streams, refuse_rivals
from producers._policy import Policies
from producers._publisher import Limits, Publisher
from producers._pump import MEASURE_S, PUMP_S, Pump
from producers._replica import spool_name, with_replica
from producers._reseed import ASKED_BEFORE_NS, ReseedRequest, hear, listen
from producers._restart import last_heard
from producers._spool import Spool
from producers._status import Status
from producers._stop import finished_before
from producers._watchdog import PauseDetector
from schemas import GapEvidence

_WATCH_S = 1.0
_SYNC_S = 1.0
_ALERT_ABOVE = 0.8
_RECORD_MARGIN_BYTES = 4096


class OnFacts(Protocol):
    """Take what a producer says of itself, as cryptoflow.health serves it."""

    def __call__(
        self, *, live: bool, ready: bool, detail: dict[str, object], status: Callable[[], dict[str, object]]
    ) -> None:
        """Take the newest facts; `status` tells of each stream, when called in the producer's loop."""
        ...


def _nobody(*, live: bool, ready: bool, detail: dict[str, object], status: Callable[[], dict[str, object]]) -> None:
    del live, ready, detail, status


@dataclass(frozen=True)
class Recorded:
    """Name an exchange and the markets of it that are recorded."""

    exchange: Exchange
    markets: tuple[str, ...]


async def produce(
    settings: Settings,
    venues: Sequence[Recorded],
    selections: Selections,
    source: str,
    stop: asyncio.Event,
    on_facts: OnFacts = _nobody,
) -> None:
    """Record markets of one or several exchanges until `stop` is set, then end within 20 s.

    Nothing received is lost: what the broker did not take in time stays in the spool for the next run.
    Without a selection everything that trades is recorded. Raises ConfigError, IdentityError or
    BrokerAwayError in one line before anything is opened, StopError when records can no longer be
    delivered.
    """
    settings = with_replica(settings, socket.gethostname())
    for venue in venues:
        guard.check_source(settings, venue.exchange, venue.markets, source)
        if source != guard.REPLAY:  # recordings hold channels by symbol, one each
            refuse_rivals(venue.exchange, venue.markets, settings.producer)
    selections.check({venue.exchange.name: venue.markets for venue in venues})
    shards = await addresses_of(
        settings.producer, {venue.exchange.name: tuple(venue.exchange.markets) for venue in venues}
    )
    partitions = {
        venue.exchange.name: await asyncio.to_thread(
            kafka.check_topic, settings, settings.kafka.raw_topic(venue.exchange.name)
        )
        for venue in venues
    }
    run = _Run(settings, venues, selections, source, on_facts, Egress(shards, settings.producer.address_cool_down_s))
    events.ProcessStarted(role="producer", version=metadata.version("cryptoflow")).emit()
    async with AsyncExitStack() as stack:
        try:
            if await finished_before(stop, run.prepare(stack)):
                await run.recover(partitions, stop)
                with settled_heap():
                    await run.record(partitions, stop)
        finally:
            await run.close()
    if run.publisher.failure is not None:
        raise run.publisher.failure


class _Run:
    """Hold the parts of one process together."""

    def __init__(
        self,
        settings: Settings,
        venues: Sequence[Recorded],
        selections: Selections,
        source: str,
        on_facts: OnFacts,
        egress: Egress,
    ) -> None:
        own = settings.producer
        self._settings = settings
        self._selections = selections
        self._on_facts = on_facts
        self._balance = Balance(str(own.replica_index))
        self._spool = Spool(
            Path(own.spool_dir) / spool_name(settings, [venue.exchange.name for venue in venues]),
            max_bytes=own.spool_max_bytes,
            segment_bytes=own.spool_segment_bytes,
            fsync=own.spool_fsync,
        )
        limits = Limits(
            in_flight_max_bytes=own.in_flight_max_bytes,
            in_flight_max_records=own.in_flight_max_records,
            spool_after_s=own.spool_after_s,
            record_max_bytes=settings.kafka.message_max_bytes - _RECORD_MARGIN_BYTES,
        )
        self.publisher = Publisher(
            kafka.connect(settings),
            settings.kafka.raw_topic,
            self._spool,
            Policies(own.policies, own.sample_every_frames),
            limits,
            self._balance,
            self._dropped,
            own.feed,
        )
        self._envelopes = Envelopes(
            own.envelope_max_frames, own.envelope_max_bytes, own.linger_min_ms, own.linger_max_ms, own.linger_busy_ms
        )
        self._intake = Intake(self._envelopes, self.publisher, self._balance, own.feed)
        self._markets = {
            (venue.exchange.name, name): MarketRun(
                settings, venue.exchange.name, venue.exchange.markets[name], source, self._intake, egress
            )
            for venue in venues
            for name in venue.markets
        }
        self._ownerships = {
            venue.exchange.name: Ownership(settings, venue.exchange.name, selections, self._intake.conns.__contains__)
            for venue in venues
        }
        who = {"replica": own.replica_index, "feed": own.feed}
        self._status = Status(self._markets, self._ownerships, self._intake, who)
        self._state = "starting"
        self._asked_ns = 0
        self._synced_s = 0.0
        self._full: set[str] = set()
        self._pump_task: asyncio.Task[None] | None = None

    async def prepare(self, stack: AsyncExitStack) -> None:
        """Start to deliver, and choose what to record."""
        streams = {".".join(key): market.streams for key, market in self._markets.items()}
        refuse_no_streams(streams, self._settings.producer)
        self._pump_task = asyncio.create_task(self._pump())
        for ownership in self._ownerships.values():
            stack.push_async_callback(ownership.close)
            await ownership.load()
        for (exchange, name), market in self._markets.items():
            await market.prepare(Wants(self._ownerships[exchange], name), stack)
        unknown = {key: names for one in self._ownerships.values() for key, names in one.unknown.items()}
        self._selections.refuse_unknown(unknown)
        if all(one.is_idle for one in self._ownerships.values()):
            events.NothingChosen(detail=nothing_fits(self._markets), fix=NOTHING_FITS_FIX).emit()

    async def recover(self, partitions: Mapping[str, int], stop: asyncio.Event) -> None:
        """Deliver the old spool, then declare what was missed since each stream was last heard."""
        self._state = "draining"
        while not self.publisher.idle and self.publisher.failure is None and not stop.is_set():
            self._check([self._pump_task] if self._pump_task else [])
            await asyncio.sleep(PUMP_S)
        if stop.is_set() or self.publisher.failure is not None:
            return
        self._declare_damage()
        for exchange, count in partitions.items():
            await self._declare_missed(exchange, count)

    async def _declare_missed(self, exchange: str, partitions: int) -> None:
        """Declare what one exchange's streams missed, but for what another replica still records."""
        here = self._of(exchange)
        wanted = {key: kinds for market in here.values() for key, kinds in market.wanted().items()}
        heard = await asyncio.to_thread(last_heard, self._settings, exchange, partitions, wanted)
        now_ns = clock.now_ns()
        newest_ns = max(heard.newest_ns.values(), default=now_ns)
        self._asked_ns = min(self._asked_ns or newest_ns, newest_ns)
        taken = self._ownerships[exchange].start(wanted, heard, now_ns)
        oldest_ns = now_ns
        declared: set[tuple[str, str]] = set()
        for (name, symbol), evidence in heard.evidence():
            if (name, symbol) in taken:
                continue
            self._intake.gap(here[name].lane_of(symbol), evidence)
            oldest_ns = min(oldest_ns, evidence.from_ns)
            declared.add((name, symbol))
        if declared:
            events.RestartGap(symbols=len(declared), longest_s=round((now_ns - oldest_ns) / 1e9, 3)).emit()

    def _of(self, exchange: str) -> dict[str, MarketRun]:
        return {name: market for (one, name), market in self._markets.items() if one == exchange}

    async def record(self, partitions: Mapping[str, int], stop: asyncio.Event) -> None:
        """Record until `stop` or until records can no longer be delivered."""
        if stop.is_set() or self.publisher.failure is not None:
            return
        asked = await asyncio.to_thread(listen, self._settings, self._asked_ns - ASKED_BEFORE_NS)
        self._state = "recording"
        bodies = [body for market in self._markets.values() for body in market.open(self.publisher.room)]
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(body) for body in bodies]
        tasks += [asyncio.create_task(hear(asked, self._reseed)), asyncio.create_task(self._watch())]
        for exchange, ownership in self._ownerships.items():
            tasks.append(asyncio.create_task(ownership.run(self._of(exchange), partitions[exchange])))
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set() and self.publisher.failure is None:
                await asyncio.wait([stopped], timeout=MEASURE_S)
                self._check([*tasks, *([self._pump_task] if self._pump_task else [])])
        finally:
            events.ProcessStopping(role="producer", reason="asked" if stop.is_set() else "failure").emit()
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)
            for market in self._markets.values():
                market.end()

    @staticmethod
    def _check(tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Raise what ended a task: none of them may end by an error unseen."""
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error

    async def close(self) -> None:
        """Deliver what can be delivered and leave the rest in the spool."""
        self._state = "stopping"
        if self._pump_task is not None:
            self._pump_task.cancel()
            await asyncio.gather(self._pump_task, return_exceptions=True)
        self._intake.flush()
        await self.publisher.close(self._settings.producer.stop_timeout_s)
        self._tell()

    async def _pump(self) -> None:
        """Send and settle every few milliseconds; measure every quarter of a second."""
        pump = Pump(self._intake, self._envelopes, self._settings.producer.records_target_per_s)
        while self.publisher.failure is None:
            if pump.tick():
                self._measure(pump.records)
            await asyncio.sleep(PUMP_S)

    async def _watch(self) -> None:
        own = self._settings.producer
        pauses = PauseDetector(own.pause_limit_s)
        watched_s = 0.0
        while True:
            now_s, now_ns = clock.monotonic_s(), clock.now_ns()
            paused_s = pauses.tick(now_s, now_ns)
            if paused_s:
                events.SelfPaused(paused_s=round(paused_s, 3), limit_s=own.pause_limit_s).emit()
                for market in self._markets.values():
                    market.paused(f"this process was paused for {paused_s:.1f} s")
            elif now_s - watched_s >= _WATCH_S:
                watched_s = now_s
                for market in self._markets.values():
                    market.watch(now_ns)
            self._status.sample(now_s)
            self._declare_damage()
            await asyncio.sleep(MEASURE_S)

    def _declare_damage(self) -> None:
        """Say that a part of the spool was lost: nobody knows any more whose frames it held."""
        from_ns = self.publisher.take_damage()
        if from_ns is None:
            return
        for market in self._markets.values():
            for (_, symbol), kinds in market.wanted().items():
                evidence = GapEvidence(
                    cause="spool_damage", streams=tuple(sorted(kinds)), from_ns=from_ns, to_ns=clock.now_ns()
                )
                self._intake.gap(market.lane_of(symbol), evidence)

    def _measure(self, records: int) -> None:
        """Watch occupancy, move the metrics on, tell the facts."""
        metrics.channel_sent_total.labels("in_flight").inc(records)
        for channel, depth, occupancy in (
            ("in_flight", self.publisher.unacknowledged, self.publisher.occupancy),
            ("spool", self._spool.size_bytes, self._spool.occupancy),
        ):
            metrics.channel_depth.labels(channel).set(depth)
            metrics.channel_occupancy_ratio.labels(channel).set(occupancy)
            if occupancy > _ALERT_ABOVE and channel not in self._full:
                self._full.add(channel)
                events.ChannelFilling(channel=channel, occupancy=round(occupancy, 3)).emit()
            elif occupancy <= _ALERT_ABOVE:
                self._full.discard(channel)
        metrics.spool_bytes.labels(self._balance.shard).set(self._spool.size_bytes)
        if clock.monotonic_s() - self._synced_s >= _SYNC_S:
            self._synced_s = clock.monotonic_s()
            self._spool.sync()
        self._tell()

    def _tell(self) -> None:
        self._balance.flush()
        streaming = bool(self._markets) and all(market.streaming for market in self._markets.values())
        self._on_facts(
            live=self.publisher.failure is None,
            ready=self._state == "recording" and streaming and not self.publisher.spooling,
            detail={
                "state": self._state,
                "at_ns": clock.now_ns(),
                "frames": self._balance.facts(),
                "spooling": self.publisher.spooling,
                "spool_bytes": self._spool.size_bytes,
                "markets": {".".join(key): market.facts() for key, market in self._markets.items()},
            },
            status=self._status.facts,
        )

    def _dropped(self, lane: Lane, hole: Hole) -> None:
        market = self._markets.get((lane.exchange, lane.market))
        if market is not None:
            market.dropped(lane, hole)

    def _reseed(self, request: ReseedRequest) -> None:
        market = self._markets.get((request.exchange, request.market))
        if market is not None:
            market.reseed(request)
