"""Kraken spot: the checksum of a book, and the rules of a venue without ids. PROTOCOLS 7.1.5, 7.1.6."""

from __future__ import annotations

import zlib
from decimal import Decimal

import pytest

from exchanges import BookLevel, BookState, DeltaVerdict, Precisions, SnapshotVerdict
from exchanges.kraken.spot.sequence import Crc32Check, SpotBookRules

CHECK = Crc32Check()
BTC_USD = Precisions(1, 8)


def levels(*pairs: tuple[str, str]) -> list[BookLevel]:
    """Return levels of a maintained book."""
    return [BookLevel(Decimal(price), Decimal(size), price, size) for price, size in pairs]


BIDS = levels(("60000.0", "0.5"), ("59999.9", "2"))
ASKS = levels(("60000.1", "0.05"), ("60000.2", "1.25"))


def test_the_vector_of_the_rules_agrees() -> None:
    """PROTOCOLS 7.1.5: the self-made vector at precisions 1 and 8."""
    text = "600001500000060000212500000060000050000000599999200000000"
    assert CHECK.checksum(BIDS, ASKS, BTC_USD) == zlib.crc32(text.encode()) == 3873380487


@pytest.mark.parametrize("spelling", ["6.00001e4", "60000.10", "60000.100000000000000000"])
def test_numbers_are_printed_with_the_instruments_decimals(spelling: str) -> None:
    """Neither the decimals a number came in nor an exponent change the sum (PROTOCOLS 7.1.6)."""
    asks = [BookLevel(Decimal(spelling), Decimal("5E-2"), spelling, "5E-2"), ASKS[1]]
    assert CHECK.checksum(BIDS, asks, BTC_USD) == 3873380487


def test_other_decimals_give_another_sum() -> None:
    """The definition's decimals count: at the wrong ones the sum differs."""
    assert CHECK.checksum(BIDS, ASKS, Precisions(2, 8)) != 3873380487


def test_small_numbers_lose_their_leading_zeros() -> None:
    """A price and a size below one are summed without the zeros before their digits."""
    asks = levels(("0.00000120", "0.00000001"))
    assert CHECK.checksum([], asks, Precisions(8, 8)) == zlib.crc32(b"1201")


def test_only_ten_levels_of_a_side_count_and_fewer_are_enough() -> None:
    """Levels beyond the tenth are not summed; a thin or empty side is no error (PROTOCOLS 7.1.6)."""
    many = levels(*((f"{100 + n}.0", "1") for n in range(12)))
    assert CHECK.checksum(many, many, BTC_USD) == CHECK.checksum(many[:10], many[:10], BTC_USD)
    assert CHECK.checksum(many[:10], many, BTC_USD) != CHECK.checksum(many[:9], many, BTC_USD)
    assert CHECK.checksum([], [], BTC_USD) == zlib.crc32(b"") == 0


def test_sums_are_unsigned() -> None:
    """About half of all sums are above 2**31: they stay positive and are compared as they are (PROTOCOLS 7.1.6)."""
    sums = [CHECK.checksum(levels((f"{n}.0", "1")), [], BTC_USD) for n in range(1, 200)]
    assert all(one is not None and 0 <= one < 2**32 for one in sums)
    assert sum(one is not None and one >= 2**31 for one in sums) > 50


@pytest.mark.parametrize("definition", [Precisions(None, 8), Precisions(1, None), Precisions(None, None)])
def test_without_precisions_nothing_is_summed(definition: Precisions) -> None:
    """A book whose definition is not known is neither proven nor called broken."""
    assert CHECK.checksum(BIDS, ASKS, definition) is None


@pytest.mark.parametrize(
    ("stream", "depth"), [("book@100:BTC/USD", 100), ("book@10:A/B", 10), ("book:BTC/USD", None), ("", None)]
)
def test_the_depth_is_that_of_the_subscription(stream: str, depth: int | None) -> None:
    """PROTOCOLS 7.1.5.4: a book is cut to what its stream asked for."""
    assert CHECK.depth(stream) == depth


def test_a_book_lives_from_its_snapshot_to_a_gap() -> None:
    """Updates wait for a snapshot, apply to it, and are of no use after a gap; a second snapshot replaces the first."""
    rules, state = SpotBookRules(), BookState()
    assert rules.on_delta(state, -1, -1, -1) is DeltaVerdict.BUFFERED
    assert rules.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    assert rules.on_delta(state, -1, -1, -1) is DeltaVerdict.APPLIED
    assert rules.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    assert state.valid
    rules.on_gap(state)
    assert rules.on_delta(state, -1, -1, -1) is DeltaVerdict.BUFFERED
    assert not state.valid


def test_a_repeat_is_never_told() -> None:
    """Without ids two equal updates may both be meant: none is called old."""
    rules, state = SpotBookRules(), BookState()
    rules.on_snapshot(state, -1, in_stream=True)
    assert {rules.on_delta(state, -1, -1, -1) for _ in range(1000)} == {DeltaVerdict.APPLIED}
    assert state.recent == []
    assert state.pending == []
