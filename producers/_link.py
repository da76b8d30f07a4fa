"""Run one connection: read frames into the log, send subscriptions at the venue's pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cryptoflow import clock, events
from cryptoflow.config import Producer
from exchanges import Ack, Market, StreamKind
from producers._channels import Channels
from producers._connection import Connection, ConnectionLostError
from producers._declare import Declare
from producers._election import Election
from producers._feed import Feed, Names
from producers._intake import Intake
from producers._pace import Pace
from producers._plan import Carried
from producers._policy import waits
from producers._receiver import Hooks, Receiver
from producers._watchdog import SilenceLimits, StreamInfo, Watchdog

_LEVEL_POLL_S = 0.02
DISCONNECT, RESUBSCRIBE, REFUSED, SEQUENCE = "disconnect", "resubscribe", "refused", "sequence"
_TICK_S = 0.02


class Peers(Protocol):
    """Be what a line knows of the others of its producer."""

    def back(self, streams: Sequence[StreamInfo]) -> bool:
        """Tell whether another line has these streams open, so that a late one may hold its frames back."""
        ...

    def lose(self) -> None:
        """Let the others publish what they hold back, before this line says what it lost."""
        ...


class Alone:
    """Be a line without others."""

    def back(self, streams: Sequence[StreamInfo]) -> bool:
        """Tell that nobody has them."""
        del streams
        return False

    def lose(self) -> None:
        """Tell nobody."""


@dataclass(frozen=True)
class Surroundings:
    """Hold what all sessions of a market share, or those of one of its lines; `feed` labels their connections."""

    exchange: str
    market: Market
    settings: Producer
    limits: SilenceLimits
    intake: Intake
    declare: Declare
    hooks: Hooks
    room: asyncio.Event | None
    feed: str = ""
    line: int = 1
    election: Election = field(default_factory=Election)
    peers: Peers = field(default_factory=Alone)


class Link:
    """Hold one open connection with its feed, watchdog and receiver; `ended` completes with the reason."""

    def __init__(
        self,
        connection: Connection,
        around: Surroundings,
        carried: Carried,
        on_notice: Callable[[], None],
        pace: Pace | None = None,
    ) -> None:
        """Connect the parts; nothing runs before `start`."""
        self._connection = connection
        self._around = around
        self.carried = carried
        self._on_notice = on_notice
        kinds = (kind.value for info in carried.streams for kind in info.kinds)
        self._room = around.room if waits(around.settings.policies, kinds) else None
        market = around.market
        names = [info.name for info in carried.streams]
        self._channels = Channels(carried.streams)
        how = Names(market.subscribe, market.unsubscribe, market.request_group, market.heard_as, self._channels.unit)
        self.feed = Feed(carried.endpoint, names, how, pace)
        self.watchdog = Watchdog(carried.streams, around.limits)
        hooks = replace(around.hooks, on_control=self._control, on_break=self._broken)
        self.receiver = Receiver(market, around.intake, self.watchdog, hooks, around.feed)
        self.receiver.carry(carried.streams)
        self.opened_s = clock.monotonic_s()
        self.opened_ns = clock.now_ns()
        self.acknowledged_ns = 0
        self.served_ns: dict[str, int] = {}
        self.beat_ns = 0
        self.cause = DISCONNECT
        self._renewed: dict[str, int] = {}
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._heartbeat_s = self.opened_s

    def start(self) -> None:
        """Begin to read and to subscribe."""
        self.watchdog.opened(clock.now_ns())
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)

    def elect(self, streams: Sequence[StreamInfo] | None = None) -> None:
        """Say in the log that this connection counts from here on, for what no other line of ours counts for."""
        around = self._around
        won = around.election.claim(around.line, self.carried.streams if streams is None else streams)
        around.declare.switch(won, self.receiver.conn, 0)

    async def draw_level(self, old: Link) -> None:
        """Wait until what is held back has what the other connection, now closed, brought last: there they join.

        What the other brought before this one was acknowledged is not waited for.
        """
        settings, receiver = self._around.settings, self.receiver
        deadline_s = clock.monotonic_s() + settings.overlap_max_s
        while self.acknowledged_ns and not (
            receiver.has_all_of(old.receiver, self.acknowledged_ns) or self.ended.done()
        ):
            if clock.monotonic_s() > deadline_s or receiver.held >= settings.overlap_max_frames:
                return
            await asyncio.sleep(_LEVEL_POLL_S)

    def succeed(self, old: Link) -> None:
        """Say the same where the connection replaces one of the same line: what that one brought counts once."""
        around, receiver = self._around, self.receiver
        won = around.election.claim(around.line, self.carried.streams)
        around.declare.switch(won, receiver.conn, old.receiver.last_ns, receiver.joins(old.receiver))

    def carry(self, streams: Sequence[StreamInfo], added: Sequence[StreamInfo], gone: Sequence[StreamInfo]) -> None:
        """Carry these streams from now on, some of them new; give up the others."""
        self.carried = replace(self.carried, streams=tuple(streams))
        self.watchdog.drop(gone)
        self.watchdog.add(added)
        for info in gone:
            self.served_ns.pop(info.name, None)
        self._channels.drop(gone)
        self._channels.add(added)
        self.receiver.carry(streams)
        self.feed.drop([info.name for info in gone])
        self.feed.add([info.name for info in added])

    def resubscribe(self, streams: Sequence[str]) -> None:
        """Give streams up, at the venue's pace, and ask for them again; what passes between is declared."""
        self.feed.resubscribe(streams)

    def fail(self, reason: str, cause: str = DISCONNECT) -> None:
        """Give the connection up."""
        if not self.ended.done():
            self.cause = cause
            self.ended.set_result(reason)

    async def stop(self) -> None:
        """End reading, then close the socket. Frames not read yet are given up."""
        self.fail("closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await self._connection.close()
        self._around.intake.ended(self.receiver.conn)

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
                frames = self.feed.to_send(now_s)
                self._give_up(self.feed.renewing())
                for frame in frames:
                    await self._connection.send(frame)
                self._tell_refused()
                if self.feed.failure:
                    self.fail(self.feed.failure)
                interval_s = endpoint.heartbeat_interval_s
                if endpoint.heartbeat is not None and interval_s and now_s - self._heartbeat_s >= interval_s:
                    self._heartbeat_s = now_s
                    await self._connection.send(endpoint.heartbeat)
                await asyncio.sleep(_TICK_S)
        except ConnectionLostError as error:
            self.fail(str(error))

    def _give_up(self, names: Sequence[str]) -> None:
        """Remember since when streams that are about to be given up are missed.

        It is declared once they are accepted again: a late frame may close the gap of a silence while the
        stream is still given up. But at once for a book that brings its own snapshot: that may come before
        the answer, and no gap may follow it.
        """
        for info in self._infos(names):
            from_ns = self.watchdog.last_ns.get(info.heard, 0)
            if self._around.market.in_stream_snapshots and StreamKind.BOOK in info.kinds:
                self._declare_renewed(info, from_ns)
            else:
                self._renewed[info.name] = from_ns or clock.now_ns()

    def _control(self, raw: bytes) -> None:
        ack: Ack | None = self._around.market.ack(raw)
        if ack is None:
            self.beat_ns = clock.now_ns()
            if self._around.market.is_reconnect_notice(raw):
                self._on_notice()
            return
        trusted = self.feed.on_ack(ack, clock.monotonic_s())
        for info in self._infos(trusted):
            if info.name in self._renewed:
                self._declare_renewed(info, self._renewed.pop(info.name))
        now_ns = clock.now_ns()
        for name in trusted:
            self.served_ns.setdefault(name, now_ns)
        self._declare_late(trusted, now_ns)
        self.watchdog.acknowledged(trusted, now_ns)
        if ack.error:
            self._tell_failed(ack.error)
        if self.feed.streaming and not self.acknowledged_ns:
            self.acknowledged_ns = now_ns

    def _infos(self, names: Iterable[str]) -> list[StreamInfo]:
        asked = set(names)
        return [info for info in self.carried.streams if info.name in asked] if asked else []

    def _declare_renewed(self, info: StreamInfo, from_ns: int) -> None:
        """Write a gap frame for a stream that is given up and served again; one never heard has none."""
        if self.watchdog.last_ns.get(info.heard):
            detail = f"{info.name} was subscribed again"
            self._around.declare.gap([info], RESUBSCRIBE, from_ns, detail, self.receiver.conn)

    def _declare_late(self, trusted: Sequence[str], now_ns: int) -> None:
        """Say that a gap lasted longer than until the first of several channels was served again."""
        for late in self._channels.served(trusted, now_ns):
            # While frames are held back the predecessor still serves the streams: nothing is missed.
            if not self.receiver.is_holding:
                self._around.declare.rest_of(late, now_ns)

    def _tell_refused(self) -> None:
        """Say which streams the venue does not give: an event, and a gap that is open until it does."""
        for name, detail in self.feed.refused():
            self._tell_failed(f"{name} is given up: {detail}")
            for info in self._infos([name]):
                from_ns = self.watchdog.last_ns.get(info.heard, self.opened_ns)
                self._around.declare.gap([info], REFUSED, from_ns, f"{name}: {detail}", self.receiver.conn)
                self._around.election.release(self._around.line, [info])

    def _broken(self, last_ns: int, detail: str) -> None:
        """Declare a break of the connection's own numbers before the frame that shows it, and end the connection."""
        around = self._around
        events.ConnectionSequenceBroken(
            exchange=around.exchange,
            market=around.market.name,
            conn=self.receiver.conn,
            detail=detail,
            shard=around.intake.balance.shard,
        ).emit()
        # While frames are held back the predecessor still serves the streams: nothing is missed.
        if not self.receiver.is_holding:
            around.declare.gap(self.carried.streams, SEQUENCE, last_ns, detail, self.receiver.conn)
        self.fail(detail, SEQUENCE)

    def _tell_failed(self, detail: str) -> None:
        events.SubscriptionFailed(exchange=self._around.exchange, market=self._around.market.name, detail=detail).emit()
