"""Runs of frames as operators see them."""

from __future__ import annotations

import msgspec

from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn
from tests.doubles.raw_frames import MS, Log, core, quote, trade


class Kept(msgspec.Struct):
    """Keep nothing."""


def test_a_run_spans_the_records_of_one_symbol() -> None:
    """Columns of a run are those of its symbol alone, in log order, whatever stands between its records."""
    told: list[object] = []

    def quiet(state: Kept, run: Run) -> Kept:
        told.append((run.conns, [one >> 20 for one in run.identities()], sorted(run.spans)))
        told.append((run.ids("trades"), run.cells("trades", "size"), run.ordinals("trades"), run.ordinals("book")))
        told.append((run.last_received_ns("trades"), run.received_ns()))
        return state

    def step(state: Kept, turn: Turn) -> None:
        raise AssertionError(state, turn)

    log = Log()
    log.add(log.frame("trades", trade(1)), log.frame("quotes", quote(1)))
    log.put("trades", trade(70), symbol="CD")
    log.add(log.frame("trades", trade(2, 3, size="5"), conn="b"), log.frame("quotes", quote(2)))
    core(chain=(Operator("watch", 1, Kept, step, quiet),)).process(log.records)
    assert told[:3] == [
        (["a", "a", "b", "a"], [0, 1, 0, 3], ["quotes", "trades"]),
        ([1, 2, 3], ["2", "5", "5"], [0, 3], []),
        (1004 * MS, 1005 * MS),
    ]
    assert told[4] == ([70], ["2"], [2], [])
