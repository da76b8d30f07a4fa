"""Books ask for snapshots when they need one, and not more often."""

from __future__ import annotations

from itertools import pairwise

from exchanges import DeltaVerdict, SnapshotVerdict
from exchanges.binance import USDM
from exchanges.bybit import LINEAR
from producers._books import RETRY_MIN_S, Books, Reason


def books(interval_s: float = 0.0) -> Books:
    """Make books with the rules of a real venue."""
    return Books(USDM.book_rules, interval_s)


def fetch(one: Books, symbol: str, last: int, now_s: float) -> SnapshotVerdict:
    """Do what the fetcher does."""
    one.fetching(symbol, int(now_s * 1e9))
    return one.snapshot(symbol, last, now_s)


def test_a_new_book_asks_once() -> None:
    """The first delta asks for a snapshot with reason subscribe; further ones and the fetch itself do not."""
    one = books()
    assert one.delta("A", 1, 10, 0, 1.0) is DeltaVerdict.BUFFERED
    one.delta("A", 11, 20, 10, 1.1)
    assert one.due(1.1, 9) == [("A", Reason.SUBSCRIBE)]
    one.fetching("A", 5)
    assert one.due(1.2, 9) == []
    one.delta("A", 21, 30, 20, 1.3)
    assert one.due(1.3, 9) == []
    assert one.snapshot("A", 15, 1.4) is SnapshotVerdict.SPLICED
    assert one.due(9.0, 9) == []
    assert one.valid_count() == 1


def test_a_break_asks_at_once() -> None:
    """A missing update is refetched with reason resync."""
    one = books()
    one.delta("A", 1, 10, 0, 1.0)
    fetch(one, "A", 5, 1.0)
    assert one.delta("A", 21, 30, 20, 2.0) is DeltaVerdict.BREAK
    assert one.due(2.0, 9) == [("A", Reason.RESYNC)]


def test_a_stale_snapshot_is_fetched_again_later_each_time() -> None:
    """Waits double, so a venue that serves old books is not stormed."""
    one = books()
    one.delta("A", 100, 110, 99, 0.0)
    now_s = 0.0
    waits = []
    for _ in range(4):
        assert fetch(one, "A", 50, now_s) is SnapshotVerdict.STALE
        start_s = now_s
        while not one.due(now_s, 9):
            now_s += 0.05
            assert now_s < 60, "it never asks again"
        waits.append(now_s - start_s)
        one.delta("A", 0, 111, 110, now_s)
    assert waits[0] >= RETRY_MIN_S
    assert all(second > first * 1.5 for first, second in pairwise(waits))


def test_a_lost_connection_starts_over() -> None:
    """After a gap the next delta asks again, with reason subscribe."""
    one = books()
    one.delta("A", 1, 10, 0, 1.0)
    fetch(one, "A", 5, 1.0)
    one.lost("A")
    one.lost("unknown")
    assert one.due(2.0, 9) == []
    one.delta("A", 500, 510, 499, 2.0)
    assert one.due(2.0, 9) == [("A", Reason.SUBSCRIBE)]


def test_requests_older_than_the_last_snapshot_are_dropped() -> None:
    """An agent that asks late asks for what it already has."""
    one = books()
    one.delta("A", 1, 10, 0, 1.0)
    fetch(one, "A", 5, 10.0)
    assert not one.reseed("A", int(9e9), 11.0)
    assert not one.reseed("unknown", int(99e9), 11.0)
    assert one.reseed("A", int(12e9), 13.0)
    assert one.due(13.0, 9) == [("A", Reason.RESYNC)]
    assert not one.reseed("A", int(12e9), 13.0)


def test_a_book_that_comes_back_by_itself_is_not_asked_for_again() -> None:
    """The stream brings a snapshot after every gap; an agent that heard of the gap late asks for nothing."""
    one = Books(LINEAR.book_rules, 0.0, in_stream=True)
    one.snapshot("A", 10, 1.0, in_stream=True, received_ns=int(1e9))
    assert not one.reseed("A", int(0.9e9), 1.1)
    one.lost("A", int(9e9))
    assert not one.reseed("A", int(8e9), 9.1)
    one.snapshot("A", 50, 9.5, in_stream=True)
    assert not one.reseed("A", int(8e9), 10.0)
    assert one.due(99.0, 9) == []
    assert one.reseed("A", int(11e9), 11.0)
    assert one.due(99.0, 9) == [("A", Reason.RESYNC)]


def test_a_restart_that_two_connections_bring_is_one() -> None:
    """The second one changes nothing, whatever came between; another restart begins the book anew."""
    one = Books(LINEAR.book_rules, 0.0, in_stream=True)
    for at_ns in (5, 6):
        one.snapshot("A", 1, 1.0, in_stream=True, at_ns=at_ns)
        assert one.delta("A", 2, 2, -1, 1.1) is DeltaVerdict.APPLIED
        assert one.snapshot("A", 1, 1.2, in_stream=True, at_ns=at_ns) is SnapshotVerdict.SPLICED
        assert one.delta("A", 2, 2, -1, 1.3) is DeltaVerdict.OLD
        assert one.delta("A", 3, 3, -1, 1.4) is DeltaVerdict.APPLIED


def test_the_schedule_comes_last_and_spares_broken_books() -> None:
    """A valid book is due after the interval; a broken one goes first; the limit holds."""
    one = books(interval_s=900)
    for symbol in "AB":
        one.delta(symbol, 1, 10, 0, 0.0)
        fetch(one, symbol, 5, 0.0)
    assert one.due(899.0, 9) == []
    one.delta("B", 50, 60, 40, 901.0)
    assert one.due(901.0, 9) == [("B", Reason.RESYNC), ("A", Reason.PERIODIC)]
    assert one.due(901.0, 1) == [("B", Reason.RESYNC)]


def test_a_failed_request_waits() -> None:
    """The book is due again after the wait it was given; a scheduled one much later."""
    one = books(interval_s=900)
    one.delta("A", 1, 10, 0, 0.0)
    one.fetching("A", 1)
    one.failed("A", Reason.SUBSCRIBE, 0.0, 3.0)
    assert one.due(2.9, 9) == []
    assert one.due(3.0, 9) == [("A", Reason.SUBSCRIBE)]
    fetch(one, "A", 5, 3.0)
    one.fetching("A", 1)
    one.failed("A", Reason.PERIODIC, 910.0, 1.0)
    assert one.due(930.0, 9) == []
    assert one.due(941.0, 9) == [("A", Reason.PERIODIC)]


def test_frames_that_could_not_be_kept_bring_a_snapshot_later() -> None:
    """The log needs one though the receiver's own book is whole."""
    one = books()
    one.delta("A", 1, 10, 0, 0.0)
    fetch(one, "A", 5, 0.0)
    one.dropped("A", 10.0)
    one.dropped("A", 10.0)
    assert one.due(14.0, 9) == []
    assert one.due(15.0, 9) == [("A", Reason.RESYNC)]
    assert "A" in one


def test_how_often_a_book_began_anew_is_counted() -> None:
    """A break, a request of an agent; a first snapshot is none, a stale one does not count again."""
    one = books()
    assert one.status("A") == (False, 0)
    one.delta("A", 1, 10, 0, 1.0)
    fetch(one, "A", 5, 1.1)
    assert one.status("A") == (True, 0)
    one.delta("A", 21, 30, 20, 2.0)
    assert one.status("A") == (False, 1)
    assert fetch(one, "A", 15, 2.1) is SnapshotVerdict.STALE
    assert one.status("A") == (False, 1)
    fetch(one, "A", 25, 9.0)
    assert one.status("A") == (True, 1)
    assert one.reseed("A", int(99e9), 10.0)
    assert one.status("A") == (True, 2)
