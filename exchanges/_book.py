"""The questions a venue answers about continuity of a book; each venue has its own rules.

Both sides use them: the agent to declare gaps from the log, the producer to refetch fast.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec


class BookState(msgspec.Struct):
    """Remember what continuity needs; small and serialisable.

    `valid` is true from a spliced snapshot to the next break. `last` is the last update id seen,
    `snapshot` the id of a snapshot that waits for its splice, `pending` the (first, last, prev) ids
    of deltas seen since the chain began, kept until a snapshot is spliced and bounded by the rules.
    `recent` holds the ids of the newest deltas, so that a repeat is told from ids that went back;
    neither a break nor a gap empties it.
    """

    valid: bool = False
    last: int = -1
    snapshot: int = -1
    pending: list[tuple[int, int, int]] = []
    recent: list[int] = []


class DeltaVerdict(enum.Enum):
    """What a delta means for continuity."""

    APPLIED = "applied"
    BUFFERED = "buffered"
    OLD = "old"
    BREAK = "break"


class SnapshotVerdict(enum.Enum):
    """What a snapshot means for continuity: STALE ones must be fetched again."""

    SPLICED = "spliced"
    WAITING = "waiting"
    STALE = "stale"


class BookRules(Protocol):
    """Judge deltas and snapshots of one symbol in log order; pure but for the state passed in."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta by its ids (-1 where the venue sends none) and move the state.

        BREAK means ids between `state.last` before the call and this delta are missing, or those
        between a waiting snapshot and this delta; the state then starts a new chain at this delta
        and is invalid until a snapshot is spliced: one has to be fetched.
        OLD means that this very delta was taken before and lies behind the chain: a repeat.
        BUFFERED means that the chain goes on and a snapshot is awaited; also for a delta that the
        waiting snapshot contains. APPLIED means that the book is valid with this delta, which may
        be the one that splices a waiting snapshot.
        """
        ...

    def on_snapshot(self, state: BookState, last: int) -> SnapshotVerdict:
        """Judge one snapshot by the update id it stands at and move the state.

        SPLICED means the book is valid: by this snapshot, or before it, in which case nothing
        changed. WAITING means a later delta must join it; a later snapshot that waits replaces it.
        STALE means it was not used and another has to be fetched.
        """
        ...

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost (disconnect, drop, restart)."""
        ...
