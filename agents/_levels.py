"""The levels of a book that is maintained: replaced by snapshots, changed by updates, cut off at a depth.

Each side is kept by rising price; a level whose price differs only in its trailing zeros is the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from exchanges import BookCheck, BookLevel, Precisions

BID = "bid"

LEVELS_MAX = 5000
"""Levels kept per side where the venue names no depth; the worst go first."""


class KeptBook(msgspec.Struct):
    """Remember a book; `sound` from a snapshot of the stream to the next break, empty when not."""

    sound: bool = False
    depth: int | None = None
    bids: list[BookLevel] = []
    asks: list[BookLevel] = []

    def copy(self) -> KeptBook:
        """Return a book that can be changed without changing this one."""
        return KeptBook(self.sound, self.depth, self.bids.copy(), self.asks.copy())

    def forget(self) -> None:
        """Keep nothing until the next snapshot."""
        self.sound, self.depth, self.bids, self.asks = False, None, [], []

    def begin(self, depth: int | None) -> None:
        """Start empty, to be filled with the levels of a snapshot."""
        self.sound, self.depth, self.bids, self.asks = True, depth, [], []

    def apply(self, levels: Iterable[tuple[str, str, str]]) -> None:
        """Take (side, price, size) in the order given, then cut off what lies beyond the depth; size 0 deletes."""
        for side, price_text, size_text in levels:
            kept = self.bids if side == BID else self.asks
            price, size = Decimal(price_text), Decimal(size_text)
            place = bisect_left(kept, (price,))
            found = place < len(kept) and kept[place].price == price
            if size:
                kept[place : place + found] = [BookLevel(price, size, price_text, size_text)]
            elif found:
                del kept[place]
        depth = LEVELS_MAX if self.depth is None else min(self.depth, LEVELS_MAX)
        del self.asks[depth:]
        del self.bids[:-depth]

    def checksum(self, check: BookCheck, precisions: Precisions) -> int | None:
        """Return the sum of the book as it stands; None where it cannot be told."""
        return check.checksum(self.bids[::-1], self.asks, precisions)
