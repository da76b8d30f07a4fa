"""Binance USD-M: when a book is whole. PROTOCOLS 3.4; the spot rules differ on purpose."""

from __future__ import annotations

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict

PENDING_MAX_DELTAS = 1024
"""Deltas kept while a snapshot is awaited: 100 s at 100 ms. The oldest go first, so that a snapshot
older than the rest is stale and is fetched again."""

RECENT_MAX_DELTAS = 256
"""Update ids remembered to tell a repeat (an overlapping connection) from ids that went back."""

NONE = -1


class UsdmBookRules:
    """Judge deltas and snapshots of one symbol in log order (PROTOCOLS 3.4).

    A delta whose id is not above the last one is OLD where it was taken before. Where it was not, the
    venue's ids went back or a frame came late: BREAK, since nothing proves the book any more.
    A snapshot that arrives while the book is valid changes nothing and is SPLICED.
    """

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by `U`, `u`, `pu` and move the state."""
        if last <= state.last and last in state.recent:
            return DeltaVerdict.OLD
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_DELTAS]
        state.high = last
        # PROTOCOLS 3.4.6: every event names its predecessor; nothing else proves continuity.
        if state.last != NONE and (prev != state.last or last <= state.last):
            return self._broken(state, first, last, prev)
        state.last = last
        if state.valid:
            return DeltaVerdict.APPLIED
        return self._unspliced(state, first, last, prev)

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot by its `lastUpdateId` and move the state; the venue sends none in its streams."""
        del in_stream
        if state.valid:
            return SnapshotVerdict.SPLICED
        kept = next((ids for ids in state.pending if ids[1] >= last), None)  # PROTOCOLS 3.4.3
        if kept is None:
            state.snapshot = last
            return SnapshotVerdict.WAITING
        if not _joins(last, *kept):
            return SnapshotVerdict.STALE
        _spliced(state)
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost. PROTOCOLS 3.4.6: start again from rule 1."""
        state.valid = False
        state.last = NONE
        state.snapshot = NONE
        state.pending = []

    def _unspliced(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        if last >= state.snapshot != NONE:
            if not _joins(state.snapshot, first, last, prev):
                return self._broken(state, first, last, prev)
            _spliced(state)
            return DeltaVerdict.APPLIED
        # PROTOCOLS 3.4.1; or 3.4.3, where the waiting snapshot contains the delta.
        state.pending.append((first, last, prev))
        del state.pending[:-PENDING_MAX_DELTAS]
        return DeltaVerdict.BUFFERED

    def _broken(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        self.on_gap(state)
        state.last = last
        state.pending = [(first, last, prev)]
        return DeltaVerdict.BREAK


def _joins(snapshot: int, first: int, last: int, prev: int) -> bool:
    """Tell whether a delta continues a snapshot.

    PROTOCOLS 3.4.4: `U <= L <= u`, or `pu == L`. The first covers 3.4.5, `u == L`: applying a delta
    the snapshot already contains is harmless, quantities are absolute.
    """
    return first <= snapshot <= last or prev == snapshot


def _spliced(state: BookState) -> None:
    state.valid = True
    state.snapshot = NONE
    state.pending = []
