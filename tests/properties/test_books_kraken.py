"""Books of Kraken under every fault: one that is called valid is the true one (PROTOCOLS 7.1.5, 7.2.4).

Spot has no ids: a loss shows in the checksum of the next frame, which is the moment a book is judged at.
Futures number their messages; the default reading of 7.2.4 (!) takes the first delta after a snapshot as it comes.
"""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from book_campaign import LEVELS, STEPS, Book, Update, Venue, campaign
from typing_extensions import override

from exchanges import BookLevel, BookState, DeltaVerdict, Precisions
from exchanges.kraken.futures.sequence import FirstDelta, FuturesBookRules
from exchanges.kraken.spot.sequence import Crc32Check, SpotBookRules

PRECISIONS = Precisions(1, 8)


def levels(side: Book) -> list[BookLevel]:
    """Return levels as the agents keep them, best first."""
    return [BookLevel(Decimal(price), Decimal(size), "", "") for price, size in side.items()]


class Spot(Venue):
    """Send no ids, but with each frame the checksum of the book after it; half of the levels are bids."""

    rules = SpotBookRules()
    check = Crc32Check()
    in_stream = True
    tells_repeats = False

    @override
    def start(self) -> None:
        self.sums: dict[int, int | None] = {}

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        return -1, -1, -1, []

    @override
    def snapshot_id(self) -> int:
        return -1

    @override
    def restart(self) -> list[Update]:
        # PROTOCOLS 7.1.2: the engine comes back from maintenance with another book, and sends it.
        self.book = {}
        self.serial += 1
        self.mark(-1)
        return [self.snapshot()]

    def checksum(self, book: Book) -> int | None:
        """Sum a book as the venue does."""
        bids = dict(sorted(((one, size) for one, size in book.items() if one < LEVELS // 2), reverse=True))
        asks = dict(sorted((one, size) for one, size in book.items() if one >= LEVELS // 2))
        return self.check.checksum(levels(bids), levels(asks), PRECISIONS)

    @override
    def proves(self, book: Book, update: Update) -> bool:
        if update.at not in self.sums:
            self.sums[update.at] = self.checksum(self.truth[update.at])
        return self.checksum(book) == self.sums[update.at]


class Futures(Venue):
    """Number every message by one, and a snapshot with the number of the last; the venue may start again."""

    rules = FuturesBookRules(FirstDelta.ENFORCE)
    in_stream = True

    @override
    def start(self) -> None:
        self.base = self.number = 10_000_000

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        self.number += 1
        return self.number, self.number, -1, []

    @override
    def snapshot_id(self) -> int:
        return self.number

    @override
    def restart(self) -> list[Update]:
        self.base -= 20_000
        self.number = self.base
        self.book = {}
        self.epoch += 1
        self.serial += 1
        self.mark(self.number)
        return [self.snapshot()]


@pytest.mark.parametrize(("make", "seed"), [(Spot, 7150), (Futures, 7240)])
def test_books_are_true_or_invalid(make: type[Venue], seed: int) -> None:
    """Whatever is dropped, repeated, reordered or restarted; of spot at every frame, for each has a checksum."""
    told = campaign(make, seed)
    assert told["valid_steps"] > STEPS * 0.1
    wanted = ["APPLIED", "BUFFERED", "SPLICED", *(["BREAK", "OLD"] if make is Futures else [])]
    assert min(told[name] for name in wanted) > 50
    assert make is Futures or not told["OLD"] + told["BREAK"]


def test_noting_differs_from_enforcing_at_the_first_delta_alone() -> None:
    """With the default reading of 7.2.4 (!) a book is as safe from its second delta on."""
    rng, noting, enforcing = random.Random(7245), FuturesBookRules(), FuturesBookRules(FirstDelta.ENFORCE)
    state, first, number, noted = BookState(), False, 1000, 0
    for _ in range(STEPS):
        twin = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BookState)
        drawn = rng.random()
        if drawn < 0.05:
            number += rng.randint(-3, 3)
            assert noting.on_snapshot(state, number, in_stream=True) is enforcing.on_snapshot(twin, number)
            first = True
            continue
        if drawn < 0.06:
            noting.on_gap(state)
            first = False
            continue
        number += rng.choices([1, 0, 2, -1], [30, 1, 1, 1])[0]
        verdicts = noting.on_delta(state, number, number, -1), enforcing.on_delta(twin, number, number, -1)
        if verdicts[0] is not verdicts[1]:
            noted += 1
            assert first
            assert verdicts == (DeltaVerdict.APPLIED, DeltaVerdict.BREAK)
        else:
            assert state == twin
        first = False
    assert noted > 50


def test_a_campaign_sees_what_proves_nothing() -> None:
    """Without the checksum, or with numbers believed as they come, false books are found out."""

    class Unproven(Spot):
        @override
        def proves(self, book: Book, update: Update) -> bool:
            return True

    class Credulous(Futures):
        rules = _Credulous(FirstDelta.ENFORCE)

    for make in (Unproven, Credulous):
        with pytest.raises(AssertionError):
            campaign(make, 7160, 4000)


class _Credulous(FuturesBookRules):
    @override
    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        known = state.last if state.last >= 0 else last - 1
        return super().on_delta(state, first, known + 1, prev)
