"""Write gap rows: what opened each gap, its bounds, and what ended it.

One gap per stream is open at a time; later evidence before recovery joins it. Revision 0 is written
when it opens, 1 when it closes, 2 when each of its missing ids arrived late, was fetched, or is
proven never to have existed.
"""

from __future__ import annotations

import hashlib

import msgspec

from agents._batch import ENVELOPE
from agents._messages import ALIVE, STREAMS
from agents._operator import Operator
from agents._run import Run
from agents._turn import Hole, Turn
from exchanges import BACKFILL, StreamKind
from schemas import Alive, GapEvidence

BOOK = StreamKind.BOOK.value
CLOSED_MAX_GAPS = 64
"""Closed gaps with missing ids remembered per symbol, so that late ids can resolve them."""

FRAMES_UNKNOWN = -1
GAP_ID_BYTES = 16


class Gap(msgspec.Struct):
    """Remember one gap; `trusted_ns` is when its stream was declared sound again, 0 if not yet."""

    gap_id: str
    stream: str
    cause: str
    from_ns: int
    from_id: int | None = None
    to_id: int | None = None
    frames_missing: int = FRAMES_UNKNOWN
    detail: str = ""
    trusted_ns: int = 0
    to_ns: int = 0
    ids_left: int = 0


class Gaps(msgspec.Struct):
    """Remember open gaps by stream, closed ones that late ids may still fill, and when streams were heard."""

    open: dict[str, Gap] = {}
    closed: list[Gap] = []
    heard: dict[str, int] = {}


def _step(state: Gaps, turn: Turn) -> None:
    for stream in turn.returned.intersection(state.open):
        gap = state.open[stream]
        gap.trusted_ns = min(gap.trusted_ns, max(turn.received_ns, gap.from_ns))
    for stream, evidence in turn.evidence.items():
        _evidence(state, turn, stream, evidence)
    for hole in turn.holes:
        if hole.stream == BOOK:
            _opened(state, turn, hole, hole.from_ns)
        else:
            _numbered(state, turn, hole)
    if turn.kind == ALIVE and isinstance(turn.message, Alive):
        for stream in turn.message.streams:
            _alive(state, turn, stream)
    elif turn.kind == ENVELOPE:
        for stream in sorted(state.heard):
            _opened(state, turn, Hole(stream, "unreadable", turn.next_ids.get(stream), detail="a raw record is dead"))
    else:
        _data(state, turn)


def _data(state: Gaps, turn: Turn) -> None:
    stream = turn.kind
    _chain(state, turn)
    if stream in state.open and stream != BOOK and turn.fresh:
        _closed(state, turn, stream, "next")
    if turn.spliced and BOOK in state.open:
        _closed(state, turn, BOOK, "snapshot")
    for one in turn.late_ids:
        _found(state, turn, one, one, "backfill" if turn.kind == BACKFILL else "late")
    for first, last in turn.absent_ids:
        _found(state, turn, first, last, "absent")
    if stream in STREAMS and turn.dead is None:
        state.heard[stream] = turn.received_ns


def _evidence(state: Gaps, turn: Turn, stream: str, evidence: GapEvidence) -> None:
    is_over = stream in turn.past and stream not in state.open and stream != BOOK
    hole = Hole(stream, evidence.cause, turn.next_ids.get(stream), detail=evidence.detail)
    gap = _opened(state, turn, hole, evidence.from_ns)
    gap.trusted_ns = evidence.to_ns
    if evidence.frames_missing >= 0:
        gap.frames_missing = max(gap.frames_missing, 0) + evidence.frames_missing
    if is_over:
        _closed(state, turn, stream, "next")


def _opened(state: Gaps, turn: Turn, hole: Hole, from_ns: int = 0) -> Gap:
    """Open a gap or join the one that is open; a break of the book is also told on its own topic."""
    if hole.stream == BOOK:
        turn.emit("md.book", kind="gap", reason=hole.cause, first_update_id=hole.from_id, last_update_id=hole.to_id)
    gap = state.open.get(hole.stream)
    if gap is not None:
        if hole.to_id is not None:
            gap.from_id = hole.from_id if gap.from_id is None else gap.from_id
            gap.to_id = hole.to_id
        return gap
    gap = Gap(
        _gap_id(turn, hole),
        hole.stream,
        hole.cause,
        from_ns or state.heard.get(hole.stream) or turn.received_ns,
        hole.from_id,
        hole.to_id,
        detail=hole.detail,
    )
    state.open[hole.stream] = gap
    _write(turn, gap, revision=0)
    return gap


def _gap_id(turn: Turn, hole: Hole) -> str:
    symbol = turn.symbol
    # Only holes between rows of one frame can share a position; their first id tells them apart.
    within = "" if hole.leading else f".{hole.from_id}"
    text = f"{symbol.exchange}.{symbol.market_name}.{symbol.native}|{hole.stream}|{turn.position}{within}"
    return hashlib.blake2b(text.encode(), digest_size=GAP_ID_BYTES).hexdigest()


def _numbered(state: Gaps, turn: Turn, hole: Hole) -> None:
    """Declare ids missing before a row that has arrived: the gap ends with it."""
    gap = _opened(state, turn, hole, hole.from_ns)
    gap.from_id, gap.to_id = hole.from_id, hole.to_id
    gap.trusted_ns = hole.to_ns or gap.trusted_ns
    _closed(state, turn, hole.stream, "next")


def _chain(state: Gaps, turn: Turn) -> None:
    """Take the upper bound of a book's gap from the frame that begins the new chain."""
    gap = state.open.get(BOOK)
    if gap is None or turn.chained_from is None or gap.from_id is None or gap.to_id is not None:
        return
    if turn.chained_from >= gap.from_id:
        gap.to_id = turn.chained_from


def _alive(state: Gaps, turn: Turn, stream: str) -> None:
    gap = state.open.get(stream)
    if gap is None:
        return
    market = turn.market
    parser = market.parsers.get(stream) if market else None
    if stream != BOOK and (parser is None or not parser.contiguous):
        _closed(state, turn, stream, "alive")
    elif gap.trusted_ns == 0:
        gap.trusted_ns = turn.received_ns


def _closed(state: Gaps, turn: Turn, stream: str, resolved_by: str) -> None:
    gap = state.open.pop(stream)
    gap.to_ns = turn.received_ns if stream == BOOK else gap.trusted_ns or turn.received_ns
    if stream != BOOK and gap.from_id is not None:
        if gap.to_id is None:
            gap.from_id = None  # the stream went on at the id expected: nothing is missing
        else:
            gap.ids_left = gap.to_id - gap.from_id + 1
            state.closed.append(gap)
            del state.closed[:-CLOSED_MAX_GAPS]
        _write(turn, gap, revision=1, resolved_by=resolved_by, ids_missing=gap.ids_left)
        return
    _write(turn, gap, revision=1, resolved_by=resolved_by)


def _found(state: Gaps, turn: Turn, first: int, last: int, how: str) -> None:
    """Take ids that are not missing any more out of the closed gaps they were missing from."""
    for gap in list(state.closed):
        if gap.stream != turn.stream or gap.from_id is None or gap.to_id is None:
            continue
        found = min(gap.to_id, last) - max(gap.from_id, first) + 1
        if found <= 0:
            continue
        gap.ids_left -= found
        if gap.ids_left <= 0:
            state.closed.remove(gap)
            _write(turn, gap, revision=2, resolved_by=how, ids_missing=0)


def _write(
    turn: Turn, gap: Gap, *, revision: int, resolved_by: str | None = None, ids_missing: int | None = None
) -> None:
    turn.emit(
        "md.gaps",
        gap_id=gap.gap_id,
        revision=revision,
        stream=gap.stream,
        cause=gap.cause,
        from_ns=gap.from_ns,
        to_ns=gap.to_ns if revision else None,
        from_id=gap.from_id,
        to_id=gap.to_id,
        ids_missing=ids_missing,
        frames_missing=None if gap.frames_missing == FRAMES_UNKNOWN else gap.frames_missing,
        resolved_by=resolved_by,
        detail=gap.detail or None,
    )


def _quiet(state: Gaps, run: Run) -> Gaps | None:
    if state.open and not state.open.keys().isdisjoint(run.spans):
        return None
    heard = dict(state.heard)
    for kind in run.spans:
        heard[kind] = run.last_received_ns(kind)
    return Gaps(state.open, state.closed, heard)


OPERATOR = Operator("declare_gaps", 50, Gaps, _step, _quiet)
