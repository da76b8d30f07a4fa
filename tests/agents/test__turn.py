"""What a turn shows and takes."""

from __future__ import annotations

import msgspec

from agents._operator import Operator
from agents._turn import Turn
from tests.doubles.raw_frames import PARTITION, Log, core, rows, trade


class Kept(msgspec.Struct):
    """Keep nothing."""


def test_a_turn_shows_its_frame_and_takes_rows() -> None:
    """Position, cells and ids are the frame's own; a dropped row leaves, an emitted one stands in its place."""
    told: list[object] = []

    def step(state: Kept, turn: Turn) -> None:
        del state
        told.append((turn.position, turn.cells("price"), turn.ids(), turn.payload[:9], turn.received_ns))
        turn.drop_row(0)
        turn.repeated()
        turn.emit("md.trades", trade_id="made")
        turn.ask_reseed()

    def never(state: Kept, run: object) -> None:
        del state, run

    log = Log()
    log.add(log.frame("trades", trade(1)), log.frame("trades", trade(2, 3)))
    outputs = core(chain=(Operator("watch", 1, Kept, step, never),)).process(log.records)
    assert told == [
        (f"{PARTITION}.0.0", ["1.5"], [1], b'{"trades"', 1_001_000_000),
        (f"{PARTITION}.0.1", ["1.5", "1.5"], [2, 3], b'{"trades"', 1_002_000_000),
    ]
    assert rows(outputs, "md.trades", "trade_id", "row_index") == [("made", 0), ("made", 1), ("3", 2)]
    assert outputs.duplicates == {("invented", "m", "trades"): 2}
    assert [one.raw_offset for one in outputs.reseeds] == [0, 0]
