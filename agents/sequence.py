"""Prove the continuity of books by the venue's rules; drop repeated updates; ask for snapshots.

Every update received becomes rows, also those older than the snapshot. Only an update whose id was
taken already is a repeat and is dropped. A book that breaks stays broken until a snapshot splices.
"""

from __future__ import annotations

from operator import lt

import msgspec

from agents._batch import ENVELOPE, SNAPSHOT
from agents._messages import GAP
from agents._operator import Operator
from agents._run import Run
from agents._turn import Hole, Turn
from exchanges import BookRules, BookState, DeltaVerdict, SnapshotVerdict, StreamKind
from schemas import GapEvidence

BOOK = StreamKind.BOOK.value
TAKEN_MAX_DELTAS = 256
"""Update ids remembered per symbol, to tell a repeat."""

TAKEN_MAX_SNAPSHOTS = 16
"""Snapshot ids remembered per symbol, to tell a repeat."""

NO_ID = -1


class Sequence(msgspec.Struct):
    """Remember the venue's continuity state and the newest ids taken, in the order they came."""

    book: BookState = msgspec.field(default_factory=BookState)
    taken: list[int] = []
    snapshots: list[int] = []


def _step(state: Sequence, turn: Turn) -> None:
    market = turn.symbol.market
    if market is None:
        return
    if turn.kind == BOOK and turn.dead is None:
        _delta(state, turn, market.book_rules)
    elif turn.kind == SNAPSHOT and turn.dead is None:
        _snapshot(state, turn, market.book_rules)
    elif _breaks(state, turn):
        if state.taken:
            turn.next_ids[BOOK] = state.taken[-1] + 1
        market.book_rules.on_gap(state.book)
        turn.ask_reseed()
    elif turn.kind == SNAPSHOT and not state.book.valid:
        turn.ask_reseed()  # the snapshot that was to heal the book cannot be read


def _breaks(state: Sequence, turn: Turn) -> bool:
    if turn.kind == GAP and isinstance(turn.message, GapEvidence):
        return BOOK in turn.message.streams
    if turn.kind == BOOK:
        turn.holes.append(
            Hole(BOOK, "unreadable", state.taken[-1] + 1 if state.taken else None, detail="a frame of the book is dead")
        )
        return True
    return turn.kind == ENVELOPE and bool(state.taken or state.snapshots)


def _one(turn: Turn, column: str) -> int:
    cells = turn.cells(column)
    return NO_ID if not cells or cells[0] is None else cells[0]


def _delta(state: Sequence, turn: Turn, rules: BookRules) -> None:
    first, last, prev = _one(turn, "first_update_id"), _one(turn, "last_update_id"), _one(turn, "prev_update_id")
    book, taken = state.book, state.taken
    if last != NO_ID and taken and last <= taken[-1] and last in taken:
        turn.repeated()
        turn.drop_rows_of_frame()
        return
    before, was_valid, waited = book.last, book.valid, book.snapshot != NO_ID
    verdict = rules.on_delta(book, first, last, prev)
    pred = prev if prev != NO_ID else first - 1
    turn.fresh = True
    turn.spliced = book.valid and not was_valid
    if before == NO_ID:
        turn.chained_from = pred
    if verdict is DeltaVerdict.BREAK:
        # A snapshot that does not join an unbroken chain means another snapshot, not missing updates.
        if not (waited and before in (NO_ID, pred)):
            known = before != NO_ID and pred > before
            turn.holes.append(Hole(BOOK, "sequence", before + 1 if known else None, pred if known else None))
        turn.ask_reseed()
    elif waited and not book.valid and book.snapshot == NO_ID:
        turn.ask_reseed()
    if last != NO_ID:
        taken.append(last)
        del taken[:-TAKEN_MAX_DELTAS]


def _snapshot(state: Sequence, turn: Turn, rules: BookRules) -> None:
    last = _one(turn, "last_update_id")
    if last != NO_ID and last in state.snapshots:
        turn.repeated()
        turn.drop_rows_of_frame()
    elif last != NO_ID:
        state.snapshots.append(last)
        del state.snapshots[:-TAKEN_MAX_SNAPSHOTS]
    was_valid = state.book.valid
    verdict = rules.on_snapshot(state.book, last)
    turn.spliced = state.book.valid and not was_valid
    if verdict is SnapshotVerdict.STALE and not state.book.valid:
        turn.ask_reseed()


def _quiet(state: Sequence, run: Run) -> Sequence | None:
    if BOOK not in run.spans:
        return state
    held, taken = state.book, state.taken
    market = run.views[0].symbol.market
    if market is None or not taken or held.last == NO_ID or held.snapshot != NO_ID:
        return None
    lasts = run.cells(BOOK, "last_update_id")
    absent = [NO_ID] * len(lasts)
    firsts = run.cells(BOOK, "first_update_id") or absent
    prevs = run.cells(BOOK, "prev_update_id") or absent
    if not lasts or None in lasts or None in firsts or None in prevs:
        return None
    if lasts[0] <= taken[-1] or not all(map(lt, lasts, lasts[1:])):
        return None
    book = BookState(held.valid, held.last, held.snapshot, list(held.pending), list(held.recent))
    on_delta = market.book_rules.on_delta
    verdicts = [on_delta(book, *ids) for ids in zip(firsts, lasts, prevs, strict=True)]
    if DeltaVerdict.BREAK in verdicts or book.valid != held.valid:
        return None
    return Sequence(book, (taken + lasts)[-TAKEN_MAX_DELTAS:], state.snapshots)


OPERATOR = Operator("sequence", 30, Sequence, _step, _quiet)
