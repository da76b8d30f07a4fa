"""Drop frames delivered twice: by a spool that was drained again, or by a producer's retry.

A frame's identity is its connection, its number on it and its part. Numbers of one connection only
rise within a symbol, so the last one per connection tells a repeat, also for kinds without ids.
"""

from __future__ import annotations

from itertools import islice
from operator import lt

import msgspec

from agents._batch import ENVELOPE
from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn

CONNECTIONS_MAX = 64
"""Connections remembered per symbol; the least recently used goes first."""


class FramesSeen(msgspec.Struct):
    """Remember the last frame of each connection, the most recently used connection last."""

    last: dict[str, int] = {}


def _step(state: FramesSeen, turn: Turn) -> None:
    if turn.kind == ENVELOPE:  # it stands for a record and has no identity
        return
    conn = turn.batch.conns[turn.ordinal]
    identity = turn.batch.identities[turn.ordinal]
    last = state.last.pop(conn, -1)
    state.last[conn] = max(identity, last)
    if identity <= last:
        turn.repeated()
        turn.drop()
    while len(state.last) > CONNECTIONS_MAX:
        del state.last[next(iter(state.last))]


def _quiet(state: FramesSeen, run: Run) -> FramesSeen | None:
    conns, identities = run.conns, run.identities()
    last = state.last
    moved: dict[str, int] = {}
    if run.is_of_one:
        if identities[0] <= last.get(conns[0], -1) or not all(map(lt, identities, islice(identities, 1, None))):
            return None
        moved[conns[0]] = identities[-1]
    else:
        for conn, identity in zip(conns, identities, strict=True):
            if identity <= (moved[conn] if conn in moved else last.get(conn, -1)):
                return None
            moved[conn] = identity
        # The order is that of the last use.
        moved = {conn: moved[conn] for conn in reversed(dict.fromkeys(reversed(conns)))}
    merged = {conn: identity for conn, identity in last.items() if conn not in moved}
    merged.update(moved)
    while len(merged) > CONNECTIONS_MAX:
        del merged[next(iter(merged))]
    return FramesSeen(merged)


OPERATOR = Operator("dedupe_frames", 10, FramesSeen, _step, _quiet)
