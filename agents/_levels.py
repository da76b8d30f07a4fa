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
    """Remember a book; `sound` from a snapshot of the stream to the next break, empty when not.

    `given_crossed` says that its snapshot was crossed and that it has been since.
    """

    sound: bool = False
    depth: int | None = None
    bids: list[BookLevel] = []
    asks: list[BookLevel] = []
    given_crossed: bool = False

    def copy(self) -> KeptBook:
        """Return a book that can be changed without changing this one."""
        return KeptBook(self.sound, self.depth, self.bids.copy(), self.asks.copy(), self.given_crossed)

    def forget(self) -> None:
        """Keep nothing until the next snapshot."""
        self.sound, self.depth, self.bids, self.asks, self.given_crossed = False, None, [], [], False

    def begin(self, depth: int | None) -> None:
        """Start empty, to be filled with the levels of a snapshot."""
        self.sound, self.depth, self.bids, self.asks, self.given_crossed = True, depth, [], [], False

    def apply(self, levels: Iterable[tuple[str, str, str]]) -> None:
        """Take (side, price, size) in the order given, then cut off what lies beyond the depth.

        A size of 0 deletes; so does one below, which is filtered at other venues (PROTOCOLS 6.1.6, 7.2.4).
        """
        if self.bids or self.asks:
            self._change(levels)
        else:
            self._fill(levels)
        depth = LEVELS_MAX if self.depth is None else min(self.depth, LEVELS_MAX)
        del self.asks[depth:]
        del self.bids[:-depth]

    def _fill(self, levels: Iterable[tuple[str, str, str]]) -> None:
        """Do what `_change` does to an empty book; a snapshot may have tens of thousands of levels."""
        bids: dict[Decimal, BookLevel] = {}
        asks: dict[Decimal, BookLevel] = {}
        for side, price_text, size_text in levels:
            price = Decimal(price_text)
            (bids if side == BID else asks)[price] = BookLevel(price, Decimal(size_text), price_text, size_text)
        self.bids = sorted(level for level in bids.values() if level.size > 0)
        self.asks = sorted(level for level in asks.values() if level.size > 0)

    def _change(self, levels: Iterable[tuple[str, str, str]]) -> None:
        for side, price_text, size_text in levels:
            kept = self.bids if side == BID else self.asks
            price, size = Decimal(price_text), Decimal(size_text)
            place = bisect_left(kept, (price,))
            found = place < len(kept) and kept[place].price == price
            if size > 0:
                kept[place : place + found] = [BookLevel(price, size, price_text, size_text)]
            elif found:
                del kept[place]

    def crossing(self, *, begun: bool) -> str:
        """Say what crosses in the book after a whole frame, "" where nothing does or where it may.

        It may in the snapshot that the book has `begun` with, and from there on until it was uncrossed once.
        """
        crossed = bool(self.bids and self.asks) and self.bids[-1].price >= self.asks[0].price
        self.given_crossed = crossed and (begun or self.given_crossed)
        if not crossed or self.given_crossed:
            return ""
        return f"the best bid is {self.bids[-1].price_text}, the best ask {self.asks[0].price_text}"

    def checksum(self, check: BookCheck, precisions: Precisions) -> int | None:
        """Return the sum of the book as it stands; None where it cannot be told."""
        return check.checksum(self.bids[::-1], self.asks, precisions)
