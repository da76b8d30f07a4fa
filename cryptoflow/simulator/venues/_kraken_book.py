"""The book of Kraken spot as its feed shows it: cut to a depth, summed, and no loss of it hidden. PROTOCOLS 7.1.5."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from decimal import Decimal

from cryptoflow.simulator.market import SymbolMarket

SUMMED = 10
_TOUCHED_RANKS = range(3, 8)
"""Ranks one level of which every update changes, and the next one leaves alone."""

_SIZE_STEP = 7
_DECIMALS_MAX = 12

Levels = list[tuple[int, int]]


class ShownBook:
    """Follow what a subscriber of one depth holds: price -> size per side, 0 bids, 1 asks.

    An update changes, on either side, a level that the next update does not touch, so that a lost update
    shows in the sum of the one after it. Such a level may lag behind the market for one update.
    """

    def __init__(self, model: SymbolMarket, depth: int) -> None:
        """Show the book as it is."""
        self._model = model
        self._depth = depth
        self.sides: list[dict[int, int]] = [dict(model.levels(side, depth)) for side in (0, 1)]
        self._touched: list[int] = [0, 0]

    def move(self) -> list[Levels]:
        """Return, per side, the changes since the last call; a level pushed out of the depth gets none."""
        changes = [self._changes(side) for side in (0, 1)]
        for side, found in enumerate(changes):
            self._apply(side, found)
        return [list(found.items()) for found in changes]

    def _changes(self, side: int) -> dict[int, int]:
        model, shown, kept = self._model, self.sides[side], self._touched[side]
        self._touch(side, kept)
        real = dict(model.levels(side, self._depth))
        if self._would_cross(side, kept):
            kept = 0
        book = model.books[side]
        gone = {ticks: 0 for ticks in shown if ticks not in book and ticks != kept}
        return gone | {ticks: size for ticks, size in real.items() if shown.get(ticks) != size and ticks != kept}

    def _touch(self, side: int, kept: int) -> None:
        """Give one level of the market another size: part of the next update whatever else happened."""
        best = self._model.levels(side, _TOUCHED_RANKS.stop)
        ranked = [level for level in best[_TOUCHED_RANKS.start :] if level[0] != kept]
        if not ranked:
            self._touched[side] = 0
            return
        ticks, size = ranked[0]
        self._model.books[side][ticks] = size + _SIZE_STEP
        self._touched[side] = ticks

    def _would_cross(self, side: int, kept: int) -> bool:
        """Tell whether a level left alone would stand on the wrong side of the market."""
        best = self._model.best[1 - side]
        return kept <= best if side else kept >= best

    def _apply(self, side: int, changes: dict[int, int]) -> None:
        shown = self.sides[side]
        for ticks, size in changes.items():
            if size:
                shown[ticks] = size
            else:
                shown.pop(ticks, None)
        for ticks in sorted(shown, reverse=not side)[self._depth :]:
            del shown[ticks]

    def levels(self, side: int, count: int | None = None) -> Levels:
        """Return what a subscriber holds of a side, best first."""
        return sorted(self.sides[side].items(), reverse=not side)[:count]

    def checksum(self) -> int:
        """Return the sum; an integer of ticks is a price's digits without point and leading zeros."""
        texts = [f"{ticks}{size}" for side in (1, 0) for ticks, size in self.levels(side, SUMMED)]
        return zlib.crc32("".join(texts).encode())


class ToldBook:
    """Follow a book from recorded frames, exactly as they write it."""

    def __init__(self, depth: int) -> None:
        """Start empty."""
        self._depth = depth
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        self.checksum: int | None = None
        self.symbol = ""
        self.timestamp: str | None = None

    def take(self, frame: bytes) -> None:
        """Apply one recorded frame."""
        told = json.loads(frame, parse_float=Decimal, parse_int=Decimal)
        (book,) = told["data"]
        self.symbol, self.timestamp = book["symbol"], book.get("timestamp")
        self.checksum = None if book.get("checksum") is None else int(book["checksum"])
        for name, side in self.sides.items():
            if told["type"] == "snapshot":
                side.clear()
            for level in book.get(name, ()):
                side[level["price"]] = level["qty"]
                if not level["qty"]:
                    del side[level["price"]]
            for price in [one for one, _ in self._sorted(name)][self._depth :]:
                del side[price]

    def _sorted(self, name: str) -> list[tuple[Decimal, Decimal]]:
        return sorted(self.sides[name].items(), reverse=name == "bids")

    def snapshot(self) -> bytes:
        """Return the book as a snapshot frame."""
        sides = [
            f'"{name}":[{",".join(f"""{{"price":{price:f},"qty":{qty:f}}}""" for price, qty in self._sorted(name))}]'
            for name in ("bids", "asks")
        ]
        tail = "" if self.checksum is None else f',"checksum":{self.checksum}'
        tail += "" if self.timestamp is None else f',"timestamp":"{self.timestamp}"'
        return (
            f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{self.symbol}",{",".join(sides)}{tail}}}]}}'
        ).encode()

    def decimals(self) -> tuple[int, int]:
        """Return the decimals of prices and sizes: those that give the checksum told, else the most met."""
        most = [_most(self._column(place)) for place in (0, 1)]
        return self._proven(*most) or (most[0], most[1])

    @property
    def is_proven(self) -> bool:
        """Tell whether the newest checksum agrees with the book, or there is none to disagree."""
        return self.checksum is None or self._proven(*[_most(self._column(place)) for place in (0, 1)]) is not None

    def _proven(self, least_prices: int, least_sizes: int) -> tuple[int, int] | None:
        for prices in range(least_prices, _DECIMALS_MAX + 1):
            for sizes in range(least_sizes, _DECIMALS_MAX + 1):
                if self.checksum is not None and self._sum(prices, sizes) == self.checksum:
                    return prices, sizes
        return None

    def _column(self, place: int) -> Iterable[Decimal]:
        return (level[place] for name in self.sides for level in self._sorted(name))

    def _sum(self, prices: int, sizes: int) -> int:
        return zlib.crc32("".join(self._texts("asks", prices, sizes) + self._texts("bids", prices, sizes)).encode())

    def _texts(self, name: str, prices: int, sizes: int) -> list[str]:
        return [
            f"{price:.{prices}f}".replace(".", "").lstrip("0") + f"{qty:.{sizes}f}".replace(".", "").lstrip("0")
            for price, qty in self._sorted(name)[:SUMMED]
        ]


def _most(numbers: Iterable[Decimal]) -> int:
    exponents = [number.normalize().as_tuple().exponent for number in numbers]
    return max((-found for found in exponents if isinstance(found, int) and found < 0), default=0)
