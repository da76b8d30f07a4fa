"""Books of OKX under every fault: one that is called valid is the true one (PROTOCOLS 5.5)."""

from __future__ import annotations

import pytest
from book_campaign import STEPS, Update, Venue, campaign
from typing_extensions import override

from exchanges import BookState, DeltaVerdict
from exchanges.okx.sequence import OkxBookRules


class InStream(Venue):
    """Number as OKX does: each update names its predecessor; ids have holes, go back, and stand still."""

    rules = OkxBookRules()
    in_stream = True
    set_back = 20_000

    @override
    def start(self) -> None:
        self.id = self.last = 10_000_000
        self.base = self.id

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        prev = self.last
        self.id += count + self.rng.randint(0, 3)
        self.last = self.id
        return -1, self.last, prev, []

    @override
    def snapshot_id(self) -> int:
        return self.last

    @override
    def move(self) -> Update:
        if self.rng.random() < 0.05:  # PROTOCOLS 5.5.3: a keep-alive
            return Update(-1, self.last, self.last, {}, self.serial, self.epoch)
        return super().move()

    @override
    def restart(self) -> list[Update]:
        # PROTOCOLS 5.5.4: the book goes on, at a lower id.
        prev = self.last
        self.base -= self.set_back
        self.id = self.last = self.base
        self.epoch += 1
        level, value = self.change()
        self.mark(self.last)
        return [Update(-1, self.last, prev, {level: value}, self.serial, self.epoch)]


class Rest(InStream):
    """Begin with a REST book, which may stand between two ids of the channel."""

    in_stream = False

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        prev = self.last
        each = [self.id + 1 + place for place in range(count)]
        self.id = self.last = each[-1]
        return -1, self.last, prev, each


class Woven(InStream):
    """Go back a few ids only, so that later ids stand between earlier ones.

    No id comes twice: where a snapshot and an update of two numberings share one, and what lay between
    was lost, no id tells.
    """

    shares_ids = True

    @override
    def start(self) -> None:
        super().start()
        self.given = {self.last}

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        _, last, prev, _ = super().ids(count)
        while last in self.given:
            last += 1
        self.id = self.last = last
        self.given.add(last)
        return -1, last, prev, []

    @override
    def restart(self) -> list[Update]:
        self.base, self.set_back = self.last, self.rng.randint(1, 40)
        while self.base - self.set_back in self.given:
            self.set_back += 1
        self.given.add(self.base - self.set_back)
        return super().restart()


@pytest.mark.parametrize(("make", "seed"), [(InStream, 5510), (Rest, 5520), (Woven, 5540)])
def test_books_are_true_or_invalid(make: type[Venue], seed: int) -> None:
    """Whatever is dropped, repeated, reordered, overlapped or set back, with either bootstrap."""
    told = campaign(make, seed, STEPS // 2)
    assert told["valid_steps"] > STEPS * 0.1
    wanted = ["APPLIED", "BUFFERED", "BREAK", "OLD", "SPLICED", *([] if make.in_stream else ["WAITING", "STALE"])]
    assert min(told[name] for name in wanted) > 50


class CredulousRules(OkxBookRules):
    """Take whatever comes for the next update."""

    @override
    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        return super().on_delta(state, first, last, state.last if state.last >= 0 else prev)


class Credulous(InStream):
    """A venue whose rules prove nothing."""

    rules = CredulousRules()


def test_a_campaign_sees_broken_rules() -> None:
    """Rules that take whatever comes for the next update are found out."""
    with pytest.raises(AssertionError):
        campaign(Credulous, 5560, 4000)
