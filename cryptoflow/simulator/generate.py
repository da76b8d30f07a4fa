"""A generated market of many symbols: seeded, self-consistent, paced or as fast as the sockets take it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from cryptoflow import clock
from cryptoflow.simulator._exchange_info import exchange_info
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.market import Frame, SymbolMarket
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet

_BATCH_FRAMES = 512
_FRAMES_PER_SYMBOL_S = 150
_BUSY_SHARE = 8
_HEAL_PACE_S = 0.02
_NS = 1_000_000_000
_UNPACED_FRAME_NS = 1000
"""Time between frames when unpaced: so little that the venue's clock follows real time, not the frames."""

_BEHIND_MAX_NS = _NS // 4


class GeneratedMarket:
    """Run the markets of all symbols round by round; busy symbols have more turns."""

    def __init__(self, options: SimulatorOptions) -> None:
        """Build every book."""
        self._options = options
        self.symbols = list(options.symbols)
        self.expected = [f"{symbol.lower()}@{channel}" for symbol in self.symbols for channel in options.channels]
        self._markets = {
            name: SymbolMarket(name, options.seed, options.channels, options.book_levels) for name in self.symbols
        }
        ordered = list(self._markets.values())
        busy = ordered[: max(1, len(ordered) // _BUSY_SHARE)]
        self._turns = [market for first in ordered for market in (first, *busy[: 1 + len(ordered) // 50])]
        self._turn = 0
        rate = options.rate_fps or _FRAMES_PER_SYMBOL_S * len(ordered)
        self._frame_ns = int(_NS / rate)
        self._epoch_ns = 0
        self._now_ns = (options.start_ms or clock.now_ns() // 1_000_000) * 1_000_000

    @property
    def now_ms(self) -> int:
        """Return the venue's clock."""
        return self._now_ns // 1_000_000

    async def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """Return the book as it is now."""
        return self.snapshot_now(symbol, limit)

    def snapshot_now(self, symbol: str, limit: int = 1000) -> bytes | None:
        """Return the book as it is now."""
        market = self._markets.get(symbol)
        return market.snapshot(limit, self.now_ms) if market else None

    def exchange_info(self) -> bytes:
        """Return definitions of the invented symbols."""
        decimals = {name: market.decimals for name, market in self._markets.items()}
        return exchange_info(decimals, self._options.rest_weight_per_minute, self.now_ms)

    def funding_info(self) -> bytes:
        """Return funding intervals: every second symbol is paid every four hours."""
        rows = [
            {"symbol": name, "adjustedFundingRateCap": "0.02", "adjustedFundingRateFloor": "-0.02",
             "fundingIntervalHours": 4, "disclaimer": False}
            for name in self.symbols[1::2]
        ]  # fmt: skip
        return msgspec.json.encode(rows)

    def batch(self, frames_max: int) -> list[Frame]:
        """Return the next frames of the whole market, about `frames_max`."""
        frames: list[Frame] = []
        turns, turn, frame_ns = self._turns, self._turn, self._frame_ns
        now_ns, made = self._now_ns, 0
        while made < frames_max:
            turns[turn].step(now_ns // 1_000_000, frames)
            turn = turn + 1 if turn + 1 < len(turns) else 0
            now_ns += (len(frames) - made or 1) * frame_ns
            made = len(frames)
        self._turn, self._now_ns = turn, now_ns
        return frames

    def closing(self) -> list[Frame]:
        """Return one frame of every stream, so that no missing frame stays unseen."""
        frames: list[Frame] = []
        for market in self._markets.values():
            self._now_ns += 1_000_000
            market.close(self.now_ms, frames)
        return frames

    async def run(self, outlet: Outlet, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Send until the limit is reached, then until every fault has healed, then one closing round."""
        began_s = clock.monotonic_s()
        self._epoch_ns = self._now_ns - int(began_s * _NS)
        began_ns = self._now_ns
        if not self._options.rate_fps:
            self._frame_ns = _UNPACED_FRAME_NS
        options = self._options
        batch = min(_BATCH_FRAMES, max(1, int(options.rate_fps / 100))) if options.rate_fps else _BATCH_FRAMES
        while not stop.is_set() and not self._finished(outlet, plan, began_s):
            self._keep_up()
            unsent = await self._send(outlet, self.batch(batch))
            await plan.between(self.expected)
            if options.rate_fps:
                due_s = began_s + (self._now_ns - began_ns) / _NS
                await asyncio.sleep(max(0.0, due_s - clock.monotonic_s()))
            else:
                await asyncio.sleep(unsent / options.unsent_rate_fps)
        await self._heal(outlet, plan, stop)
        await self._send(outlet, self.closing())

    def _keep_up(self) -> None:
        """Let the venue's clock not fall behind real time: periodic streams would look silent."""
        behind_ns = self._epoch_ns + int(clock.monotonic_s() * _NS) - self._now_ns
        if behind_ns > (_BEHIND_MAX_NS if self._options.rate_fps else 0):
            self._now_ns += behind_ns

    def _finished(self, outlet: Outlet, plan: FaultPlan, began_s: float) -> bool:
        frames_max, run_s = self._options.frames_max, self._options.run_s
        if run_s and clock.monotonic_s() - began_s >= run_s:
            return True
        # A run with faults goes on until each kind has happened, at most for twice the frames.
        limit = frames_max if plan.complete else 2 * frames_max
        return bool(frames_max) and outlet.hub.frames_sent >= limit

    async def _heal(self, outlet: Outlet, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Go on slowly, without new faults, until all streams flow; quiet streams would look silent."""
        plan.end()
        deadline = clock.monotonic_s() + self._options.recovery_wait_s
        while not stop.is_set() and clock.monotonic_s() < deadline:
            if plan.healed and plan.books_recovered and not outlet.hub.lost(self.expected):
                return
            self._keep_up()
            await self._send(outlet, self.batch(max(8, len(self.symbols))))
            await plan.between(self.expected)
            await asyncio.sleep(_HEAL_PACE_S * max(1.0, len(self.symbols) / 20))

    @staticmethod
    async def _send(outlet: Outlet, frames: Sequence[Frame]) -> int:
        offer = outlet.offer
        for stream, payload in frames:
            offer(stream, payload)
        return await outlet.flush()
