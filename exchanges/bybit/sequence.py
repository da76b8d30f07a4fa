"""Bybit: when a book is whole. PROTOCOLS 4.6."""

from __future__ import annotations

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict
from exchanges._sightings import saw
from exchanges.bybit.route import RESTART_ID

RECENT_MAX_UPDATES = 256
"""Update ids remembered to tell a repeat (an overlapping connection) from ids that went back."""

NONE = -1


class BybitBookRules:
    """Judge the updates of one depth of one symbol: a snapshot in the stream, then `u` + 1 each.

    That `u` rises by one is not documented for the depths we use (PROTOCOLS 4.6.5 (!)); it held for all
    updates ever recorded. With `enforce` (the default: a book that may be broken is not served) any
    other `u` is a break. Without, a hole is applied and told once.
    A snapshot begins the book anew, unless it is one that the valid chain contains: another connection
    brought it, and what follows it there are repeats. That a restart on two connections is one, only its
    time tells (`BookState.has_begun_with`); one that lags may then still bring updates of the numbering before.
    """

    def __init__(self, *, enforce: bool = True) -> None:
        """Choose what a hole in `u` means."""
        self._enforce = enforce

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by `u` and move the state."""
        del first, prev
        if state.last not in {NONE, last - 1}:
            if last in state.recent and not 0 < last - state.last <= RECENT_MAX_UPDATES:
                return DeltaVerdict.OLD
            saw("PROTOCOLS 4.6.5", "u is not last + 1")
            # Below the last one and never seen: rule 5 calls it old, which drops rows that nobody has.
            if self._enforce or last <= state.last:
                self.on_gap(state)
                self._take(state, last)
                return DeltaVerdict.BREAK
        self._take(state, last)
        # PROTOCOLS 4.6.1: before a snapshot there is nothing to apply a delta to.
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot by `u` and move the state; one of REST numbers another depth and joins nothing (4.5)."""
        if not in_stream:
            return SnapshotVerdict.SPLICED if state.valid else SnapshotVerdict.STALE
        if last != RESTART_ID and state.valid and last <= state.last and last in state.recent:
            return SnapshotVerdict.SPLICED
        self.on_gap(state)  # PROTOCOLS 4.6.1, 4.6.3, 4.6.4: whatever was there is overwritten
        if last < state.high:
            # A new numbering: what it is near to was never seen, though the old one may have had those ids, too.
            state.recent = [one for one in state.recent if one > last + RECENT_MAX_UPDATES]
        self._take(state, last)
        state.valid = True
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost."""
        state.forget_chain()

    def _take(self, state: BookState, last: int) -> None:
        state.last = state.high = last
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_UPDATES]
