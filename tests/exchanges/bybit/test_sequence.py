"""Continuity of a Bybit book, rule by rule (PROTOCOLS 4.6)."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict, _sightings, drain
from exchanges.bybit.sequence import RECENT_MAX_UPDATES, BybitBookRules

APPLIED, BUFFERED, OLD, BREAK = DeltaVerdict.APPLIED, DeltaVerdict.BUFFERED, DeltaVerdict.OLD, DeltaVerdict.BREAK
SPLICED, STALE = SnapshotVerdict.SPLICED, SnapshotVerdict.STALE

RULES = BybitBookRules()


def delta(state: BookState, number: int, rules: BybitBookRules = RULES) -> DeltaVerdict:
    """Judge a delta as peeks and columns give its ids."""
    return rules.on_delta(state, number, number, -1)


def valid_book(*after: int) -> BookState:
    """Return a book begun by a snapshot at 100, with deltas applied."""
    state = BookState()
    assert RULES.on_snapshot(state, 100, in_stream=True) is SPLICED
    assert all(delta(state, number) is APPLIED for number in after)
    return state


def test_deltas_wait_for_the_snapshot() -> None:
    """PROTOCOLS 4.6.1: what comes before it is not applied; it begins the book where it stands."""
    state = BookState()
    assert [delta(state, number) for number in (97, 98, 99)] == [BUFFERED] * 3
    assert not state.valid
    assert RULES.on_snapshot(state, 105, in_stream=True) is SPLICED
    assert (state.valid, state.last) == (True, 105)
    assert delta(state, 106) is APPLIED


@pytest.mark.parametrize("number", [102, 150, 99, 7])
def test_any_other_id_is_a_break(number: int) -> None:
    """PROTOCOLS 4.6.5 (!): `u` is last + 1; a hole, or an id below that was never seen, proves nothing."""
    state = valid_book()
    assert delta(state, number) is BREAK
    assert (state.valid, state.last) == (False, number)
    assert delta(state, number + 1) is BUFFERED


def test_a_repeat_is_old_and_changes_nothing() -> None:
    """PROTOCOLS 4.6.5: an update that was taken already, on this or another connection."""
    state = valid_book(101, 102)
    assert [delta(state, number) for number in (100, 101, 102)] == [OLD] * 3
    assert (state.valid, state.last) == (True, 102)
    assert delta(state, 103) is APPLIED


def test_a_later_snapshot_begins_anew() -> None:
    """PROTOCOLS 4.6.4: no subscription is needed; updates go on from its id, above or below."""
    for number in (250, 50):
        state = valid_book(101)
        assert RULES.on_snapshot(state, number, in_stream=True) is SPLICED
        assert (state.valid, state.last) == (True, number)
        assert delta(state, number + 1) is APPLIED


def test_the_snapshot_of_an_overlapping_connection_changes_nothing() -> None:
    """One that the chain contains came on another connection; what follows it there are repeats."""
    state = valid_book(101, 102, 103)
    assert RULES.on_snapshot(state, 101, in_stream=True) is SPLICED
    assert (state.valid, state.last) == (True, 103)
    assert [delta(state, number) for number in (102, 103)] == [OLD] * 2
    assert delta(state, 104) is APPLIED


def test_a_restart_overwrites_the_book() -> None:
    """PROTOCOLS 4.6.3: `u` 1 is a fresh snapshot, also the second time; low ids seen before are no repeats."""
    state = valid_book(101)
    for _ in range(2):
        assert RULES.on_snapshot(state, 1, in_stream=True) is SPLICED
        assert (state.valid, state.last) == (True, 1)
        assert [delta(state, number) for number in (2, 3, 4)] == [APPLIED] * 3
    assert RULES.on_snapshot(state, 1, in_stream=True) is SPLICED
    assert delta(state, 3) is BREAK


def test_an_update_of_the_numbering_before_a_restart_may_come_late() -> None:
    """Another connection lags: what it brings was taken before the restart; ids near the new ones prove nothing."""
    state = valid_book(*range(101, 1000))
    assert RULES.on_snapshot(state, 1, in_stream=True) is SPLICED
    assert delta(state, 2) is APPLIED
    assert [delta(state, number) for number in (998, 999)] == [OLD] * 2
    assert delta(state, 3) is APPLIED
    assert delta(state, 1000) is BREAK


def test_two_restarts_are_told_apart_by_their_time() -> None:
    """The engine's time of the snapshot that the chain began with; without a time nothing is told."""
    state = valid_book(101)
    RULES.on_snapshot(state, 1, in_stream=True)
    state.begin_with(1, 50)
    assert delta(state, 2) is APPLIED
    assert [state.has_begun_with(*told) for told in ((1, 50), (1, 60), (2, 50), (1, -1))] == [True, False, False, False]
    RULES.on_gap(state)
    assert not state.has_begun_with(1, 50), "a broken book needs it once more"


def test_a_rest_book_joins_nothing() -> None:
    """PROTOCOLS 4.5: its id is that of the 1000-level stream; it neither heals nor moves a book."""
    state = valid_book(101)
    assert RULES.on_snapshot(state, 101) is SPLICED
    assert state.last == 101
    RULES.on_gap(state)
    assert RULES.on_snapshot(state, 101) is STALE
    assert not state.valid


def test_a_hole_may_be_logged_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """PROTOCOLS 4.6.5 (!): without `enforce` a hole is applied and told once; an id that went back still breaks."""
    monkeypatch.setattr(_sightings, "_told", set())
    drain()
    rules, state = BybitBookRules(enforce=False), valid_book(101)
    assert delta(state, 105, rules) is APPLIED
    assert delta(state, 109, rules) is APPLIED
    assert drain() == [("PROTOCOLS 4.6.5", "u is not last + 1")]
    assert delta(state, 50, rules) is BREAK


def test_a_gap_forgets_the_chain() -> None:
    """After lost frames the next delta is no break, and the book waits for a snapshot."""
    state = valid_book(101)
    RULES.on_gap(state)
    assert (state.valid, state.last, state.snapshot, state.pending) == (False, -1, -1, [])
    assert delta(state, 120) is BUFFERED


def test_what_is_kept_is_bounded() -> None:
    """However long the chain, few ids are remembered; a repeat beyond them is a break."""
    state = valid_book(*range(101, 101 + 2 * RECENT_MAX_UPDATES))
    assert len(state.recent) == RECENT_MAX_UPDATES
    assert delta(state, 101) is BREAK
