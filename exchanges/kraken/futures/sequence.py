"""Kraken Futures: when a book is whole. PROTOCOLS 7.2.4: every message of a product has the next number."""

from __future__ import annotations

import enum

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict
from exchanges._sightings import saw

RECENT_MAX_DELTAS = 256
"""Numbers remembered to tell a repeat from numbers that went back."""

NONE = -1


class FirstDelta(enum.StrEnum):
    """What is done when the first delta after a snapshot has not the next number."""

    LOG = "log"
    ENFORCE = "enforce"


class FuturesBookRules:
    """Judge deltas and snapshots of one product by `seq`, in the order received on the connection that counts.

    PROTOCOLS 7.2.4 (!): between deltas the next number is enforced; from a snapshot to its first delta a
    mismatch is noted, and taken for a break only with `first_delta=ENFORCE`. No document gives the rule,
    and where snapshots were numbered apart, enforcing it would subscribe the book again without end.
    """

    def __init__(self, first_delta: FirstDelta = FirstDelta.LOG) -> None:
        """Choose what a mismatch after a snapshot means."""
        self.first_delta = first_delta

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by its number and move the state."""
        del first, prev
        if last <= state.last and last in state.recent:
            return DeltaVerdict.OLD
        broken = state.last not in (NONE, last - 1)
        after_snapshot = not state.recent  # a snapshot empties it
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_DELTAS]
        state.high = last
        if broken and after_snapshot:
            saw("PROTOCOLS 7.2.4 (!)", "the first book delta after a snapshot has not its seq + 1")
            broken = self.first_delta is FirstDelta.ENFORCE
        if broken:
            self.on_gap(state)
            state.last = last
            return DeltaVerdict.BREAK
        state.last = last
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Begin anew at a snapshot; the venue sends them in its stream alone.

        Numbers hold within one subscription (PROTOCOLS 1.4), so none from before tells a repeat.
        """
        del in_stream
        self.on_gap(state)
        state.recent = []
        state.valid = True
        state.last = last
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost. PROTOCOLS 7.2.4: subscribe again."""
        state.forget_chain()
