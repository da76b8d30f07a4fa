"""One line counts per symbol and kind; another takes over what it loses, and keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from exchanges import BOOK_SNAPSHOT, StreamKind
from producers._election import Election
from producers._watchdog import StreamInfo

BOOK = StreamInfo("book:A", StreamKind.BOOK, "A", None)
TICKER = StreamInfo("ticker:A", StreamKind.QUOTES, "A", None, also=(StreamKind.FUNDING,))
TRADES = StreamInfo("trade:A", StreamKind.TRADES, "A", None)


def election(served: Sequence[StreamInfo] = (BOOK, TICKER, TRADES)) -> tuple[Election, list[StreamInfo]]:
    """Make an election whose second line is served some streams; return what it was offered and took."""
    made = Election({"book", BOOK_SNAPSHOT, "quotes", "funding"})
    taken: list[StreamInfo] = []

    def take_over(streams: Sequence[StreamInfo]) -> list[StreamInfo]:
        found = made.claim(2, [info for info in streams if info in served])
        taken.extend(found)
        return found

    made.enter(2, take_over)
    return made, taken


def test_the_first_to_claim_counts_and_the_second_does_not() -> None:
    """What is not scoped counts on every line."""
    made, _ = election()
    assert made.claim(1, [BOOK, TICKER, TRADES]) == [BOOK, TICKER, TRADES]
    assert made.claim(2, [BOOK, TICKER, TRADES]) == [TRADES]
    assert [made.counts_for(2, "A", kind) for kind in ("book", "funding", "trades")] == [False, False, True]
    assert made.counts_for(2, "B", "book")


def test_the_spare_takes_over_what_it_is_served_and_keeps_it() -> None:
    """The line that comes back does not count again; what nobody took is vacant."""
    made, taken = election(served=(BOOK,))
    made.claim(1, [BOOK, TICKER])
    made.release(1, [BOOK, TICKER])
    assert taken == [BOOK]
    assert made.vacant([BOOK, TICKER, TRADES]) == [TICKER]
    assert made.claim(1, [BOOK, TICKER]) == [TICKER]
    assert made.counts(2, BOOK)


def test_a_line_that_did_not_count_loses_nothing() -> None:
    """Its end changes nothing for the one that counts."""
    made, taken = election()
    made.claim(1, [BOOK])
    made.release(2, [BOOK])
    assert taken == []
    assert made.counts(1, BOOK)


def test_what_is_carried_no_more_is_free() -> None:
    """Nobody takes over a symbol that is given up."""
    made, taken = election()
    made.claim(1, [BOOK, TICKER])
    assert made.forget(1, [BOOK]) == [BOOK]
    assert taken == []
    assert made.claim(2, [BOOK, TICKER]) == [BOOK]
