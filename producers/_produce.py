"""Run a producer: prepare, drain the old spool, declare the gap since the last run, record, stop in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from cryptoflow import clock, events
from cryptoflow.config import Settings
from exchanges import Exchange
from producers import _guard as guard
from producers import _kafka as kafka
from producers._balance import Balance
from producers._envelope import Envelopes, Lane
from producers._holes import Hole
from producers._intake import Intake
from producers._market import MarketRun
from producers._policy import Policies
from producers._publisher import Limits, Publisher
from producers._reseed import ReseedRequest, hear
from producers._restart import last_heard
from producers._spool import Spool
from producers._watchdog import PauseDetector
from schemas import GapEvidence

_PUMP_S = 0.003
_OCCUPANCY_S = 0.25
_WATCH_S = 1.0
_SYNC_S = 1.0
_ALERT_ABOVE = 0.8
_RECORD_MARGIN_BYTES = 4096


class OnFacts(Protocol):
    """Take what a producer says of itself, as cryptoflow.health serves it."""

    def __call__(self, *, live: bool, ready: bool, detail: dict[str, object]) -> None:
        """Take the newest facts."""
        ...


def _nobody(*, live: bool, ready: bool, detail: dict[str, object]) -> None:
    del live, ready, detail


async def produce(
    settings: Settings,
    exchange: Exchange,
    market_names: Sequence[str],
    symbols: Sequence[str],
    source: str,
    stop: asyncio.Event,
    on_facts: OnFacts = _nobody,
) -> None:
    """Record markets of an exchange until `stop` is set, then end within 20 s.

    Nothing received is lost: what the broker did not take in time stays in the spool for the next run.
    No symbols means all that trade. Raises ConfigError, IdentityError or BrokerAwayError in one line
    before anything is opened, StopError when records can no longer be delivered.
    """
    names = tuple(market_names)
    guard.check_source(settings, exchange, names, source)
    topic = settings.kafka.raw_topic(exchange.name)
    partitions = await asyncio.to_thread(kafka.check_topic, settings, topic)
    run = _Run(settings, exchange, names, source, on_facts)
    events.ProcessStarted(role="producer", version=metadata.version("cryptoflow")).emit()
    async with AsyncExitStack() as stack:
        try:
            await run.prepare(symbols, stack)
            await run.recover(partitions, stop)
            await run.record(stop)
        finally:
            await run.close()
    if run.publisher.failure is not None:
        raise run.publisher.failure


class _Run:
    """Hold the parts of one process together."""

    def __init__(
        self, settings: Settings, exchange: Exchange, names: Sequence[str], source: str, on_facts: OnFacts
    ) -> None:
        own = settings.producer
        self._settings = settings
        self._exchange = exchange
        self._on_facts = on_facts
        self._balance = Balance(str(own.replica_index))
        self._spool = Spool(
            Path(own.spool_dir) / f"{settings.kafka.prefix}{exchange.name}-{own.replica_index}",
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
            own.envelope_max_frames, own.envelope_max_bytes, own.linger_min_ms, own.linger_max_ms
        )
        self._intake = Intake(self._envelopes, self.publisher, self._balance, own.feed)
        self._markets = {
            name: MarketRun(settings, exchange.name, exchange.markets[name], source, self._intake) for name in names
        }
        self._state = "starting"
        self._sealed = 0
        self._synced_s = 0.0
        self._full: set[str] = set()
        self._pump_task: asyncio.Task[None] | None = None

    async def prepare(self, symbols: Sequence[str], stack: AsyncExitStack) -> None:
        """Start to deliver, and choose what to record."""
        self._pump_task = asyncio.create_task(self._pump())
        for market in self._markets.values():
            await market.prepare(symbols, stack)

    async def recover(self, partitions: int, stop: asyncio.Event) -> None:
        """Deliver the old spool, then declare what was missed since each stream was last heard."""
        self._state = "draining"
        while not self.publisher.idle and self.publisher.failure is None and not stop.is_set():
            self._check([self._pump_task] if self._pump_task else [])
            await asyncio.sleep(_PUMP_S)
        if stop.is_set() or self.publisher.failure is not None:
            return
        self._declare_damage()
        wanted = {key: kinds for market in self._markets.values() for key, kinds in market.wanted().items()}
        heard = await asyncio.to_thread(last_heard, self._settings, self._exchange.name, partitions, wanted)
        now_ns = clock.now_ns()
        oldest_ns = now_ns
        declared: set[tuple[str, str]] = set()
        for (market, symbol), evidence in heard.evidence(now_ns):
            self._intake.gap(self._markets[market].lanes[symbol], evidence)
            oldest_ns = min(oldest_ns, evidence.from_ns)
            declared.add((market, symbol))
        if declared:
            events.RestartGap(symbols=len(declared), longest_s=round((now_ns - oldest_ns) / 1e9, 3)).emit()

    async def record(self, stop: asyncio.Event) -> None:
        """Record until `stop` or until records can no longer be delivered."""
        if stop.is_set() or self.publisher.failure is not None:
            return
        self._state = "recording"
        bodies = [body for market in self._markets.values() for body in market.open(self.publisher.room)]
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(body) for body in bodies]
        tasks += [asyncio.create_task(hear(self._settings, self._reseed)), asyncio.create_task(self._watch())]
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set() and self.publisher.failure is None:
                await asyncio.wait([stopped], timeout=_OCCUPANCY_S)
                self._check([*tasks, *([self._pump_task] if self._pump_task else [])])
        finally:
            events.ProcessStopping(role="producer", reason="asked" if stop.is_set() else "failure").emit()
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)

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
        measured_s = clock.monotonic_s()
        while self.publisher.failure is None:
            self._intake.tick()
            now_s = clock.monotonic_s()
            if now_s - measured_s >= _OCCUPANCY_S:
                self._measure(now_s - measured_s)
                measured_s = now_s
            await asyncio.sleep(_PUMP_S)

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
            self._declare_damage()
            await asyncio.sleep(_OCCUPANCY_S)

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
                self._intake.gap(market.lanes[symbol], evidence)

    def _measure(self, elapsed_s: float) -> None:
        """Watch occupancy, adapt the envelopes, move the metrics on, tell the facts."""
        own = self._settings.producer
        self._envelopes.adapt((self._envelopes.sealed - self._sealed) / elapsed_s, own.records_target_per_s)
        events.channel_sent_total.labels("in_flight").inc(self._envelopes.sealed - self._sealed)
        self._sealed = self._envelopes.sealed
        for channel, depth, occupancy in (
            ("in_flight", self.publisher.unacknowledged, self.publisher.occupancy),
            ("spool", self._spool.size_bytes, self._spool.occupancy),
        ):
            events.channel_depth.labels(channel).set(depth)
            events.channel_occupancy_ratio.labels(channel).set(occupancy)
            if occupancy > _ALERT_ABOVE and channel not in self._full:
                self._full.add(channel)
                events.ChannelFilling(channel=channel, occupancy=round(occupancy, 3)).emit()
            elif occupancy <= _ALERT_ABOVE:
                self._full.discard(channel)
        events.spool_bytes.labels(self._balance.shard).set(self._spool.size_bytes)
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
                "markets": {name: market.facts() for name, market in self._markets.items()},
            },
        )

    def _dropped(self, lane: Lane, hole: Hole) -> None:
        market = self._markets.get(lane.market)
        if market is not None:
            market.dropped(lane, hole)

    def _reseed(self, request: ReseedRequest) -> None:
        market = self._markets.get(request.market)
        if market is not None:
            market.reseed(request)
