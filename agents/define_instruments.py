"""Name the symbol canonically and write a row when its definition changes."""

from __future__ import annotations

import msgspec
import xxhash

from agents._messages import INSTRUMENT, instrument_row
from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn
from schemas import InstrumentDefinition


class Defined(msgspec.Struct):
    """Remember the hash of the venue's own definition."""

    digest: str = ""


def _step(state: Defined, turn: Turn) -> None:
    definition = turn.message
    if turn.kind != INSTRUMENT or turn.dead or not isinstance(definition, InstrumentDefinition):
        return
    payload = turn.payload
    digest = xxhash.xxh3_128_hexdigest(payload)
    turn.define(definition)
    if digest == state.digest:
        return
    state.digest = digest
    turn.emit("md.instruments", **instrument_row(definition, payload))


def _quiet(state: Defined, run: Run) -> Defined | None:
    del run  # a run holds data frames only
    return state


OPERATOR = Operator("define_instruments", 20, Defined, _step, _quiet)
