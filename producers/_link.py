"""Run one connection: read frames into the log, send subscriptions at the venue's pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cryptoflow import clock, events
from cryptoflow.config import Producer
from exchanges import Ack, Market, StreamKind
from producers._connection import Connection, ConnectionLostError
from producers._envelope import Lane
from producers._feed import Feed
from producers._intake import Intake
from producers._plan import Carried
from producers._receiver import Receiver
from producers._watchdog import SilenceLimits, Watchdog
from schemas import GapEvidence

RESUBSCRIBE = "resubscribe"
_TICK_S = 0.02


@dataclass(frozen=True)
class Surroundings:
    """Hold what all sessions of a market share."""

    exchange: str
    market: Market
    settings: Producer
    limits: SilenceLimits
    intake: Intake
    lane_of: Callable[[str], Lane]
    on_book: Callable[[str, bytes], None]
    on_lost: Callable[[str], None]
    room: asyncio.Event | None


class Link:
    """Hold one open connection with its feed, watchdog and receiver; `ended` completes with the reason."""

    def __init__(
        self, connection: Connection, around: Surroundings, carried: Carried, on_notice: Callable[[], None]
    ) -> None:
        """Connect the parts; nothing runs before `start`."""
        self._connection = connection
        self._around = around
        self.carried = carried
        self._on_notice = on_notice
        self._room = around.room
        market = around.market
        names = [info.name for info in carried.streams]
        self.feed = Feed(carried.endpoint, names, market.subscribe, market.unsubscribe)
        self.watchdog = Watchdog(carried.streams, around.limits)
        self.receiver = Receiver(market, around.lane_of, around.intake, self.watchdog, around.on_book, self._control)
        self.opened_s = clock.monotonic_s()
        self.acknowledged_ns = 0
        self._renewed: set[str] = set()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._heartbeat_s = self.opened_s

    def start(self) -> None:
        """Begin to read and to subscribe."""
        self.watchdog.opened(clock.now_ns())
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)

    def resubscribe(self, streams: Sequence[str]) -> None:
        """Give streams up and ask for them again; once accepted, what passed between is declared."""
        self._renewed.update(streams)
        self.feed.resubscribe(streams)

    def fail(self, reason: str) -> None:
        """Give the connection up."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def stop(self) -> None:
        """End reading, then close the socket. Frames not read yet are given up."""
        self.fail("closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await self._connection.close()

    async def _read(self) -> None:
        try:
            await self._connection.read(self.receiver.take, self._room)
        except ConnectionLostError as error:
            self.fail(str(error))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Hand an unexpected error on: a reader that dies silently would look like a silent venue."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.ended.done():
            self.ended.set_exception(error)

    async def _write(self) -> None:
        endpoint = self.carried.endpoint
        try:
            while True:
                now_s = clock.monotonic_s()
                for frame in self.feed.to_send(now_s):
                    await self._connection.send(frame)
                if self.feed.failure:
                    self.fail(self.feed.failure)
                interval_s = endpoint.heartbeat_interval_s
                if endpoint.heartbeat is not None and interval_s and now_s - self._heartbeat_s >= interval_s:
                    self._heartbeat_s = now_s
                    await self._connection.send(endpoint.heartbeat)
                await asyncio.sleep(_TICK_S)
        except ConnectionLostError as error:
            self.fail(str(error))

    def _control(self, raw: bytes) -> None:
        ack: Ack | None = self._around.market.ack(raw)
        if ack is not None:
            trusted = self.feed.on_ack(ack)
            self._declare_renewed(trusted)
            self.watchdog.acknowledged(trusted, clock.now_ns())
            if ack.error:
                events.SubscriptionFailed(
                    exchange=self._around.exchange, market=self._around.market.name, detail=ack.error
                ).emit()
            if self.feed.streaming and not self.acknowledged_ns:
                self.acknowledged_ns = clock.now_ns()
        elif self._around.market.is_reconnect_notice(raw):
            self._on_notice()

    def _declare_renewed(self, accepted: Iterable[str]) -> None:
        """Write a gap frame per stream that was given up and is served again.

        A frame that came late may have closed the gap of the silence while the stream was still given up.
        """
        for info in self.carried.streams:
            if info.name not in self._renewed or info.name not in accepted:
                continue
            self._renewed.discard(info.name)
            from_ns = self.watchdog.last_ns.get(info.name, 0)
            if not from_ns:
                continue
            detail = f"{info.name} was subscribed again"
            evidence = GapEvidence(cause=RESUBSCRIBE, streams=(info.kind.value,), from_ns=from_ns, detail=detail)
            self._around.intake.gap(self._around.lane_of(info.symbol), evidence)
            if info.kind is StreamKind.BOOK:
                self._around.on_lost(info.symbol)
