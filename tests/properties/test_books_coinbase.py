"""Books of Coinbase under every fault: one that is called valid is the true one (PROTOCOLS 6.1.5, 6.2.5).

Updates have no ids. On Advanced Trade the connection's own numbers are the evidence, over the frames of
all channels, as the producer counts them. The Exchange feed has none but the end of the connection: there
the campaign's faults stand for a connection that ends where a frame is missing, doubled or out of place.
"""

from __future__ import annotations

import pytest
from book_campaign import STEPS, Campaign, Update, Venue, campaign
from typing_extensions import override

from exchanges.coinbase import FEED, SPOT
from exchanges.coinbase.advanced.sequence import AdvancedBookRules
from exchanges.coinbase.exchange_feed.sequence import ExchangeFeedBookRules

CONNECTION_FRAMES_MAX = 1_000_000
OTHER_CHANNELS = 0.3


class Advanced(Venue):
    """Number the frames of a connection over all channels from 0 on; some frames are of other channels."""

    rules = AdvancedBookRules()
    in_stream = True
    tells_repeats = False

    @override
    def start(self) -> None:
        self.given = self.due = 0

    @override
    def connect(self) -> None:
        # A frame of an earlier connection is told by its connection; here by the range of its number.
        super().connect()
        self.given = self.due = self.connections * CONNECTION_FRAMES_MAX

    @override
    def stamp(self, update: Update) -> Update:
        self.given += 1
        return update._replace(number=self.given - 1)

    @override
    def lost(self, update: Update) -> bool:
        due, self.due = self.due, update.number + 1
        return update.number != due

    @override
    def move(self) -> Update:
        if self.rng.random() < OTHER_CHANNELS:  # a trade, a ticker, a heartbeat, an answer
            return Update(-1, -1, -1, {}, self.serial, self.epoch)
        return super().move()

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        return -1, -1, -1, []

    @override
    def snapshot_id(self) -> int:
        return -1

    @override
    def restart(self) -> list[Update]:
        self.book = {}
        self.serial += 1
        self.mark(-1)
        return [self.snapshot()]


class Feed(Advanced):
    """Send no numbers: whatever breaks the order of a connection ends it."""

    rules = ExchangeFeedBookRules()


class Uncounted(Advanced):
    """Count nothing: what the numbers are for."""

    @override
    def lost(self, update: Update) -> bool:
        return False


class Filtered(Advanced):
    """Count only the book's own frames: a filter before the check, which PROTOCOLS 6.2.5 warns of."""

    @override
    def lost(self, update: Update) -> bool:
        return bool(update.changes) and super().lost(update)


@pytest.mark.parametrize("make", [Advanced, Feed])
@pytest.mark.parametrize("seed", [6250, 16250, 26250])
def test_books_are_true_or_invalid(make: type[Venue], seed: int) -> None:
    """Whatever is dropped, repeated, reordered, reset, late or reconnected, in whatever order."""
    told = campaign(make, seed)
    assert told["valid_steps"] > STEPS * 0.1
    assert min(told[name] for name in ("APPLIED", "BUFFERED", "SPLICED")) > 50
    # Without ids there is no repeat to tell, and no break that the rules could see.
    assert not told["OLD"] + told["BREAK"] + told["STALE"]


def test_the_rules_are_those_of_the_markets() -> None:
    """The campaign drives what the markets answer with."""
    assert type(SPOT.book_rules) is type(Advanced.rules)
    assert type(FEED.book_rules) is type(Feed.rules)
    assert SPOT.connection_sequence is not None
    assert FEED.connection_sequence is None


def test_without_the_numbers_a_false_book_is_called_valid() -> None:
    """The campaign finds what the numbers are for: not counted, a dropped frame goes unseen."""
    with pytest.raises(AssertionError, match="is not the true one"):
        campaign(Uncounted, 6250)


def test_a_filter_before_the_count_invents_gaps() -> None:
    """Counting only the book's frames breaks books of a whole connection (PROTOCOLS 6.2.5)."""
    valid = {}
    for make in (Advanced, Filtered):
        one = Campaign(make, 7)
        one.reconnect()
        for _ in range(200):  # every frame arrives, in order
            one.emit()
            one.arrive()
        valid[make] = one.follower.state.valid
    assert valid == {Advanced: True, Filtered: False}


def test_the_same_seed_gives_the_same_campaign() -> None:
    """A failure can be repeated."""
    first, second = (Campaign(Advanced, 3).run(500) for _ in range(2))
    assert first.told == second.told
