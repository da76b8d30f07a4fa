"""Let one connection count for kinds whose ids do not hold across connections (`Market.scoped_kinds`).

`switch` frames elect it; before the first one it is the connection heard first. Frames of the others
are no rows. A book is taken up at the next snapshot of the connection elected, and is not proven until
then; of other streams the frames after `Switch.since_ns` are rows.

A producer that replaces one of its own connections joins the two and says from when on (`since_ns`). Two
replicas of one feed cannot: without ids nothing tells what both brought from what neither did. Then, unless
the one before was lost, the one elected counts `SWITCH_GUARD_NS` later, a book goes on with the old one until
the snapshot of the new, and a gap says so. Later than the switch, or than the newest frame that counted before
it in the log: a producer may be seconds late to publish, and what it says first then stands behind that.

A connection of another feed is a spare (`_spares`): while the one that counts lives, no switch of its producer
elects it. It takes over when the other's producer says that it lost the stream, or when it brings for
`TAKE_OVER_NS` what the other does not. From its first frame after the newest that counted nothing is missing;
what it brought before it took over, and had not counted, is a gap. A book needs its next snapshot besides.
"""

from __future__ import annotations

import msgspec

from agents._batch import SNAPSHOT
from agents._messages import STREAMS
from agents._operator import Operator
from agents._run import Run
from agents._spares import SWITCH_GUARD_NS, Counted, Spare, digest_of, is_of_another
from agents._turn import Hole, Turn
from agents.follow_connections import LIVING_NS
from exchanges import Market, StreamKind
from schemas import Alive, GapEvidence, Switch, feed_of, is_of_feed

BOOK = StreamKind.BOOK.value
TAKE_OVER_NS = 5_000_000_000
"""Receive time for which a spare brings what the connection that counts does not, before it takes over."""


class Joining(msgspec.Struct):
    """Hold evidence that stands if the spare goes on with another frame than the one after the newest counted."""

    evidence: GapEvidence
    skipped: bool = False


class Elected(msgspec.Struct):
    """Remember, by stream, the connection that counts, since when, what counted last, and the spare.

    `heard_ns` is when that connection's feed was heard last besides: by a switch, by a sign of life. `heir` is
    to follow with its next snapshot of the book. `lost` are the streams of which the connection that counts has
    lost something since it was heard. `joining` are streams that a spare took over without the newest frame
    that counted before.
    """

    conns: dict[str, str] = {}
    since_ns: dict[str, int] = {}
    heard_ns: dict[str, int] = {}
    counted: dict[str, Counted] = {}
    spares: dict[str, Spare] = {}
    joining: dict[str, Joining] = {}
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
    if isinstance(turn.message, Switch | GapEvidence | Alive):
        _told(state, turn, turn.message, market.scoped_kinds)
    elif turn.kind in market.scoped_kinds and (turn.kind != SNAPSHOT or turn.in_stream) and not _counts(state, turn):
        turn.effects.passed_over[turn.symbol.exchange, turn.symbol.market_name, turn.kind] += 1
        if turn.evidence:
            turn.drop_rows_of_frame()  # what it proves is for later operators
        else:
            turn.drop()


def _told(state: Elected, turn: Turn, message: Switch | GapEvidence | Alive, scoped: frozenset[str]) -> None:
    """Take what a producer says of streams."""
    if isinstance(message, Switch):
        for stream in sorted(STREAMS.intersection(message.streams)):
            _elect(state, turn, stream, message)
        return
    for stream in sorted(scoped.intersection(message.streams)):
        if isinstance(message, GapEvidence):
            _lose(state, turn, stream, message)
        else:
            _alive(state, turn, stream)


def _elect(state: Elected, turn: Turn, stream: str, switch: Switch) -> None:
    before = state.conns.get(stream)
    if before is not None and _is_spare(state, turn, stream, before, switch.conn):
        state.spares[stream] = Spare(switch.conn, turn.received_ns)
        return
    joins = before in (None, switch.conn) or stream in state.lost or switch.since_ns > 0
    if stream == BOOK and not joins:
        state.heir, state.asked = switch.conn, False
        return
    _let_count(state, turn, stream, switch.conn)
    if stream != BOOK:
        state.since_ns[stream] = switch.since_ns
        if not joins:
            counted = state.counted.get(stream)
            state.since_ns[stream] = max(turn.received_ns, counted.at_ns if counted else 0) + SWITCH_GUARD_NS
            turn.evidence[stream] = GapEvidence("switch", (stream,), from_ns=0, to_ns=state.since_ns[stream])
        return
    state.heir = ""
    if before not in (None, switch.conn):
        state.awaiting, state.asked = True, False
        turn.replaced = True


def _is_spare(state: Elected, turn: Turn, stream: str, before: str, conn: str) -> bool:
    """Tell whether another feed's connection counts for a stream and lives."""
    if stream in state.lost or not is_of_another(before, conn):
        return False
    counted = state.counted.get(stream)
    heard_ns = max(state.heard_ns.get(stream, 0), counted.at_ns if counted else 0)
    return turn.received_ns - heard_ns <= LIVING_NS


def _let_count(state: Elected, turn: Turn, stream: str, conn: str) -> None:
    """Let a connection count from here on; what still waited for the one before stands."""
    if stream in state.joining and state.conns.get(stream) != conn:
        turn.evidence[stream] = state.joining.pop(stream).evidence
    spare = state.spares.get(stream)
    if spare is not None and not is_of_another(spare.conn, conn):
        del state.spares[stream]
    state.conns[stream], state.heard_ns[stream] = conn, turn.received_ns


def _lose(state: Elected, turn: Turn, stream: str, evidence: GapEvidence) -> None:
    """Take what a producer says of a loss: its own connection's, or the spare's."""
    feed = feed_of(turn.batch.conns[turn.ordinal])
    conn, spare, counted = state.conns.get(stream), state.spares.get(stream), state.counted.get(stream)
    if spare is not None and spare.is_of(feed):
        del state.spares[stream]
    if conn is not None and not is_of_feed(feed_of(conn), feed):
        return
    is_past = counted is not None and 0 < evidence.to_ns <= counted.at_ns
    if counted is not None and counted.conn != conn:
        if is_past:
            return  # what it lost as a spare
        # What the one before brought last counted later than this one was heard.
        waiting = state.joining.pop(stream, None)
        from_ns = counted.at_ns if waiting else max(evidence.from_ns, counted.at_ns)
        evidence = msgspec.structs.replace(evidence, from_ns=from_ns)
    turn.evidence[stream] = evidence
    spare = state.spares.get(stream)
    if spare is None or counted is None or is_past or not spare.lives(turn.received_ns):
        state.lost = sorted({*state.lost, stream})
    elif stream == BOOK:
        state.lost = sorted({*state.lost, stream})
        state.heir, state.asked = spare.conn, False
    else:
        _take_over(state, turn, stream, spare, counted)


def _take_over(state: Elected, turn: Turn, stream: str, spare: Spare, counted: Counted) -> None:
    """Let the spare count: its next frame is a row if it follows on the newest that counted."""
    told = turn.evidence.pop(stream)
    evidence = msgspec.structs.replace(told, streams=(stream,), from_ns=counted.until_ns, to_ns=0)
    _let_count(state, turn, stream, spare.conn)
    state.since_ns.pop(stream, None)
    if spare.ahead(counted):
        turn.evidence[stream] = evidence
    elif spare.place(counted) is None:
        # A spare that began after the newest that counted may have brought what follows, even before that came.
        state.joining[stream] = Joining(evidence, any(at_ns > counted.alive_ns for _, at_ns in spare.frames))


def _alive(state: Elected, turn: Turn, stream: str) -> None:
    """Take a sign of life: what was sent until lately its feed has brought."""
    feed, now_ns = feed_of(turn.batch.conns[turn.ordinal]), turn.received_ns
    spare, counted, conn = state.spares.get(stream), state.counted.get(stream), state.conns.get(stream)
    if spare is not None and spare.is_of(feed):
        spare.heard_ns = max(spare.heard_ns, now_ns)
    if conn is not None and is_of_feed(feed_of(conn), feed):
        state.heard_ns[stream] = max(state.heard_ns.get(stream, 0), now_ns)
        if counted is not None and counted.conn == conn:
            counted.alive_ns = max(counted.alive_ns, now_ns - SWITCH_GUARD_NS)


def _counts(state: Elected, turn: Turn) -> bool:
    stream, conn = _stream(turn.kind), turn.batch.conns[turn.ordinal]
    if stream == BOOK and conn == state.heir and not _succeeds(state, turn, conn):
        _spared(state, turn, stream, conn)
        return False
    if state.conns.setdefault(stream, conn) != conn and not _spared(state, turn, stream, conn):
        return False
    if not _joins(state, turn, stream):
        return False
    if stream in state.lost:
        state.lost.remove(stream)
    if stream != BOOK and turn.received_ns <= state.since_ns.get(stream, -1):
        return False
    if turn.kind == SNAPSHOT and turn.dead is None:
        state.awaiting = False
    if stream == BOOK and state.awaiting:
        if not state.asked:
            # The connection has begun without the snapshot that its book starts with.
            state.asked = True
            turn.ask_reseed()
        return False
    state.counted[stream] = _newest(state, turn.market, stream, conn, turn.received_ns, turn.payload)
    return True


def _newest(state: Elected, market: Market | None, stream: str, conn: str, at_ns: int, payload: bytes) -> Counted:
    before, digest = state.counted.get(stream), digest_of(market, payload)
    return before.then(conn, at_ns, digest) if before is not None else Counted(conn, at_ns, digest)


def _spared(state: Elected, turn: Turn, stream: str, conn: str) -> bool:
    """Take note of a frame that does not count; tell whether its connection takes over with it."""
    spare, counted, now_ns = state.spares.get(stream), state.counted.get(stream), turn.received_ns
    if not is_of_another(conn, state.conns[stream]):
        return False
    if spare is None or (spare.conn != conn and not spare.lives(now_ns)):
        spare = state.spares[stream] = Spare(conn, now_ns)
    if spare.conn != conn:
        return False
    spare.heard(digest_of(turn.market, turn.payload), now_ns, counted)
    ahead_ns = spare.ahead(counted) if counted is not None else 0
    if counted is None or not ahead_ns or now_ns - ahead_ns < TAKE_OVER_NS:
        return False
    turn.evidence[stream] = GapEvidence("switch", (stream,), from_ns=counted.until_ns)
    _let_count(state, turn, stream, conn)
    state.since_ns.pop(stream, None)
    if stream == BOOK:
        state.heir, state.awaiting, state.asked = "", True, True  # what breaks the book asks for a snapshot
    return True


def _joins(state: Elected, turn: Turn, stream: str) -> bool:
    """Find where a spare that took over goes on; what it brings until then counted already, or may have."""
    waiting, counted = state.joining.get(stream), state.counted.get(stream)
    if waiting is None or counted is None:
        return True
    if counted.is_same(digest_of(turn.market, turn.payload), turn.received_ns):
        del state.joining[stream]
        return False
    if turn.received_ns <= counted.at_ns + SWITCH_GUARD_NS:
        waiting.skipped = True
        return False
    del state.joining[stream]
    if waiting.skipped:
        turn.evidence[stream] = waiting.evidence
    return True


def _succeeds(state: Elected, turn: Turn, conn: str) -> bool:
    """Let the heir follow with a snapshot; ask for one when it has begun without."""
    if turn.kind == SNAPSHOT and turn.dead is None:
        _let_count(state, turn, BOOK, conn)
        state.heir, state.awaiting = "", False
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
    counted = dict(state.counted)
    for kind in market.scoped_kinds.intersection(run.spans):
        stream = _stream(kind)
        conn, since_ns = state.conns.get(stream), state.since_ns.get(kind, -1)
        if conn is None or kind == SNAPSHOT or (kind == BOOK and state.awaiting):
            return None
        if stream in state.lost or stream in state.joining:
            return None
        for ordinal in run.ordinals(kind):
            if conns[ordinal] != conn or times[ordinal] <= since_ns:
                return None
        newest_ns = max(times[ordinal] for ordinal in run.ordinals(kind))
        counted[stream] = _newest(state, market, stream, conn, newest_ns, run.last_payload(kind))
    return msgspec.structs.replace(state, counted=counted)


OPERATOR = Operator("elect_connections", 17, Elected, _step, _quiet)
