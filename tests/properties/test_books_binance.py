"""Books of Binance under every fault: one that is called valid is the true one (PROTOCOLS 2.5, 3.4)."""

from __future__ import annotations

from book_campaign import STEPS, Update, Venue, campaign
from typing_extensions import override

from exchanges.binance.spot.sequence import SpotBookRules
from exchanges.binance.usdm.sequence import UsdmBookRules


class Usdm(Venue):
    """Number as USD-M does: an id per change, with holes, and each delta names its predecessor."""

    rules = UsdmBookRules()

    @override
    def start(self) -> None:
        self.base = self.id = self.last = 10_000_000

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        prev, first = self.last, self.id + 1 + self.rng.randint(0, 3)
        each = [first + place for place in range(count)]
        self.id = self.last = each[-1]
        return first, self.last, prev, each

    @override
    def snapshot_id(self) -> int:
        return self.id

    @override
    def restart(self) -> list[Update]:
        # The matching engine starts again, far below; the book is another one.
        self.base -= 20_000
        self.id = self.last = self.base
        self.book = {}
        self.epoch += 1
        self.serial += 1
        self.mark(self.id)
        return []


def test_usdm_books_are_true_or_invalid() -> None:
    """Whatever is dropped, repeated, reordered or restarted on USD-M."""
    told = campaign(Usdm, seed=3400)
    assert told["valid_steps"] > STEPS * 0.2
    assert min(told[name] for name in ("APPLIED", "BUFFERED", "BREAK", "OLD", "SPLICED", "WAITING", "STALE")) > 50


class Spot(Usdm):
    """Number as spot does: an id per change, without holes; no predecessor is named."""

    rules = SpotBookRules()

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        each = [self.id + 1 + place for place in range(count)]
        self.id = self.last = each[-1]
        return each[0], each[-1], -1, each


def test_spot_books_are_true_or_invalid() -> None:
    """Whatever is dropped, repeated, reordered or restarted on spot."""
    told = campaign(Spot, seed=2500)
    assert told["valid_steps"] > STEPS * 0.2
    assert min(told[name] for name in ("APPLIED", "BUFFERED", "BREAK", "OLD", "SPLICED", "WAITING", "STALE")) > 50
