"""One symbol's market: a real book, trades, marks and liquidations, told by the voice of its venue.

Prices and sizes are integers of the tick and step; texts are made from small caches, because a
million frames have to be made in half a minute.
"""

from __future__ import annotations

import functools
import random
from collections import deque
from typing import TYPE_CHECKING

from cryptoflow.simulator.venues._values import Fill, Frame, Liquidation, Listing, Mark

if TYPE_CHECKING:
    from cryptoflow.simulator.venues._venue import Voice

_FUNDING_MS = 8 * 3600 * 1000
_LEVELS_MIN = 8
_SIZE_MAX = 9000
_HALF = 0.5
_IDLE_MS = 1000
_FILLS_KEPT = 5000
# Bounds of one uniform draw per step: below the first a quote changes, below the second a trade
# happens, and below the small one also a liquidation.
_QUOTES, _LIQUIDATES, _TRADES = 0.55, 0.5515, 0.85
_IMPROVES, _WITHDRAWS = 0.2, 0.3
_SIZES_CACHED = 20_000


@functools.cache
def size_texts(decimals: int) -> list[bytes]:
    """Return the texts of all small sizes with so many decimals."""
    return [decimal_text(size, decimals) for size in range(_SIZES_CACHED)]


def decimal_text(units: int, decimals: int) -> bytes:
    """Return an integer of 10^-decimals as plain text with exactly so many decimals."""
    if not decimals:
        return b"%d" % units
    whole, part = divmod(units, 10**decimals)
    return b"%d.%0*d" % (whole, decimals, part)


class SymbolMarket:
    """Move one symbol's book step by step and let its voice tell what each step causes.

    Index 0 is the bid side, 1 the ask side. `update_id` is the id of the last change of the book,
    `sent_id` that of the last depth frame; `pending` are the changes since, which began with `first_id`.
    """

    voice: Voice

    def __init__(self, listing: Listing, seed: int, levels: int) -> None:
        """Build the first book from the seed and the name."""
        self.listing = listing
        self.name = listing.symbol
        self.decimals = listing.price_decimals
        rng = random.Random(f"{seed}/{listing.market}/{listing.symbol}")  # noqa: S311 - a market, not a secret
        self._random = rng.random
        self._levels = levels
        middle = listing.middle
        self.books: list[dict[int, int]] = [{}, {}]
        self.best = [middle, middle + 2]
        for distance in range(levels):
            self.books[0][middle - distance] = 1 + int(self._random() * _SIZE_MAX)
            self.books[1][middle + 2 + distance] = 1 + int(self._random() * _SIZE_MAX)
        self.update_id = rng.randrange(10**9, 10**10)
        self.sent_id = self.update_id
        self.first_id = 0
        self.pending: list[dict[int, int]] = [{}, {}]
        self.trade_id = rng.randrange(10**7, 10**9)
        self._fills_made = 0
        self.fills: deque[Fill] = deque(maxlen=_FILLS_KEPT)
        self.open_interest = rng.randrange(10**6, 10**8)
        self.last_mark: Mark | None = None
        self._depth_at = self._mark_at = self._idle_at = 0
        self._force_ms = 0
        self._price_text: dict[int, bytes] = {}
        self._sizes = size_texts(listing.size_decimals)
        self._crossing: tuple[int, int] | None = None

    def step(self, now_ms: int, out: list[Frame]) -> None:
        """Let one thing happen at a venue time and append the frames due by then."""
        draw = self._random()
        if draw < _QUOTES:
            self._requote(now_ms, out)
        elif draw < _TRADES:
            self._trade(now_ms, out)
            if draw < _LIQUIDATES:
                self._liquidate(now_ms, out)
        else:
            self._change_deeper()
            self._change_deeper()
        if now_ms >= self._depth_at:
            self._depth_at = now_ms + self.voice.depth_ms
            self.depth(now_ms, out)
        if now_ms >= self._mark_at:
            self._mark_at = now_ms + self.voice.mark_ms
            self._mark(now_ms, out)
        if now_ms >= self._idle_at:
            self._idle_at = now_ms + _IDLE_MS
            self.voice.idle(now_ms, out)

    def close(self, now_ms: int, out: list[Frame]) -> None:
        """Append one frame of every channel, so that nothing missing stays unseen."""
        self._trade(now_ms, out)
        self.depth(now_ms, out)
        self._mark_at = max(self._mark_at, now_ms) + self.voice.mark_ms
        self._mark(self._mark_at, out)
        self._liquidate(now_ms, out)

    def depth(self, now_ms: int, out: list[Frame]) -> None:
        """Append the depth frames of all changes since the last one, if there are any."""
        if not (self.pending[0] or self.pending[1]):
            return
        self.voice.depth(now_ms, out)
        self.sent_id = self.update_id
        self.pending = [{}, {}]
        if self._crossing is not None:
            self._uncross()

    def cross(self, now_ms: int, out: list[Frame]) -> None:
        """Append a depth frame after which the best bid stands above the best ask; the next one mends it."""
        self.depth(now_ms, out)
        ticks = self.best[1] + 1
        self._crossing = (ticks, self.books[0].get(ticks, 0))
        self._set(0, ticks, 1)
        self.depth(now_ms, out)

    def _uncross(self) -> None:
        if self._crossing is not None:
            (ticks, size), self._crossing = self._crossing, None
            self._set(0, ticks, size)

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (ticks, size) of a side, best first."""
        return sorted(self.books[side].items(), reverse=not side)[:count]

    def price(self, ticks: int) -> bytes:
        """Return a price as text, with all its decimals."""
        text = self._price_text.get(ticks)
        if text is None:
            text = decimal_text(ticks, self.decimals)
            self._price_text[ticks] = text
        return text

    def size(self, units: int) -> bytes:
        """Return a size as text, with all its decimals."""
        if units < _SIZES_CACHED:
            return self._sizes[units]
        return decimal_text(units, self.listing.size_decimals)

    def _set(self, side: int, ticks: int, size: int) -> None:
        self.update_id += 1 + int(self._random() * 3)
        if not (self.pending[0] or self.pending[1]):
            self.first_id = self.update_id
        self.pending[side][ticks] = size
        if size:
            self.books[side][ticks] = size
        else:
            self.books[side].pop(ticks, None)

    def _remove_best(self, side: int) -> None:
        book = self.books[side]
        if len(book) <= _LEVELS_MIN:
            self._set(side, self.best[side], 1 + int(self._random() * _SIZE_MAX))
            return
        self._set(side, self.best[side], 0)
        self.best[side] = min(book) if side else max(book)

    def _requote(self, now_ms: int, out: list[Frame]) -> None:
        side = 1 if self._random() < _HALF else 0
        draw = self._random()
        better = self.best[side] + (-1 if side else 1)
        if draw < _IMPROVES and better != self.best[1 - side]:
            self.best[side] = better
            self._set(side, better, 1 + int(self._random() * _SIZE_MAX))
        elif draw < _WITHDRAWS:
            self._remove_best(side)
        else:
            self._set(side, self.best[side], 1 + int(self._random() * _SIZE_MAX))
        self.voice.quote(now_ms, out)

    def _change_deeper(self) -> None:
        side = 1 if self._random() < _HALF else 0
        book = self.books[side]
        if len(book) > 2 * self._levels:
            self._set(side, max(book) if side else min(book), 0)
            return
        distance = 1 + int(self._random() * self._levels)
        ticks = self.best[side] + (distance if side else -distance)
        if ticks <= 0:
            return
        remove = ticks in book and len(book) > self._levels and self._random() < _HALF
        self._set(side, ticks, 0 if remove else 1 + int(self._random() * _SIZE_MAX))

    def _trade(self, now_ms: int, out: list[Frame]) -> None:
        side = 1 if self._random() < _HALF else 0
        ticks = self.best[side]
        resting = self.books[side][ticks]
        size = 1 + int(self._random() * resting)
        if size >= resting:
            size = resting
            self._remove_best(side)
        else:
            self._set(side, ticks, resting - size)
        count = min(size, 1 + int(self._random() * 3))
        self.voice.quote(now_ms, out)
        first, self.trade_id = self.trade_id + 1, self.trade_id + count
        fill = Fill(first, self.trade_id, ticks, size, not side, now_ms - 1, self._fills_made)
        self._fills_made += 1
        self.fills.append(fill)
        self.voice.trade(fill, out)

    def _mark(self, now_ms: int, out: list[Frame]) -> None:
        rate = int(self._random() * 400) - 100
        self.open_interest = max(1000, self.open_interest + int((self._random() - _HALF) * 1000))
        due_ms = (now_ms // _FUNDING_MS + 1) * _FUNDING_MS
        mark = Mark(
            self.best[0] + 1, self.best[1], self.best[0] + 1, rate * 100, due_ms, self.open_interest, now_ms
        )  # fmt: skip
        self.last_mark = mark
        self.voice.mark(mark, out)

    def _liquidate(self, now_ms: int, out: list[Frame]) -> None:
        # A liquidation has no id: a time of its own keeps genuine twins apart.
        self._force_ms = max(self._force_ms + 1, now_ms)
        is_long = self._random() < _HALF
        size = 1 + int(self._random() * 900)
        ticks = self.best[0 if is_long else 1]
        self.voice.liquidation(Liquidation(is_long, ticks, size, self._force_ms), out)
