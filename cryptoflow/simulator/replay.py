"""Replay recordings: frames verbatim to whoever is subscribed, snapshots as barriers."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

import msgspec

from cryptoflow import clock
from cryptoflow.simulator._exchange_info import completed, exchange_info
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.recording import Plan, Step, plan_recording

_BATCH_FRAMES = 512
_NS = 1_000_000_000
_POLL_S = 0.02


class _Book:
    """Hold one symbol's recorded snapshots and the frames that wait behind the next one."""

    def __init__(self) -> None:
        self.recorded: deque[bytes] = deque()
        self.newest: bytes = b""
        self.reached = asyncio.Event()
        self.ahead = 0
        self.barrier_s = 0.0
        self.waiting: deque[Step] = deque()

    @property
    def blocked(self) -> bool:
        return bool(self.barrier_s)


class Replay:
    """Replay recordings as fast as the sockets take it or in their own time.

    A recorded snapshot is a barrier: later frames of its symbol wait, at most `barrier_wait_s`,
    until someone has asked for it. A request before its place waits a little for the place to come.
    """

    def __init__(self, options: SimulatorOptions) -> None:
        """Read the files. Raises ConfigError as `plan_recording` does."""
        self._options = options
        self.plan: Plan = plan_recording(options.recordings)
        self.symbols = list(self.plan.symbols)
        self.expected = list(self.plan.streams)
        self._books: dict[str, _Book] = defaultdict(_Book)
        for step in self.plan.steps:
            if not step.stream:
                self._books[step.symbol].recorded.append(step.payload)
        self._outlet: Outlet | None = None

    def exchange_info(self) -> bytes:
        """Return the recorded answer, or a synthetic one where there is none."""
        decimals = self.plan.price_decimals
        if self.plan.exchange_info:
            return completed(self.plan.exchange_info, decimals)
        return exchange_info(decimals, self._options.rest_weight_per_minute, clock.now_ns() // 1_000_000)

    def funding_info(self) -> bytes:
        """Return no special funding intervals."""
        return msgspec.json.encode([])

    def snapshot_now(self, symbol: str) -> bytes | None:
        """Return the snapshot served last: old by now."""
        return self._books[symbol].newest or None if symbol in self._books else None

    async def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """Return the recorded body that is due, once; afterwards the newest one."""
        del limit
        book = self._books.get(symbol)
        if book is None:
            return None
        if not book.recorded:
            return book.newest or None
        if not book.blocked and not book.ahead:
            try:
                await asyncio.wait_for(book.reached.wait(), self._options.early_request_wait_s)
            except TimeoutError:
                book.ahead += 1
        if book.recorded:
            book.newest = book.recorded.popleft()
        book.barrier_s = 0.0
        book.reached.clear()
        return book.newest

    async def run(self, outlet: Outlet, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Send every frame, then what waits behind barriers; ends early when stop is set."""
        self._outlet = outlet
        began_s = clock.monotonic_s()
        for sent, step in enumerate(self.plan.steps, 1):
            if self._options.speed:
                await self._wait(began_s + step.offset_ns / _NS / self._options.speed, plan)
            self._take(step)
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
        unsent = await self._flush()
        await plan.between(self.expected)
        return unsent

    async def _flush(self) -> int:
        return await self._outlet.flush() if self._outlet else 0

    def _release(self, book: _Book) -> None:
        waiting, book.waiting = book.waiting, deque()
        for step in waiting:
            self._take(step)

    def _take(self, step: Step) -> None:
        book = self._books[step.symbol]
        if book.blocked or book.waiting:
            book.waiting.append(step)
        elif step.stream:
            if self._outlet is not None:
                self._outlet.offer(step.stream, step.payload)
        elif book.ahead:
            book.ahead -= 1
        else:
            book.barrier_s = clock.monotonic_s()
            book.reached.set()
