"""The questions a venue answers about continuity of a book; each venue has its own rules.

Both sides use them: the agent to declare gaps from the log, the producer to refetch fast.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec


class BookState(msgspec.Struct):
    """Remember what continuity needs; small and serialisable.

    `valid` is true from a spliced snapshot to the next break. `last` is the last update id seen,
    `snapshot` the id of a snapshot that waits for its splice, `pending` the (first, last, prev) ids
    of deltas seen since the chain began, kept until a snapshot is spliced and bounded by the rules.
    `recent` holds what tells the newest deltas (their ids, or a hash of all that tells them apart),
    so that a repeat is told from ids that went back; `high` is the last id of the newest delta taken.
    Neither a break nor a gap empties these two. `begun` and `begun_ns` are the id and the venue's time of
    the snapshot of the stream that the chain began with.
    """

    valid: bool = False
    last: int = -1
    snapshot: int = -1
    pending: list[tuple[int, int, int]] = []
    recent: list[int] = []
    high: int = -1
    begun: int = -1
    begun_ns: int = -1

    def has_begun_with(self, last: int, at_ns: int) -> bool:
        """Tell whether the valid chain began with this very snapshot: another connection brought it, too.

        The id alone does not tell where a venue counts anew after each restart; two of one time are one.
        """
        return self.valid and at_ns >= 0 and last >= 0 and (self.begun, self.begun_ns) == (last, at_ns)

    def begin_with(self, last: int, at_ns: int) -> None:
        """Note the snapshot of the stream that the rules have just taken, if the chain begins with it."""
        if self.valid and self.last == last:
            self.begun, self.begun_ns = last, at_ns

    def forget_chain(self) -> None:
        """Drop what proves the book: it is not valid, and no chain or snapshot waits for the next."""
        self.valid = False
        self.last = -1
        self.snapshot = -1
        self.pending = []


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

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot by the update id it stands at (-1 for none) and move the state.

        A snapshot that came on the book's own stream (`in_stream`) begins a new chain there and is
        SPLICED, unless its id is one the valid chain contains already.
        SPLICED means the book is valid: by this snapshot, or before it, in which case nothing
        changed. WAITING means a later delta must join it; a later snapshot that waits replaces it.
        STALE means it was not used and another has to be fetched.
        """
        ...

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost (disconnect, drop, restart)."""
        ...


class BookCheck(Protocol):
    """Prove a maintained book by what the venue says of it (a checksum). Pure.

    Sides are (price, size) best first, as exact decimals; `price_text` and `size_text` of a level are
    the texts the venue sent, for venues that sum texts.
    """

    def depth(self, stream: str) -> int | None:
        """Return the levels per side a stream keeps, so that others are cut off; None keeps all."""
        ...

    def checksum(self, bids: Sequence[BookLevel], asks: Sequence[BookLevel], definition: Precisions) -> int | None:
        """Return the sum of this book; None where it cannot be told (precisions unknown)."""
        ...


class CrossCheck(NamedTuple):
    """Say that a maintained book is broken once its best bid is not below its best ask.

    The agents look after every whole frame: what crosses within one is nothing. A snapshot that is
    crossed itself is what the venue has, and no loss; its book may be crossed until it was not once.
    `levels_max` are kept per side, the worst go first: that may hide a crossing and never invents one.
    `rule` is where PROTOCOLS asks for it.
    """

    rule: str
    levels_max: int


class BookLevel(NamedTuple):
    """Hold one level of a maintained book: numbers to compare, texts as sent."""

    price: Decimal
    size: Decimal
    price_text: str
    size_text: str


class Precisions(NamedTuple):
    """Hold the decimals of prices and sizes as the symbol's definition had them; None where unknown."""

    price_decimals: int | None
    size_decimals: int | None
