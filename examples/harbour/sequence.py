"""Harbour: when a book is whole. Harbour 3.3: every frame of a book channel is numbered one higher."""

from __future__ import annotations

from exchanges import BookState, DeltaVerdict, SnapshotVerdict

RECENT_MAX_DELTAS = 256
NONE = -1


class HarbourBookRules:
    """Judge deltas and snapshots of one symbol in log order."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by its number and move the state."""
        del first, prev
        if last in state.recent:
            return DeltaVerdict.OLD
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_DELTAS]
        state.high = last
        broken = state.valid and last != state.last + 1
        if broken:
            self.on_gap(state)
        state.last = last
        if broken:
            return DeltaVerdict.BREAK
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Begin a new chain at a whole book, unless the valid chain holds it already."""
        del in_stream
        if not (state.valid and last <= state.last):
            state.valid, state.last = True, last
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost."""
        state.valid, state.last = False, NONE
