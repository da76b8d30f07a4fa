"""Keep a symbol's event time: it moves by the log alone, never by a clock.

Event time is the latest exchange time seen; an `alive` frame moves it on by the receive time elapsed
since the last frame, less the silence limit.
"""

from __future__ import annotations

import msgspec

from agents._messages import TIME_MAX_NS
from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn
from exchanges import BACKFILL
from schemas import Alive


class Time(msgspec.Struct):
    """Remember event time, and up to which receive time it was moved on."""

    event_ns: int = 0
    received_ns: int = 0


def _latest(cells: list[int | None], otherwise: int) -> int:
    return max((cell for cell in cells if cell is not None), default=otherwise)


def _step(state: Time, turn: Turn) -> None:
    message = turn.message
    if isinstance(message, Alive):
        elapsed = turn.received_ns - state.received_ns - message.silence_limit_ns
        if state.event_ns and elapsed > 0:
            state.event_ns = min(state.event_ns + elapsed, TIME_MAX_NS)
            # What has been added must not be added again by the next mark.
            state.received_ns += elapsed
    elif turn.group is not None and turn.dead is None and turn.kind != BACKFILL:
        state.event_ns = max(state.event_ns, _latest(turn.cells("exchange_ns"), turn.received_ns))
        state.received_ns = turn.received_ns


def _quiet(state: Time, run: Run) -> Time | None:
    event_ns = state.event_ns
    for kind in run.spans:
        cells = run.cells(kind, "exchange_ns")
        if not cells or None in cells:
            return None
        event_ns = max(event_ns, *cells)
    return Time(event_ns, run.received_ns())


OPERATOR = Operator("advance_time", 60, Time, _step, _quiet)
