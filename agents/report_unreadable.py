"""Write a dead letter for every frame that could not be read: its bytes, the reason, its position."""

from __future__ import annotations

import base64

import msgspec

from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn

PAYLOAD_MAX_BYTES = 1_048_576
"""Bytes of a frame kept in its dead letter; the raw record at its position has all of them."""


class Nothing(msgspec.Struct):
    """Keep nothing."""


def _step(state: Nothing, turn: Turn) -> None:
    del state
    dead = turn.dead
    if dead is None:
        return
    payload = turn.payload
    cut = f" (first {PAYLOAD_MAX_BYTES} of {len(payload)} bytes)" if len(payload) > PAYLOAD_MAX_BYTES else ""
    turn.drop_rows_of_frame()
    turn.effects.dead[turn.symbol.exchange, dead.stage] += 1
    turn.emit(
        "md.dead_letters",
        stage=dead.stage,
        error=dead.error,
        message=dead.message + cut,
        column=dead.column or None,
        payload_b64=base64.b64encode(payload[:PAYLOAD_MAX_BYTES]).decode(),
        frame_kind=turn.kind,
    )


def _quiet(state: Nothing, run: Run) -> Nothing | None:
    del run  # a run holds readable frames only
    return state


OPERATOR = Operator("report_unreadable", 15, Nothing, _step, _quiet)
