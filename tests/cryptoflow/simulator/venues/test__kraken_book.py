"""The book a subscriber of Kraken spot holds: depth, checksum, and that no lost update stays unseen."""

from __future__ import annotations

import random

import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._kraken_book import ShownBook, ToldBook
from cryptoflow.simulator.venues._values import Listing
from cryptoflow.simulator.venues._venue import Voice
from cryptoflow.simulator.venues.kraken_spot import VENUE

LISTING = Listing(
    market="spot", symbol="A/USD", base="A", quote="USD", size_decimals=8, price_decimals=1, middle=50_000
)


def market(seed: int) -> SymbolMarket:
    """Return a market that nobody hears."""
    model = SymbolMarket(LISTING, seed, 40)
    model.voice = Voice(VENUE, model, frozenset())
    return model


class Subscriber:
    """Hold a book by its updates alone."""

    def __init__(self, shown: ShownBook, depth: int) -> None:
        """Take a snapshot."""
        self.sides = [dict(side) for side in shown.sides]
        self.depth = depth

    def take(self, changes):
        """Apply an update and cut to the depth."""
        for side, levels in enumerate(changes):
            for ticks, size in levels:
                self.sides[side][ticks] = size
                if not size:
                    del self.sides[side][ticks]
            kept = sorted(self.sides[side].items(), reverse=not side)[: self.depth]
            self.sides[side] = dict(kept)


@pytest.mark.parametrize("depth", [10, 25, 100])
def test_updates_alone_keep_a_book_of_the_depth(depth):
    """Levels pushed out get no message, levels that move in do: who cuts to the depth holds what is shown."""
    model = market(depth)
    shown = ShownBook(model, depth)
    held = Subscriber(shown, depth)
    pushed_out = 0
    for now_ms in range(3000):
        model.step(now_ms, [])
        if now_ms % 3 == 0:
            before = [set(side) for side in held.sides]
            changes = shown.move()
            held.take(changes)
            assert held.sides == shown.sides
            gone = [before[side] - set(held.sides[side]) - {ticks for ticks, _ in changes[side]} for side in (0, 1)]
            pushed_out += len(gone[0]) + len(gone[1])
            assert max(shown.sides[0]) < min(shown.sides[1])
    assert pushed_out > 20 or depth == 100


def test_a_lost_update_shows_in_the_next_checksum():
    """Whichever update is lost, the sum after the next one is not that of the subscriber's book."""
    rng, unseen = random.Random(5), 0
    for seed in range(300):
        model = market(seed)
        shown = ShownBook(model, 100)
        held = Subscriber(shown, 100)
        for lost in (False, False, True, False):
            for _ in range(rng.randint(1, 4)):
                model.step(0, [])
            changes = shown.move()
            if not lost:
                held.take(changes)
        real, shown.sides = shown.checksum(), held.sides
        unseen += real == shown.checksum()
    assert unseen == 0


SNAPSHOT = (
    b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":60000.0,"qty":0.50000000},'
    b'{"price":59999.9,"qty":2}],"asks":[{"price":60000.1,"qty":5e-2},{"price":60000.2,"qty":1.25}],'
    b'"checksum":3873380487}]}'
)


def test_decimals_are_those_the_checksum_was_made_with():
    """PROTOCOLS 7.1.5: the vector of the rules was made with 1 and 8."""
    told = ToldBook(10)
    told.take(SNAPSHOT)
    assert told.decimals() == (1, 8)
    told.checksum = None
    assert told.decimals() == (1, 2)


def test_a_told_book_is_cut_and_told_again():
    """Updates change it, the depth cuts it, and its snapshot says so exactly."""
    told = ToldBook(2)
    told.take(SNAPSHOT)
    told.take(
        b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":60000.0,"qty":0.0},'
        b'{"price":59999.0,"qty":1e-8},{"price":59998.0,"qty":1}],"asks":[],"checksum":5,"timestamp":"T"}]}'
    )
    assert told.snapshot() == (
        b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":59999.9,"qty":2},'
        b'{"price":59999.0,"qty":0.00000001}],"asks":[{"price":60000.1,"qty":0.05},{"price":60000.2,"qty":1.25}],'
        b'"checksum":5,"timestamp":"T"}]}'
    )
