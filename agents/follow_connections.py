"""Tell whether several connections serve a stream at once, so that one may yet bring what another jumps over.

Connections overlap in planned reconnects, handovers between replicas and redundant feeds. Each brings
its ids in order, but in the log they interleave: the first frame of a new connection may stand before
the last ones of the old. A jump is evidence only where one connection serves the stream; otherwise it
waits `LATE_WAIT_NS` of receive time for the others. Evidence of a loss ends all of them, unless it is
of a time whose end it knows and after which the stream was heard: then ids may prove that nothing was missed.
"""

from __future__ import annotations

import msgspec

from agents._batch import SNAPSHOT
from agents._messages import STREAMS
from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn
from exchanges import StreamKind
from schemas import GapEvidence

BOOK = StreamKind.BOOK.value
LIVING_NS = 15_000_000_000
"""A connection counts as living so long after its last frame of the stream."""

LATE_WAIT_NS = 10_000_000_000
"""What one connection jumped over is missing when the others have not brought it so much later."""

CONNECTIONS_MAX = 8
"""Connections remembered per stream; the one not heard for longest goes first."""


class Connections(msgspec.Struct):
    """Remember when each connection was heard last, by stream."""

    streams: dict[str, dict[str, int]] = {}


def _step(state: Connections, turn: Turn) -> None:
    told_ns = turn.message.to_ns if isinstance(turn.message, GapEvidence) else 0
    for stream in turn.evidence:
        if 0 < told_ns <= max(state.streams.get(stream, {}).values(), default=0):
            turn.past.add(stream)
        else:
            state.streams.pop(stream, None)
    stream = BOOK if turn.kind == SNAPSHOT and turn.in_stream else turn.kind
    if stream not in STREAMS or turn.dead is not None:
        return
    conn, at_ns = turn.batch.conns[turn.ordinal], turn.received_ns
    heard = state.streams.setdefault(stream, {})
    turn.previous_ns = max(heard.values(), default=0)
    turn.continues = conn in heard and heard[conn] == turn.previous_ns
    turn.overlaps = any(other != conn and at_ns - last_ns <= LIVING_NS for other, last_ns in heard.items())
    heard[conn] = at_ns
    while len(heard) > CONNECTIONS_MAX:
        del heard[min(heard, key=lambda one: heard[one])]


def _quiet(state: Connections, run: Run) -> Connections | None:
    streams, conns = dict(state.streams), run.batch.conns
    for kind in run.spans:
        if kind not in STREAMS:
            continue
        first = run.first_ordinal(kind)
        conn, first_ns = conns[first], run.batch.times[first]
        if not run.is_of_one and any(conns[ordinal] != conn for ordinal in run.ordinals(kind)):
            return None
        heard = streams.get(kind, {})
        for other, last_ns in heard.items():
            if other != conn and first_ns - last_ns <= LIVING_NS:
                return None
        streams[kind] = {**heard, conn: run.last_received_ns(kind)}
        if len(streams[kind]) > CONNECTIONS_MAX:
            return None
    return Connections(streams)


OPERATOR = Operator("follow_connections", 24, Connections, _step, _quiet)
