"""What the book rules of both markets share, shown on spot's."""

from __future__ import annotations

from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.binance._sequence import ANY, PENDING_MAX_DELTAS, RECENT_MAX_DELTAS
from exchanges.binance.spot.sequence import SpotBookRules
from exchanges.binance.usdm.sequence import UsdmBookRules

RULES = SpotBookRules()


def test_what_is_kept_is_bounded() -> None:
    """Waiting for a snapshot that never comes keeps a bounded number of deltas, and the newest."""
    state = BookState()
    for number in range(PENDING_MAX_DELTAS + 500):
        RULES.on_delta(state, number, number, -1)
    assert len(state.pending) == PENDING_MAX_DELTAS
    assert len(state.recent) == RECENT_MAX_DELTAS
    assert RULES.on_snapshot(state, 3) is SnapshotVerdict.STALE
    assert RULES.on_snapshot(state, state.last - 1) is SnapshotVerdict.SPLICED


def test_the_empty_book_of_a_new_symbol_takes_the_first_delta() -> None:
    """PROTOCOLS 2.5: lastUpdateId -1 stands before whatever comes, or came."""
    state = BookState()
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.WAITING
    assert state.snapshot == ANY
    assert RULES.on_delta(state, 70, 77, -1) is DeltaVerdict.APPLIED
    assert RULES.on_delta(state, 78, 78, -1) is DeltaVerdict.APPLIED
    state = BookState()
    assert RULES.on_delta(state, 70, 77, -1) is DeltaVerdict.BUFFERED
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.SPLICED
    assert state.valid


def test_the_markets_do_not_share_their_splice() -> None:
    """PROTOCOLS 3.4: the boundary is L + 1 on spot and L on USD-M."""
    for rules, spliced in ((SpotBookRules(), SnapshotVerdict.SPLICED), (UsdmBookRules(), SnapshotVerdict.STALE)):
        state = BookState()
        rules.on_delta(state, 11, 20, 9)
        assert rules.on_snapshot(state, 10) is spliced
