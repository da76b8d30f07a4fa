"""Let one connection count for kinds whose ids do not hold across connections (`Market.scoped_kinds`).

`switch` frames elect it; before the first one it is the connection heard first. Frames of the others
are no rows. A book is taken up at the next snapshot of the connection elected, and is not proven until
then; of other streams the frames after `Switch.since_ns` are rows.

A producer that replaces one of its own connections joins the two and says from when on (`since_ns`). Two
producers cannot: without ids nothing tells what both brought from what neither did. Then, unless the one
before was lost, the one elected counts `SWITCH_GUARD_NS` later, a book goes on with the old one until the
snapshot of the new, and a gap says so. Later than the switch, or than the newest frame that counted before
it in the log: a producer may be seconds late to publish, and what it says first then stands behind that.
"""

from __future__ import annotations

import msgspec

from agents._batch import SNAPSHOT
from agents._messages import STREAMS
from agents._operator import Operator
from agents._run import Run
from agents._turn import Hole, Turn
from exchanges import StreamKind
from schemas import GapEvidence, Switch, feed_of, is_of_feed

BOOK = StreamKind.BOOK.value
SWITCH_GUARD_NS = 500_000_000
"""Receive time by which one connection may lag behind another: for so long after a switch no frame counts."""


class Elected(msgspec.Struct):
    """Remember the connection that counts by stream, from when on, and whether its book is awaited.

    `counted_ns` is when the newest frame that counted was received. `heir` is to follow with its next snapshot
    of the book. `lost` are the streams of which the connection that counts has lost something since it was heard.
    """

    conns: dict[str, str] = {}
    since_ns: dict[str, int] = {}
    counted_ns: dict[str, int] = {}
    awaiting: bool = False
    asked: bool = False
    heir: str = ""
    lost: list[str] = []


def _stream(kind: str) -> str:
    return BOOK if kind == SNAPSHOT else kind


def _step(state: Elected, turn: Turn) -> None:
    market = turn.market
    if market is None or not market.scoped_kinds:
        return
    turn.elected = state.conns
    if isinstance(turn.message, Switch):
        for stream in sorted(STREAMS.intersection(turn.message.streams)):
            _elect(state, turn, stream, turn.message)
    elif isinstance(turn.message, GapEvidence):
        feed = feed_of(turn.batch.conns[turn.ordinal])
        told = [one for one in turn.message.streams if is_of_feed(feed_of(state.conns.get(one, feed)), feed)]
        state.lost = sorted({*state.lost, *told})
    elif turn.kind in market.scoped_kinds and (turn.kind != SNAPSHOT or turn.in_stream) and not _counts(state, turn):
        turn.effects.passed_over[turn.symbol.exchange, turn.symbol.market_name, turn.kind] += 1
        turn.drop()


def _elect(state: Elected, turn: Turn, stream: str, switch: Switch) -> None:
    before = state.conns.get(stream)
    joins = before in (None, switch.conn) or stream in state.lost or switch.since_ns > 0
    if stream == BOOK and not joins:
        state.heir, state.asked = switch.conn, False
        return
    state.conns[stream] = switch.conn
    if stream != BOOK:
        state.since_ns[stream] = switch.since_ns
        if not joins:
            state.since_ns[stream] = max(turn.received_ns, state.counted_ns.get(stream, 0)) + SWITCH_GUARD_NS
            turn.evidence[stream] = GapEvidence("switch", (stream,), from_ns=0, to_ns=state.since_ns[stream])
        return
    state.heir = ""
    if before not in (None, switch.conn):
        state.awaiting, state.asked = True, False
        turn.replaced = True


def _counts(state: Elected, turn: Turn) -> bool:
    stream, conn = _stream(turn.kind), turn.batch.conns[turn.ordinal]
    if stream == BOOK and conn == state.heir and not _succeeds(state, turn, conn):
        return False
    if state.conns.setdefault(stream, conn) != conn:
        return False
    if stream in state.lost:
        state.lost.remove(stream)
    if stream != BOOK:
        if turn.received_ns <= state.since_ns.get(stream, -1):
            return False
        state.counted_ns[stream] = max(turn.received_ns, state.counted_ns.get(stream, 0))
        return True
    if turn.kind == SNAPSHOT and turn.dead is None:
        state.awaiting = False
    elif state.awaiting and not state.asked:
        # The connection has begun without the snapshot that its book starts with.
        state.asked = True
        turn.ask_reseed()
    return not state.awaiting


def _succeeds(state: Elected, turn: Turn, conn: str) -> bool:
    """Let the heir follow with a snapshot; ask for one when it has begun without."""
    if turn.kind == SNAPSHOT and turn.dead is None:
        state.conns[BOOK], state.heir, state.awaiting = conn, "", False
        turn.holes.append(Hole(BOOK, "switch"))
        return True
    if not state.asked:
        state.asked = True
        turn.ask_reseed()
    return False


def _quiet(state: Elected, run: Run) -> Elected | None:
    market = run.market
    if market is None or not market.scoped_kinds:
        return state
    conns, times = run.batch.conns, run.batch.times
    counted_ns = dict(state.counted_ns)
    for kind in market.scoped_kinds.intersection(run.spans):
        conn, since_ns = state.conns.get(_stream(kind)), state.since_ns.get(kind, -1)
        if conn is None or (kind == BOOK and state.awaiting) or _stream(kind) in state.lost:
            return None
        for ordinal in run.ordinals(kind):
            if conns[ordinal] != conn or times[ordinal] <= since_ns:
                return None
        if _stream(kind) != BOOK:
            newest_ns = max(times[ordinal] for ordinal in run.ordinals(kind))
            counted_ns[kind] = max(newest_ns, counted_ns.get(kind, 0))
    return msgspec.structs.replace(state, counted_ns=counted_ns)


OPERATOR = Operator("elect_connections", 17, Elected, _step, _quiet)
