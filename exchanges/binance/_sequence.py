"""Binance: what the book rules of both markets share: a REST snapshot is spliced into a chain of deltas.

When a delta goes on with the chain and when it joins a snapshot differs by market on purpose
(PROTOCOLS 3.4): each says it in its own `sequence.py`.
"""

from __future__ import annotations

import abc

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict

PENDING_MAX_DELTAS = 1024
"""Deltas kept while a snapshot is awaited: 100 s at 100 ms. The oldest go first, so that a snapshot
older than the rest is stale and is fetched again."""

RECENT_MAX_DELTAS = 256
"""Update ids remembered to tell a repeat (an overlapping connection) from ids that went back."""

NONE = -1
EMPTY = -1
"""The `lastUpdateId` of a brand-new symbol on spot: any first delta joins (PROTOCOLS 2.5)."""

ANY = -2
"""Stands for a waiting snapshot of a brand-new symbol in `BookState.snapshot`."""


class SplicedBookRules(abc.ABC):
    """Judge deltas and REST snapshots of one symbol in log order.

    A delta whose id is not above the last one is OLD where it was taken before. Where it was not, the
    venue's ids went back or a frame came late: BREAK, since nothing proves the book any more.
    A snapshot that arrives while the book is valid changes nothing and is SPLICED.
    """

    @abc.abstractmethod
    def goes_on(self, seen: int, first: int, last: int, prev: int) -> bool:
        """Tell whether a delta is the next one after the id `seen`."""

    @abc.abstractmethod
    def contains(self, snapshot: int, last: int) -> bool:
        """Tell whether a snapshot already contains a delta that ends at `last`."""

    @abc.abstractmethod
    def joins(self, snapshot: int, first: int, last: int, prev: int) -> bool:
        """Tell whether the first delta that a snapshot does not contain continues it."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by its ids and move the state."""
        if last <= state.last and last in state.recent:
            return DeltaVerdict.OLD
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_DELTAS]
        state.high = last
        if state.last != NONE and not self.goes_on(state.last, first, last, prev):
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
        kept = next((ids for ids in state.pending if last == EMPTY or not self.contains(last, ids[1])), None)
        if kept is None:
            state.snapshot = ANY if last == EMPTY else last
            return SnapshotVerdict.WAITING
        if last != EMPTY and not self.joins(last, *kept):
            return SnapshotVerdict.STALE
        _spliced(state)
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost. PROTOCOLS 2.5.6, 3.4.6: start again from rule 1."""
        state.forget_chain()

    def _unspliced(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        waiting = state.snapshot
        if waiting == ANY or (waiting != NONE and not self.contains(waiting, last)):
            if waiting != ANY and not self.joins(waiting, first, last, prev):
                return self._broken(state, first, last, prev)
            _spliced(state)
            return DeltaVerdict.APPLIED
        # Nothing to join yet, or the waiting snapshot contains the delta.
        state.pending.append((first, last, prev))
        del state.pending[:-PENDING_MAX_DELTAS]
        return DeltaVerdict.BUFFERED

    def _broken(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        self.on_gap(state)
        state.last = last
        state.pending = [(first, last, prev)]
        return DeltaVerdict.BREAK


def _spliced(state: BookState) -> None:
    state.valid = True
    state.snapshot = NONE
    state.pending = []
