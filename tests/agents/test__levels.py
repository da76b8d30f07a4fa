"""Levels of a maintained book."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec

from agents._levels import LEVELS_MAX, KeptBook


def book(*levels: tuple[str, str, str], depth: int | None = None) -> KeptBook:
    """Make a book of levels."""
    made = KeptBook()
    made.begin(depth)
    made.apply(levels)
    return made


def texts(kept: KeptBook) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return both sides as text, best first."""
    bids, asks = kept.bids[::-1], kept.asks
    return [(one.price_text, one.size_text) for one in bids], [(one.price_text, one.size_text) for one in asks]


def test_sides_are_kept_best_first() -> None:
    """Numbers are compared as numbers, texts kept as sent."""
    made = book(("bid", "9.5", "1"), ("bid", "10.0", "2"), ("ask", "100", "1"), ("ask", "20", "1.50"))
    assert texts(made) == ([("10.0", "2"), ("9.5", "1")], [("20", "1.50"), ("100", "1")])


def test_levels_are_taken_in_the_order_listed() -> None:
    """One price may occur twice in one frame: the last word holds, however the price is written."""
    assert texts(book(("ask", "1.0", "1"), ("ask", "1.00", "2")))[1] == [("1.00", "2")]
    assert texts(book(("ask", "1.0", "1"), ("ask", "1.00", "0")))[1] == []
    assert texts(book(("ask", "1.0", "0.000"), ("ask", "1.00", "3")))[1] == [("1.00", "3")]


def test_a_snapshot_is_taken_as_its_levels_would_be_one_by_one() -> None:
    """Whatever it holds: prices twice, sizes of 0 or below, more levels than are kept."""
    draw = random.Random(8)
    for _ in range(300):
        sides, sizes = ("bid", "ask"), ("-1", "0", "0.00", "1", "2.0")
        levels = [
            (draw.choice(sides), f"{draw.randrange(9)}.{'0' * draw.randrange(1, 3)}", draw.choice(sizes))
            for _ in range(20)
        ]
        at_once, one_by_one = book(*levels, depth=20), book(depth=20)
        for level in levels:
            one_by_one.apply([level])
        assert at_once == one_by_one


def test_zero_deletes_and_an_unknown_price_is_no_harm() -> None:
    """A delete for a price that is not there is normal."""
    assert texts(book(("bid", "1", "1"), ("bid", "2", "0"), ("bid", "1", "0.0"))) == ([], [])


def test_what_lies_beyond_the_depth_is_cut_off() -> None:
    """The worst levels of each side go, and do not come back when a better one is deleted."""
    made = book(*((side, str(price), "1") for side in ("bid", "ask") for price in range(1, 6)), depth=2)
    assert [[price for price, _ in side] for side in texts(made)] == [["5", "4"], ["1", "2"]]
    made.apply([("bid", "5", "0"), ("ask", "1", "0")])
    assert [[price for price, _ in side] for side in texts(made)] == [["4"], ["2"]]


def test_a_book_is_bounded_without_a_depth() -> None:
    """A feed that only adds levels does not grow the state for ever."""
    made = book(*(("bid", str(price), "1") for price in range(2 * LEVELS_MAX)))
    assert len(made.bids) == LEVELS_MAX
    assert made.bids[-1].price == 2 * LEVELS_MAX - 1


def test_a_copy_is_independent_and_a_state_round_trips() -> None:
    """Changing the copy changes nothing; what was encoded is what is decoded, to the last digit."""
    made = book(("bid", "1.10", "0.000000000000000001"), depth=5)
    other = made.copy()
    other.apply([("bid", "1.1", "0"), ("ask", "7", "7")])
    assert texts(made) == ([("1.10", "0.000000000000000001")], [])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=KeptBook) == made


def test_a_book_is_what_a_dictionary_says() -> None:
    """Against a slow model over many random changes."""
    draw, made = random.Random(7), book(depth=6)
    model: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "ask": {}}
    for _ in range(3000):
        side, price, size = draw.choice(("bid", "ask")), draw.randrange(12), draw.randrange(3)
        made.apply([(side, f"{price}.{'0' * draw.randrange(1, 3)}", str(size))])
        model[side].pop(Decimal(price), None)
        if size:
            model[side][Decimal(price)] = Decimal(size)
        model["bid"] = dict(sorted(model["bid"].items())[-6:])
        model["ask"] = dict(sorted(model["ask"].items())[:6])
        assert [(one.price, one.size) for one in made.bids] == sorted(model["bid"].items())
        assert [(one.price, one.size) for one in made.asks] == sorted(model["ask"].items())
