"""The Faust shell: queues bundles for the roster, restores on assignment, checkpoints on a timer.

No exception leaves our code, for Faust would go on after it: the process ends instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn

import faust
from faust.types import TP

from agents._backlog import Arrived, Backlog
from agents._checkpoint import KafkaReader
from agents._consumer import BarrierApp, Bundle
from agents._count import Counts
from agents._fatal import die
from agents._log import KafkaLog
from agents._outgoing import Names
from agents._owner import Core, Limits, Ports
from agents._produce import KafkaOutlet
from agents._roster import Roster
from agents._watchdog import Progress, Sight, Watchdog
from cryptoflow.clock import monotonic_s
from cryptoflow.config import Settings
from cryptoflow.errors import StopError
from cryptoflow.events import UnverifiedRule
from exchanges import drain

_BEAT_S = 1.0
_WATCH_S = 5.0
_CLOSE_S = 3.0
_RELEASE_S = 8.0
_BROKER_QUESTION_S = 10.0


class Shell:
    """Run the protocol inside one Faust app. `core` makes the pure core of a raw partition."""

    def __init__(
        self,
        settings: Settings,
        raw_topics: Mapping[str, str],
        core: Callable[[str, int], Core],
        on_fatal: Callable[[str, BaseException], NoReturn] = die,
    ) -> None:
        """Name the raw topics ({topic: exchange}); nothing is connected before the app starts."""
        self.role = f"worker.{settings.agents.role}"
        self._settings = settings
        self._raw_topics = dict(raw_topics)
        self._counts = Counts()
        self._core = core
        self._on_fatal = on_fatal
        self._app: BarrierApp
        self._roster: Roster
        self._outlet: KafkaOutlet
        self._log = KafkaLog(settings.kafka, _BROKER_QUESTION_S)
        agents = settings.agents
        self._progress = Progress(agents.progress_timeout_s, agents.rebalance_timeout_s)
        interval_s = min(_WATCH_S, agents.progress_timeout_s / 4)
        self._watchdog = Watchdog(self._progress, self._sight, self._log.ends, self._fail, interval_s)
        self._backlog = Backlog(agents.buffer_max_bytes, agents.take_max_records)
        self._beat = 0
        self._started = False

    def bind(self, app: BarrierApp) -> None:
        """Connect the app's agent, signals and timers to this shell."""
        self._app = app
        app.barrier_positions = self._positions
        app.barrier_take_max_records = self._settings.agents.take_max_records
        topic = app.topic(
            *sorted(self._raw_topics),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        app.agent(topic, name=f"cryptoflow.{self._settings.agents.role}", concurrency=1)(self._consume)
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_rebalance_complete.connect(self._on_rebalanced)
        app.on_before_shutdown.connect(self._on_shutdown)
        app.task(self._start)
        app.task(self._pump)
        app.timer(self._settings.agents.checkpoint_interval_s)(self._checkpoint)
        app.timer(_BEAT_S)(self._tick)

    def facts(self) -> tuple[bool, bool, dict[str, object]]:
        """Return live, ready and the detail behind them; safe from any thread."""
        live = self._progress.stalled_s < self._settings.agents.progress_timeout_s / 2
        positions = {f"{topic}/{number}": at for (topic, number), at in self._positions_now().items()}
        ready = self._started and self._roster.restored
        return live, ready, {"role": self.role, "stalled_s": round(self._progress.stalled_s, 1), "next": positions}

    # --- what Faust calls ---------------------------------------------------------------------------

    async def _start(self) -> None:
        """Watch from the start, also a first assignment that never comes."""
        await self._guard(self._connect())

    async def _connect(self) -> None:
        if self._started:
            return
        settings = self._settings
        kafka, agents = settings.kafka, settings.agents
        state_topic = kafka.state_topic(agents.role)
        self._outlet = KafkaOutlet(kafka, state_topic, self._fail, client_id=self._app.conf.id)
        names = Names(kafka.md_topic, kafka.control_topic("reseed"))
        ports = Ports(self._outlet, self._outlet, self._log, self, names)
        limits = Limits(
            checkpoint_max_states=agents.checkpoint_max_states,
            md_record_max_bytes=agents.md_record_max_bytes,
            book_checkpoint_interval_s=agents.book_checkpoint_interval_s,
            clear_interval_s=agents.clear_interval_s,
            accept_lost_log=agents.accept_lost_log,
        )
        reader = KafkaReader(kafka, state_topic, self._log, agents.restore_timeout_s)
        self._roster = Roster(reader, ports, limits, self._core, lambda: self._app.consumer_generation_id)
        self._started = True
        self._watchdog.start()

    async def _consume(self, stream: faust.StreamT[bytes]) -> None:
        """Queue what arrives. Faust acknowledges it then, which only its lag report rests on."""
        async for event in stream.events():
            bundle: Bundle = event.message
            where = (bundle.topic, bundle.partition)
            size_bytes = bundle.serialized_value_size
            arrived = Arrived(bundle.generation_id, where, bundle.records, size_bytes, bundle.reading)
            await self._guard(self._backlog.put(arrived))

    async def _pump(self) -> None:
        """Process what has arrived, as long as the app runs."""
        while not self._app.should_stop:
            await self._guard(self._take())
            # A take may end without having waited: let heartbeats, timers and the fetcher have their turn.
            await asyncio.sleep(0)

    async def _take(self) -> None:
        arrived = await self._backlog.take()
        if arrived.reading != self._app.barrier_consumer.readings[TP(*arrived.partition)]:
            return  # the consumer has gone back since
        began_s = monotonic_s()
        outputs = await self._roster.deliver(arrived.generation, arrived.partition, arrived.records)
        if outputs is not None:
            (topic, partition), records = arrived.partition, len(arrived.records)
            self._counts.take(self._raw_topics[topic], partition, topic, records, outputs, monotonic_s() - began_s)

    async def _on_rebalanced(self, *_: object, **__: object) -> None:
        await self._guard(self._restore())

    async def _restore(self) -> None:
        await self._connect()
        assigned = [(tp.topic, tp.partition) for tp in self._app.consumer.assignment() if tp.topic in self._raw_topics]
        await self._roster.restore(self._app.consumer_generation_id, assigned)

    async def _on_revoked(self, *_: object, **__: object) -> None:
        """Leave a last checkpoint: started work is done, and nobody else has the partitions yet."""
        if self._started:
            await self._guard(self._backlog.clear())
            await self._guard(self._roster.release())

    async def _on_shutdown(self, *_: object, **__: object) -> None:
        self._watchdog.stop()
        if self._started:
            await self._guard(self._leave())
            await asyncio.get_running_loop().run_in_executor(None, self._outlet.close, _CLOSE_S)

    async def _leave(self) -> None:
        """Leave last checkpoints if the broker takes them in time; without them the next start repeats some work."""
        await self._backlog.clear()
        try:
            await asyncio.wait_for(self._roster.release(), _RELEASE_S)
        except TimeoutError:
            self._roster.drop()

    async def _checkpoint(self, *_: object) -> None:
        if self._started:
            await self._guard(self._roster.checkpoint())

    async def _tick(self, *_: object) -> None:
        self._beat += 1
        if self._started:
            self._counts.gaps(self._roster.gaps_open())
        for rule, what in drain():
            UnverifiedRule(rule=rule, what=what).emit()

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Send the consumer back, unless a rebalance takes the partition meanwhile: it then starts from our positions.

        Raises what the consumer raises otherwise.
        """
        generation = self._app.consumer_generation_id
        try:
            await self._app.barrier_consumer.go_back(TP(topic, partition), offset)
        except Exception:
            if generation == self._app.consumer_generation_id and not self._app.rebalancing:
                raise

    # --- inside -------------------------------------------------------------------------------------

    def _positions(self, assigned: Iterable[TP]) -> dict[TP, int]:
        """Answer where the consumer reads next. Partitions without an owner are about to be restored."""
        owners = self._roster.owners
        return {tp: owners[tp.topic, tp.partition].next for tp in assigned if (tp.topic, tp.partition) in owners}

    def _positions_now(self) -> dict[tuple[str, int], int]:
        return {where: owner.next for where, owner in list(self._roster.owners.items())} if self._started else {}

    def _sight(self) -> Sight:
        return Sight(self._positions_now(), bool(self._app.rebalancing), self._beat)

    async def _guard(self, work: Awaitable[Any]) -> None:
        """Let cancellation pass while stopping; anything else ends the process."""
        try:
            await work
        except asyncio.CancelledError:
            if not self._app.should_stop:
                # Faust would go on with a core that is ahead of its outputs.
                self._on_fatal(self.role, StopError("processing: cancelled while running"))
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, Faust must not acknowledge after it
            self._on_fatal(self.role, error)

    def _fail(self, error: BaseException) -> None:
        self._on_fatal(self.role, error)
