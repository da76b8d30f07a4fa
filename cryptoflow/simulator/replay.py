"""Replay recordings: frames verbatim to whoever is subscribed, REST snapshots as barriers."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from cryptoflow import clock, events
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.recording import Plan, Step, plan_recording
from cryptoflow.simulator.venues import venue_of
from cryptoflow.simulator.venues._values import Channel, Listing

_BATCH_FRAMES = 512
_NS = 1_000_000_000
_POLL_S = 0.02


class _Book:
    """Hold one symbol's recorded snapshots and the frames that wait behind the next one."""

    def __init__(self) -> None:
        self.recorded: deque[bytes] = deque()
        self.newest: bytes = b""
        self.served = 0
        self.begun = False
        self.early = False
        self.reached = asyncio.Event()
        self.ahead = 0
        self.barrier_s = 0.0
        self.waiting: deque[Step] = deque()

    @property
    def blocked(self) -> bool:
        return bool(self.barrier_s)


class Replay:
    """Replay recordings as fast as the sockets take it or in their own time.

    A recorded REST snapshot is a barrier: later frames of its symbol wait, at most `barrier_wait_s`,
    until someone has asked for it. One that comes before all updates of its book holds back all but the
    first of them, since nobody knows of the book before. A request before its place waits a little for
    the place to come.
    Everything waits, at most as long, while a stream that had subscribers has none: a client that
    subscribes anew loses nothing of what was recorded. Faults take that wait away.
    Who subscribes a stream with snapshots when some of it has been sent gets a snapshot the venue
    makes from what was sent. Where the recording lacks frames since its own last snapshot and another
    is to come, that one is waited for.
    """

    replaying = True

    def __init__(self, options: SimulatorOptions) -> None:
        """Read the files. Raises ConfigError as `plan_recording` does."""
        self._options = options
        self.plan: Plan = plan_recording(options.recordings)
        if self.plan.left_out:
            events.RecordingLeftOut(rows=self.plan.left_out.total(), streams=self.plan.most_left_out).emit()
        self.markets = self.plan.markets
        self.channels: dict[str, Channel] = self.plan.channels
        self._listings: dict[str, list[Listing]] = {}
        self._books: dict[tuple[str, str], _Book] = defaultdict(_Book)
        self._sent: dict[str, list[bytes]] = {key: [] for key, channel in self.channels.items() if channel.snapshots}
        self._sound: dict[str, bool] = {}
        self._to_come = Counter(key for step in self.plan.steps if step.whole for key in step.keys)
        self._deserted: set[str] = set()
        for step in self.plan.steps:
            if not step.keys:
                self._books[step.market, step.symbol].recorded.append(step.payload)
        self.outlet: Outlet | None = None

    @property
    def expected(self) -> list[str]:
        """Return the keys of all recorded streams."""
        return list(self.channels)

    @property
    def now_ms(self) -> int:
        """Return the time of this machine."""
        return clock.now_ns() // 1_000_000

    def knows(self, key: str) -> bool:
        """Tell whether a stream was recorded; of streams that were not, nothing can be said."""
        del key
        return True

    def listings(self, market: str) -> Sequence[Listing]:
        """Return the recorded symbols of `<exchange>.<market>`."""
        if market not in self._listings:
            self._listings[market] = self.plan.listings(market)
        return self._listings[market]

    def voice(self, market: str, symbol: str) -> None:
        """Return nothing: nobody invents anything here."""
        del market, symbol

    def recorded(self, market: str, kind: str) -> Sequence[bytes]:
        """Return the recorded bodies of a kind."""
        return self.plan.rest.get((market, kind), ())

    def trades(self, market: str, symbol: str, from_id: int, limit: int) -> bytes | None:
        """Return nothing: trades of the past were not recorded."""
        del market, symbol, from_id, limit
        return None

    def cross(self, key: str) -> bool:
        """Change nothing: recorded books are not crossed."""
        del key
        return False

    def first_frames(self, key: str) -> Sequence[bytes] | None:
        """Return a snapshot of what was sent before; nothing when nothing was, or when a better one is to come."""
        sent = self._sent.get(key)
        if not sent or not (self._sound.get(key) or not self._to_come[key]):
            return ()
        snapshot = venue_of(key.partition(" ")[0]).replayed_snapshot(key, sent)
        return () if snapshot is None else (snapshot,)

    def snapshot_now(self, market: str, symbol: str) -> bytes | None:
        """Return the snapshot served last: old by now."""
        name = (market, symbol)
        return self._books[name].newest or None if name in self._books else None

    async def snapshot(self, market: str, symbol: str, limit: int) -> bytes | None:
        """Return the recorded body that is due, once; afterwards the newest one, but none where several were recorded.

        Whoever asks on to get them all is not told the last one again and again.
        """
        del limit
        book = self._books.get((market, symbol))
        if book is None:
            return None
        if not book.recorded:
            return None if book.served > 1 else book.newest or None
        if not book.blocked and not book.ahead:
            try:
                await asyncio.wait_for(book.reached.wait(), self._options.early_request_wait_s)
            except TimeoutError:
                book.ahead += 1
        if book.recorded:
            book.newest = book.recorded.popleft()
            book.served += 1
        book.barrier_s = 0.0
        book.early = False
        book.reached.clear()
        return book.newest

    async def run(self, outlet: Outlet, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Send every frame, then what waits behind barriers; ends early when stop is set."""
        self.outlet = outlet
        began_s = clock.monotonic_s()
        for sent, step in enumerate(self.plan.steps, 1):
            if self._options.speed:
                await self._wait(began_s + step.offset_ns / _NS / self._options.speed, plan)
            if step.keys and not self._options.faults and self._is_deserted(step, outlet.hub):
                await self._await_subscribers(step, outlet.hub, plan, stop)
            self._take(step)
            if step.jump and not self._options.faults:
                await self._await_reaction(step, outlet.hub, plan, stop)
            if sent % _BATCH_FRAMES == 0 or self._options.speed:
                unsent = await self._between(plan)
                await asyncio.sleep(unsent / self._options.unsent_rate_fps)
            if stop.is_set():
                return
        while any(book.waiting or book.blocked for book in self._books.values()) and not stop.is_set():
            await self._between(plan)
            await asyncio.sleep(_POLL_S)
        plan.end()
        await self._between(plan)

    def _is_deserted(self, step: Step, hub: Hub) -> bool:
        """Tell whether nobody has a step's streams any more although somebody had."""
        asked = [key for key in step.keys if key in hub.asked and key not in self._deserted]
        return bool(asked) and not any(hub.routes.get(key) for key in step.keys)

    async def _await_subscribers(self, step: Step, hub: Hub, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Wait until somebody has the step's streams again; whoever does not come in time is waited for no more."""
        end_s = clock.monotonic_s() + self._options.barrier_wait_s
        while self._is_deserted(step, hub) and not stop.is_set():
            if clock.monotonic_s() >= end_s:
                self._deserted.update(hub.lost(self.channels))
                return
            await self._between(plan)
            await asyncio.sleep(_POLL_S)

    async def _await_reaction(self, step: Step, hub: Hub, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Wait until a client that met a break of its numbers has left: what is on its way then is lost to it."""
        told = {client.number for client in hub.clients.values() if not client.subscribed.keys().isdisjoint(step.keys)}
        end_s = clock.monotonic_s() + self._options.early_request_wait_s
        while told <= hub.clients.keys() and told and clock.monotonic_s() < end_s and not stop.is_set():
            await self._between(plan)
            await asyncio.sleep(_POLL_S)

    async def _wait(self, due_s: float, plan: FaultPlan) -> None:
        while (left := due_s - clock.monotonic_s()) > 0:
            await asyncio.sleep(min(left, _POLL_S))
            await self._between(plan)

    async def _between(self, plan: FaultPlan) -> int:
        for book in self._books.values():
            if book.blocked and clock.monotonic_s() - book.barrier_s >= self._options.barrier_wait_s:
                book.barrier_s = 0.0
            if book.waiting and not book.blocked:
                self._release(book)
        unsent = await self.outlet.flush() if self.outlet else 0
        await plan.between()
        return unsent

    def _release(self, book: _Book) -> None:
        waiting, book.waiting = book.waiting, deque()
        for step in waiting:
            self._take(step)

    def _take(self, step: Step) -> None:
        book = self._books[step.market, step.symbol]
        if book.blocked or book.waiting:
            book.waiting.append(step)
        elif step.keys:
            self._send(step)
            if self._is_book(step):
                book.begun = True
                if book.early:
                    self._block(book)
        elif book.ahead:
            book.ahead -= 1
        elif book.begun:
            self._block(book)
        else:
            book.early = True
            book.reached.set()

    def _is_book(self, step: Step) -> bool:
        return any(key in self.channels and self.channels[key].is_book for key in step.keys)

    def _block(self, book: _Book) -> None:
        book.early = False
        book.barrier_s = clock.monotonic_s()
        book.reached.set()

    def _send(self, step: Step) -> None:
        for key in step.keys:
            if key in self._sent:
                self._sent[key].append(step.payload)
                self._sound[key] = step.sound
                self._to_come[key] -= step.whole
        if self.outlet is None:
            return
        if step.jump:
            self._pass_over(step, self.outlet.hub)
        if len(step.keys) == 1:
            self.outlet.offer(step.keys[0], step.payload)
        else:
            self.outlet.offer_any(step.keys, step.payload)

    def _pass_over(self, step: Step, hub: Hub) -> None:
        """Let connections miss as many frames as the recording does; nobody knows of which streams they were."""
        for key in self._sound:
            if step.jump > 0 and key.partition(" ")[0] == step.market and key not in step.keys:
                self._sound[key] = False
        for client in hub.clients.values():
            of_market = any(key.partition(" ")[0] == step.market for key in client.subscribed)
            if of_market if step.jump > 0 else not step.keys or not client.subscribed.keys().isdisjoint(step.keys):
                client.session.skip(step.jump)
