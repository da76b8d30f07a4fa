"""A generated market of many symbols and venues: seeded, self-consistent, paced or as fast as the sockets take it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from cryptoflow import clock
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.venues import chosen, venue_of
from cryptoflow.simulator.venues._values import Channel, Frame, Listing
from cryptoflow.simulator.venues._venue import Voice

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

    replaying = False

    def __init__(self, options: SimulatorOptions) -> None:
        """Build every book."""
        self._options = options
        self.markets = chosen(options.markets)
        self._listings: dict[str, list[Listing]] = {}
        self._models: dict[tuple[str, str], SymbolMarket] = {}
        self.channels: dict[str, Channel] = {}
        for market in self.markets:
            self._add_market(market)
        self._of_key = {key: self._of_channel(channel) for key, channel in self.channels.items()}
        ordered = _interleaved([[*found] for found in self._by_market()])
        busy = ordered[: max(1, len(ordered) // _BUSY_SHARE)]
        self._turns = [market for first in ordered for market in (first, *busy[: 1 + len(ordered) // 50])]
        self._turn = 0
        rate = options.rate_fps or _FRAMES_PER_SYMBOL_S * len(ordered)
        self._frame_ns = int(_NS / rate)
        self._epoch_ns = 0
        self._now_ns = (options.start_ms or clock.now_ns() // 1_000_000) * 1_000_000
        self.outlet: Outlet | None = None

    def _add_market(self, market: str) -> None:
        venue, name, options = venue_of(market), market.partition(".")[2], self._options
        rng = random.Random(f"{options.seed}/{market}")  # noqa: S311 - a market, not a secret
        wanted = options.channels.get(market)
        self._listings[market] = [venue.listing(name, number, rng) for number in range(1, options.symbols + 1)]
        for listing in self._listings[market]:
            channels = [
                channel
                for channel in venue.channels(listing)
                if wanted is None or any(choice in channel.key for choice in wanted)
            ]
            self.channels.update({channel.key: channel for channel in channels})
            model = SymbolMarket(listing, options.seed, options.book_levels)
            model.voice = venue.voice(model, frozenset(channel.key for channel in channels))
            self._models[market, listing.symbol] = model

    def _by_market(self) -> list[list[SymbolMarket]]:
        return [[self._models[market, listing.symbol] for listing in self._listings[market]] for market in self.markets]

    def _of_channel(self, channel: Channel) -> SymbolMarket | None:
        return self._models.get((channel.key.partition(" ")[0], channel.symbol))

    @property
    def expected(self) -> list[str]:
        """Return the keys of all streams that should be subscribed."""
        return list(self.channels)

    @property
    def now_ms(self) -> int:
        """Return the venue's clock."""
        return self._now_ns // 1_000_000

    def knows(self, key: str) -> bool:
        """Tell whether a stream has data."""
        return key in self.channels

    def listings(self, market: str) -> Sequence[Listing]:
        """Return the invented instruments of `<exchange>.<market>`."""
        return self._listings.get(market, [])

    def voice(self, market: str, symbol: str) -> Voice | None:
        """Return a symbol's voice."""
        model = self._models.get((market, symbol))
        return model.voice if model else None

    def recorded(self, market: str, kind: str) -> Sequence[bytes]:
        """Return nothing: nothing is recorded."""
        del market, kind
        return ()

    async def snapshot(self, market: str, symbol: str, limit: int) -> bytes | None:
        """Return the book as it is now."""
        return self.snapshot_now(market, symbol, limit)

    def snapshot_now(self, market: str, symbol: str, limit: int = 1000) -> bytes | None:
        """Return the book as it is now."""
        voice = self.voice(market, symbol)
        return voice.rest_snapshot(limit, self.now_ms) if voice else None

    def trades(self, market: str, symbol: str, from_id: int, limit: int) -> bytes | None:
        """Return trades from an id on; the newest ones for -1."""
        model = self._models.get((market, symbol))
        if model is None:
            return None
        newest = model.voice.fill_id
        fills = [fill for fill in model.fills if newest(fill) >= from_id] if from_id >= 0 else list(model.fills)
        return model.voice.rest_trades(fills[:limit] if from_id >= 0 else fills[-limit:], limit)

    def first_frames(self, key: str) -> Sequence[bytes]:
        """Return what a stream begins with; everybody else gets the pending changes of the book before."""
        model = self._of_key.get(key)
        if model is None:
            return ()
        pending: list[Frame] = []
        model.depth(self.now_ms, pending)
        for stream, payload in pending:
            if self.outlet is not None:
                self.outlet.offer(stream, payload)
        return model.voice.on_subscribe(key, self.now_ms)

    def cross(self, key: str) -> bool:
        """Cross the book of a stream for one frame; False when the stream has none."""
        model = self._of_key.get(key)
        if model is None or self.outlet is None:
            return False
        frames: list[Frame] = []
        model.cross(self.now_ms, frames)
        for stream, payload in frames:
            self.outlet.offer(stream, payload)
        return True

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
        for market in self._models.values():
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
            await plan.between()
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
        # A run with faults goes on until each kind has happened, at most for three times the frames.
        limit = frames_max if plan.complete else 3 * frames_max
        return bool(frames_max) and outlet.hub.frames_sent >= limit

    async def _heal(self, outlet: Outlet, plan: FaultPlan, stop: asyncio.Event) -> None:
        """Go on slowly, without new faults, until all streams flow; quiet streams would look silent."""
        plan.end()
        deadline = clock.monotonic_s() + self._options.recovery_wait_s
        while not stop.is_set() and clock.monotonic_s() < deadline:
            if plan.healed and plan.books_recovered and not outlet.hub.lost(self.channels):
                return
            self._keep_up()
            await self._send(outlet, self.batch(max(8, len(self._models))))
            await plan.between()
            await asyncio.sleep(_HEAL_PACE_S * max(1.0, len(self._models) / 20))

    @staticmethod
    async def _send(outlet: Outlet, frames: Sequence[Frame]) -> int:
        offer = outlet.offer
        for stream, payload in frames:
            offer(stream, payload)
        return await outlet.flush()


def _interleaved(groups: list[list[SymbolMarket]]) -> list[SymbolMarket]:
    """Return all symbols with the first of every market first, so that busy ones are of every market."""
    longest = max((len(group) for group in groups), default=0)
    return [group[place] for place in range(longest) for group in groups if place < len(group)]
