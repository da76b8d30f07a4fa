"""Continuity of books."""

from __future__ import annotations

from agents._core import Reseed
from agents.sequence import TAKEN_MAX_DELTAS
from tests.doubles.raw_frames import MS, Log, core, delta, gap, rows, snapshot


def test_a_book_never_started_is_no_gap() -> None:
    """Deltas before the first snapshot are rows, and neither a gap nor a request."""
    log = Log()
    log.put("book", delta(10, 11))
    log.put("book", delta(12, 12))
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "kind", "last_update_id") == [("book_deltas", 11), ("book_deltas", 12)]
    assert not outputs.reseeds
    assert not rows(outputs, "md.gaps")


def test_a_break_asks_for_a_snapshot_once() -> None:
    """One request per break, with the receive time of the frame that showed it."""
    log = Log()
    for body in (delta(1, 2), delta(5, 6), delta(7, 7)):
        log.put("book", body)
    assert core().process(log.records).reseeds == [Reseed("invented", "m", "AB", 1002 * MS, 1)]


def test_a_stale_snapshot_asks_again() -> None:
    """A snapshot older than the deltas at hand cannot splice: its rows leave, and another is asked for."""
    log = Log()
    log.put("book", delta(10, 11))
    log.put("book_snapshot", snapshot(5))
    log.put("book_snapshot", snapshot(10))
    outputs = core().process(log.records)
    assert [one.raw_offset for one in outputs.reseeds] == [1]
    assert rows(outputs, "md.book", "kind").count("book_snapshots") == 4


def test_a_snapshot_that_does_not_join_an_unbroken_chain_is_no_gap() -> None:
    """Subscribed after the snapshot was made: another snapshot is needed, but no update is missing."""
    log = Log()
    log.put("book_snapshot", snapshot(5))
    log.put("book", delta(10, 11))
    outputs = core().process(log.records)
    assert len(outputs.reseeds) == 1
    assert not rows(outputs, "md.gaps")


def test_a_dead_frame_of_the_book_breaks_it() -> None:
    """Nobody knows what it changed: gap cause unreadable, and a request."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("book", b"\xff")
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "cause", "from_id") == [("book", "unreadable", 11)]
    assert rows(outputs, "md.book", "kind")[-1] == "gap"
    assert len(outputs.reseeds) == 1


def test_a_dead_snapshot_is_asked_for_again_only_when_needed() -> None:
    """A valid book does not need the snapshot that could not be read."""
    log = Log()
    log.put("book_snapshot", b"\xff")
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("book_snapshot", b"\xff")
    outputs = core().process(log.records)
    assert [one.raw_offset for one in outputs.reseeds] == [0]


def test_repeats_are_dropped_and_older_deltas_are_not() -> None:
    """An update older than the snapshot is rows; the same update again, or the same snapshot, is a repeat."""
    log = Log()
    log.put("book", delta(3, 4))
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(5, 10))
    log.put("book", delta(5, 10), conn="b")
    log.put("book_snapshot", snapshot(9), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "raw_offset") == [0, 1, 1, 2]
    assert outputs.duplicates == {("invented", "m", "book"): 1, ("invented", "m", "book_snapshot"): 1}


def test_a_producers_gap_breaks_the_book() -> None:
    """After a gap frame the book needs a snapshot, though the next delta continues the chain."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("gap", gap("book"))
    log.put("book", delta(11, 11))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision") == [0]
    assert [one.raw_offset for one in outputs.reseeds] == [2]


def test_the_ids_remembered_are_bounded() -> None:
    """The state of a book does not grow with the log."""
    one, log = core(), Log()
    log.put("book_snapshot", snapshot(0))
    for first in range(1, 4 * TAKEN_MAX_DELTAS):
        log.put("book", delta(first, first))
    sizes = []
    for start in range(0, len(log.records), TAKEN_MAX_DELTAS):
        one.process(log.records[start : start + TAKEN_MAX_DELTAS])
        sizes.append(len(one.dirty()[0][2]))
    assert sizes[-1] == sizes[-2]
