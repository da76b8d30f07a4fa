"""Prove the continuity of books by the venue's rules; drop repeated updates; ask for snapshots.

Every update received becomes rows, also those older than the snapshot. Only an update of which the
rules say that it was taken already is a repeat and is dropped. A book that breaks stays broken until
a snapshot splices it, or begins it anew in its own stream.

Where several connections serve the book, an update ahead of the chain does not break it yet, and a
snapshot ahead does not begin it anew: another connection may bring those between (follow_connections).
"""

from __future__ import annotations

import dataclasses

import msgspec

from agents._batch import ENVELOPE, SNAPSHOT
from agents._operator import Operator
from agents._run import Run
from agents._turn import Hole, Turn
from agents.follow_connections import LATE_WAIT_NS
from exchanges import BookRules, BookState, DeltaVerdict, Market, SnapshotVerdict, StreamKind

BOOK = StreamKind.BOOK.value
TAKEN_MAX_SNAPSHOTS = 16
"""Ids of REST snapshots remembered per symbol, to tell a repeat."""

AHEAD_MAX_DELTAS = 1024
"""Updates ahead of the chain that wait for those between; with more the book breaks."""

NO_ID = -1
Ids = tuple[int, int, int]
"""First, last and previous update id of a delta; `A_SNAPSHOT`, its id and `NO_ID` of a snapshot."""

A_SNAPSHOT = -2


class Sequence(msgspec.Struct):
    """Remember the venue's continuity state, the newest REST snapshots, and that there is a book.

    `ahead` are updates of one connection that wait for another's: the first jumped from `ahead_from_ns`
    to `ahead_ns`.
    """

    book: BookState = msgspec.field(default_factory=BookState)
    snapshots: list[int] = []
    heard: bool = False
    ahead: list[Ids] = []
    ahead_from_ns: int = 0
    ahead_ns: int = 0


def _step(state: Sequence, turn: Turn) -> None:
    market = turn.market
    if market is None:
        return
    turn.book = state.book
    if BOOK in turn.past and state.book.valid and state.book.last != NO_ID and not state.ahead:
        del turn.evidence[BOOK]  # the chain went on through the time it is about
    if BOOK in turn.evidence:
        _broken(state, turn, market.book_rules)
        _resume(state, market.book_rules)
    elif state.ahead and turn.received_ns - state.ahead_ns > LATE_WAIT_NS:
        _give_up(state, turn, market.book_rules)
    if turn.kind == BOOK and turn.dead is None:
        state.heard = True
        _delta(state, turn, market)
    elif turn.kind == SNAPSHOT and turn.dead is None:
        state.heard = True
        _snapshot(state, turn, market)
    elif _breaks(state, turn):
        _broken(state, turn, market.book_rules)
    elif turn.replaced:
        # The book goes on with another connection's snapshot; the producer asked for it already.
        market.book_rules.on_gap(state.book)
        turn.broke = True
    elif turn.kind == SNAPSHOT and not state.book.valid:
        turn.ask_reseed()  # the snapshot that was to heal the book cannot be read


def _broken(state: Sequence, turn: Turn, rules: BookRules) -> None:
    expected = _expected(state.book)
    if expected is not None:
        turn.next_ids[BOOK] = expected
    rules.on_gap(state.book)
    turn.broke = True
    turn.ask_reseed()


def _expected(book: BookState) -> int | None:
    """Return the id after the newest: of the chain, else of the newest delta taken; None where there are none."""
    newest = book.last if book.last != NO_ID else book.high
    return None if newest == NO_ID else newest + 1


def _breaks(state: Sequence, turn: Turn) -> bool:
    if turn.kind == BOOK or turn.in_stream:
        # A snapshot of the stream that cannot be read replaced a book that nobody knows.
        detail = "a frame of the book is dead"
        turn.holes.append(Hole(BOOK, "unreadable", _expected(state.book), detail=detail))
        return True
    return turn.kind == ENVELOPE and state.heard


def _one(turn: Turn, column: str) -> int:
    cells = turn.cells(column)
    return NO_ID if not cells or cells[0] is None else cells[0]


def _delta(state: Sequence, turn: Turn, market: Market) -> None:
    ids = _one(turn, "first_update_id"), _one(turn, "last_update_id"), _one(turn, "prev_update_id")
    if ids in state.ahead:
        turn.repeated()
        turn.drop_rows_of_frame()
        return
    if _may_wait(turn, market) and _is_ahead(state.book, ids, market.book_rules):
        _wait(state, turn, ids)
        if len(state.ahead) > AHEAD_MAX_DELTAS:
            _give_up(state, turn, market.book_rules)
        return
    # What another connection brought before the book broke may come once more: it is the chain's, and a repeat.
    again = not state.book.valid and ids[1] != NO_ID and ids[1] in state.book.recent
    verdict = _judge(state, turn, market.book_rules, ids)
    turn.applied = verdict is DeltaVerdict.APPLIED
    if again or verdict is DeltaVerdict.OLD:
        turn.repeated()
        turn.drop_rows_of_frame()
    while state.ahead and not _is_ahead(state.book, state.ahead[0], market.book_rules):
        ids = state.ahead.pop(0)
        if ids[0] != A_SNAPSHOT:  # a snapshot that the chain contains changes nothing
            _judge(state, turn, market.book_rules, ids)


def _may_wait(turn: Turn, market: Market) -> bool:
    """Tell whether others may bring what lies before this frame. A book that is kept takes levels at once or never."""
    return turn.overlaps and not market.keeps_book


def _pred(ids: Ids) -> int:
    first, _, prev = ids
    return first - 1 if prev == NO_ID and first != NO_ID else prev


def _is_ahead(book: BookState, ids: Ids, rules: BookRules) -> bool:
    """Tell whether updates between the chain and this one have not come."""
    if book.last == NO_ID or ids[1] <= book.last:
        return False
    return ids[0] == A_SNAPSHOT or rules.on_delta(_copy(book), *ids) is DeltaVerdict.BREAK


def _copy(book: BookState) -> BookState:
    return msgspec.structs.replace(book, pending=list(book.pending), recent=list(book.recent))


def _wait(state: Sequence, turn: Turn, ids: Ids) -> None:
    if not state.ahead:
        state.ahead_from_ns, state.ahead_ns = turn.previous_ns, turn.received_ns
    state.ahead.append(ids)
    turn.fresh = True


def _give_up(state: Sequence, turn: Turn, rules: BookRules) -> None:
    """Break the book where it waited: no connection has brought in time what lies between."""
    first, ids = len(turn.holes), state.ahead.pop(0)
    if ids[0] == A_SNAPSHOT:
        turn.holes.append(Hole(BOOK, "sequence", state.book.last + 1, ids[1]))
        _broken(state, turn, rules)
    else:
        _judge(state, turn, rules, ids)
    turn.holes[first:] = [dataclasses.replace(hole, from_ns=state.ahead_from_ns) for hole in turn.holes[first:]]
    _resume(state, rules)


def _resume(state: Sequence, rules: BookRules) -> None:
    """Go on with what was ahead, as the chain of a book that is broken."""
    for ids in state.ahead:
        if ids[0] != A_SNAPSHOT:  # the one asked for begins the book
            rules.on_delta(state.book, *ids)
    state.ahead = []


def _judge(state: Sequence, turn: Turn, rules: BookRules, ids: Ids) -> DeltaVerdict:
    book, pred = state.book, _pred(ids)
    before, was_valid, waited = book.last, book.valid, book.snapshot != NO_ID
    verdict = rules.on_delta(book, *ids)
    if verdict is DeltaVerdict.OLD:
        return verdict
    turn.fresh = True
    turn.spliced = turn.spliced or (book.valid and not was_valid)
    if before == NO_ID and pred != NO_ID:
        turn.chained_from = pred
    if verdict is DeltaVerdict.BREAK:
        turn.broke = True
        # A snapshot that does not join an unbroken chain means another snapshot, not missing updates.
        if not (waited and before in (NO_ID, pred)):
            known = before != NO_ID and pred > before
            turn.holes.append(Hole(BOOK, "sequence", before + 1 if known else None, pred if known else None))
        turn.ask_reseed()
    elif waited and not book.valid and book.snapshot == NO_ID:
        turn.ask_reseed()
    return verdict


def _snapshot(state: Sequence, turn: Turn, market: Market) -> None:
    last, in_stream = _one(turn, "last_update_id"), turn.in_stream
    if last != NO_ID and not in_stream:
        if last in state.snapshots:
            turn.repeated()
            turn.drop_rows_of_frame()
        else:
            state.snapshots.append(last)
            del state.snapshots[:-TAKEN_MAX_SNAPSHOTS]
    at_ns = _one(turn, "exchange_ns")
    if in_stream and BOOK not in market.scoped_kinds and state.book.has_begun_with(last, at_ns):
        turn.repeated()
        turn.drop_rows_of_frame()
        return
    was_valid, before = state.book.valid, state.book.last
    ahead = in_stream and was_valid and NO_ID < before < last
    if ahead and _may_wait(turn, market):
        _wait(state, turn, (A_SNAPSHOT, last, NO_ID))
        return
    if ahead and turn.continues:
        # The stream was asked for again though the book was whole: what came meanwhile is in the snapshot alone.
        turn.holes.append(Hole(BOOK, "sequence", before + 1, last, detail="a snapshot came ahead of its updates"))
    verdict = market.book_rules.on_snapshot(state.book, last, in_stream=in_stream)
    if in_stream:
        state.book.begin_with(last, at_ns)
    turn.spliced = state.book.valid and (in_stream or not was_valid)
    # The levels of a snapshot that the chain contains are behind the book.
    turn.begun = in_stream and turn.spliced and last in (NO_ID, state.book.last)
    if in_stream and not was_valid and last != NO_ID:
        turn.chained_from = last
    if verdict is SnapshotVerdict.STALE and not state.book.valid:
        turn.ask_reseed()


def _quiet(state: Sequence, run: Run) -> Sequence | None:
    if BOOK not in run.spans:
        return state
    held, market = state.book, run.market
    if market is None or held.snapshot != NO_ID or state.ahead:
        return None
    columns = [_ids(run, name) for name in ("first_update_id", "last_update_id", "prev_update_id")]
    book = _copy(held)
    on_delta = market.book_rules.on_delta
    if not held.valid and not set(columns[1]).isdisjoint(held.recent):
        return None
    verdicts = [on_delta(book, *ids) for ids in zip(*columns, strict=True)]
    if DeltaVerdict.BREAK in verdicts or DeltaVerdict.OLD in verdicts or book.valid != held.valid:
        return None
    if held.valid and DeltaVerdict.BUFFERED in verdicts:
        return None  # not all levels of the run are the book's
    return Sequence(book, state.snapshots, heard=True)


def _ids(run: Run, column: str) -> list[int]:
    cells = run.cells(BOOK, column)
    if not cells:
        return [NO_ID] * run.count(BOOK)
    return [NO_ID if cell is None else cell for cell in cells] if None in cells else cells


OPERATOR = Operator("sequence", 30, Sequence, _step, _quiet)
