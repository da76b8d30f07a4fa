"""The checksum that OKX sent until 2026-06-23. PROTOCOLS 5.5.7."""

from __future__ import annotations

from decimal import Decimal

from exchanges import BookLevel, Precisions
from exchanges.okx.checksum import BookChecksum

UNKNOWN = Precisions(None, None)


def level(price: str, size: str) -> BookLevel:
    """Make a level as it was sent."""
    return BookLevel(Decimal(price), Decimal(size), price, size)


def test_the_vector_of_the_rule() -> None:
    """Sides alternate, a missing level is skipped, the sum is signed."""
    bids, asks = [level("60000", "5"), level("59999.9", "7")], [level("60000.1", "3")]
    assert BookChecksum().checksum(bids, asks, UNKNOWN) == -934515145


def test_texts_are_summed_as_sent() -> None:
    """`60000.0` is not `60000`."""
    sums = {BookChecksum().checksum([level(text, "5")], [], UNKNOWN) for text in ("60000", "60000.0")}
    assert len(sums) == 2


def test_only_the_best_25_count() -> None:
    """Deeper levels change nothing, the 25th does; all levels are kept."""
    bids = [level(str(1000 - place), "1") for place in range(26)]
    whole = BookChecksum().checksum(bids, [], UNKNOWN)
    assert BookChecksum().checksum(bids[:25], [], UNKNOWN) == whole
    assert BookChecksum().checksum(bids[:24], [], UNKNOWN) != whole
    assert BookChecksum().depth("books:A-B") is None


def test_an_empty_book_has_the_sum_of_nothing() -> None:
    """A sum of 0 is genuine (PROTOCOLS 5.5)."""
    assert BookChecksum().checksum([], [], UNKNOWN) == 0
