"""Continuity of a Binance spot book, rule by rule (PROTOCOLS 2.5)."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict, _sightings, drain
from exchanges.binance.spot.sequence import SpotBookRules

APPLIED, BUFFERED, OLD, BREAK = DeltaVerdict.APPLIED, DeltaVerdict.BUFFERED, DeltaVerdict.OLD, DeltaVerdict.BREAK
SPLICED, WAITING, STALE = SnapshotVerdict.SPLICED, SnapshotVerdict.WAITING, SnapshotVerdict.STALE

RULES = SpotBookRules()


def chain(*deltas: tuple[int, int]) -> BookState:
    """Return the state after deltas of which none breaks."""
    state = BookState()
    assert all(RULES.on_delta(state, first, last, -1) is BUFFERED for first, last in deltas)
    return state


def valid_book() -> BookState:
    """Return a valid book that stands at id 20."""
    state = chain((11, 20))
    assert RULES.on_snapshot(state, 15) is SPLICED
    return state


@pytest.mark.parametrize(
    ("snapshot", "verdict"),
    [
        (9, STALE),  # 2.5.3: before the chain
        (10, SPLICED),  # 2.5.4: U == L + 1
        (11, SPLICED),
        (19, SPLICED),  # 2.5.4: u == L + 1
        (20, SPLICED),  # 2.5.4: the first event is contained, the second begins at L + 1
        (21, SPLICED),
        (34, SPLICED),
        (35, WAITING),  # 2.5.4: all are contained; the next delta must join
    ],
)
def test_a_snapshot_meets_the_chain(snapshot: int, verdict: SnapshotVerdict) -> None:
    """Deltas up to L are dropped; the first that is not must begin at most at L + 1."""
    state = chain((11, 20), (21, 35))
    assert RULES.on_snapshot(state, snapshot) is verdict
    assert state.valid is (verdict is SPLICED)


@pytest.mark.parametrize(
    ("snapshot", "verdict", "valid"),
    [(28, BREAK, False), (29, APPLIED, True), (30, APPLIED, True), (34, APPLIED, True), (35, BUFFERED, False)],
)
def test_a_delta_meets_a_waiting_snapshot(snapshot: int, verdict: DeltaVerdict, valid: bool) -> None:
    """The delta that joins makes the book valid, one the snapshot contains waits on, one beyond it breaks."""
    state = BookState()
    assert RULES.on_snapshot(state, snapshot) is WAITING
    assert RULES.on_delta(state, 30, 35, -1) is verdict
    assert state.valid is valid


def test_a_contained_delta_does_not_keep_the_book_from_its_splice() -> None:
    """The delta after the contained one begins at L + 1 and joins."""
    state = chain((11, 20))
    assert RULES.on_snapshot(state, 20) is WAITING
    assert RULES.on_delta(state, 21, 22, -1) is APPLIED


def test_ids_have_no_holes() -> None:
    """PROTOCOLS 2.5.6: U above last + 1 is a gap; what is named as predecessor does not count."""
    state = valid_book()
    assert RULES.on_delta(state, 21, 21, -1) is APPLIED
    assert RULES.on_delta(state, 23, 24, 21) is BREAK
    assert (state.valid, state.last, state.pending) == (False, 24, [(23, 24, 21)])


def test_a_delta_that_begins_inside_the_chain_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PROTOCOLS 2.5.6: absolute sizes may be applied again; that cuts differ (!) is told once."""
    monkeypatch.setattr(_sightings, "_told", set())
    drain()
    state = valid_book()
    assert RULES.on_delta(state, 18, 25, -1) is APPLIED
    assert RULES.on_delta(state, 20, 26, -1) is APPLIED
    assert drain() == [("PROTOCOLS 2.5", "a delta begins inside the one before")]


def test_a_repeat_is_old_and_changes_nothing() -> None:
    """The same delta again, on this or an overlapping connection, leaves the book as it is."""
    state = valid_book()
    assert RULES.on_delta(state, 21, 30, -1) is APPLIED
    for delta in ((11, 20, -1), (21, 30, -1)):
        assert RULES.on_delta(state, *delta) is OLD
    assert (state.valid, state.last) == (True, 30)
    assert RULES.on_delta(state, 31, 40, -1) is APPLIED


def test_ids_that_went_back_are_a_gap() -> None:
    """PROTOCOLS 2.5 (!): after an engine restart nothing below is taken for repeats, and a stale book is not served."""
    state = valid_book()
    assert RULES.on_delta(state, 3, 5, -1) is BREAK
    assert not state.valid
    assert RULES.on_delta(state, 6, 8, -1) is BUFFERED
    assert RULES.on_snapshot(state, 7) is SPLICED
    assert RULES.on_delta(state, 9, 9, -1) is APPLIED


def test_a_gap_forgets_everything_but_what_was_seen() -> None:
    """After lost frames the next delta starts a chain; a repeat behind it is still a repeat."""
    state = valid_book()
    RULES.on_gap(state)
    assert (state.valid, state.last, state.snapshot, state.pending) == (False, -1, -1, [])
    assert RULES.on_delta(state, 71, 80, -1) is BUFFERED
    assert RULES.on_delta(state, 11, 20, -1) is OLD
    assert RULES.on_snapshot(state, 69) is STALE
    assert RULES.on_snapshot(state, 70) is SPLICED
