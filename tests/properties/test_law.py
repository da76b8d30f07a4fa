"""The law (DESIGN 5): rows and state are a function of a symbol's raw records and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents._core import PartitionCore
from schemas._reseed import ReseedRequest
from tests.doubles.random_log import MARKETS, Step, make_log, make_steps
from tests.doubles.raw_frames import Reader, Record, Writer, core, whole

STEPS = st.builds(
    make_steps, seed=st.integers(0, 2**32), count=st.integers(1, 200), calm=st.sampled_from([98, 90, 50, 0])
)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=12)
LIMITS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def state_of(one: PartitionCore) -> dict[str, Any]:
    """Return the states of a core by key, as plain values."""
    return {key: (offset, msgspec.msgpack.decode(state)) for key, offset, state in one.dirty()}


def pieces(records: Sequence[Record], cuts: Sequence[int]) -> list[Sequence[Record]]:
    """Cut records into calls; the cuts are used round and round."""
    made, start, turn = [], 0, 0
    while start < len(records):
        made.append(records[start : start + cuts[turn % len(cuts)]])
        start += cuts[turn % len(cuts)]
        turn += 1
    return made


def in_log_order(reseeds: Sequence[ReseedRequest]) -> list[ReseedRequest]:
    """Sort requests of several symbols as they stand in the log."""
    return sorted(reseeds, key=lambda one: one.raw_offset)


@LIMITS
@given(steps=STEPS, cuts=CUTS)
def test_any_cut_gives_the_same_rows_and_state(steps: list[Step], cuts: list[int]) -> None:
    """Cutting the log into other calls changes no row of any topic and no state."""
    records = make_log(steps)
    reader, one = Reader(), core(rows_max=5)
    writer = Writer(reader)
    outputs = [one.process(piece) for piece in pieces(records, cuts)]
    for each in outputs:
        writer.write(each)
    at_once = core()
    told = at_once.process(records)
    assert reader.rows == whole(records)
    assert state_of(one) == state_of(at_once)
    assert sum((each.checksums for each in outputs), Counter()) == told.checksums
    assert sum((each.passed_over for each in outputs), Counter()) == told.passed_over
    assert sum((each.duplicates for each in outputs), Counter()) == told.duplicates
    assert [reseed for each in outputs for reseed in in_log_order(each.reseeds)] == in_log_order(told.reseeds)


@LIMITS
@given(steps=STEPS)
def test_other_symbols_change_nothing(steps: list[Step]) -> None:
    """A symbol's rows are the same whether or not other symbols' records stand between its own."""
    records = make_log(steps)
    together = whole(records)
    for symbol, market in MARKETS.items():
        alone = whole([record for record in records if record[1] == f"invented.{market}.{symbol}".encode()])
        beside = {topic: [row for row in found if row["native_symbol"] == symbol] for topic, found in together.items()}
        assert alone == {topic: found for topic, found in beside.items() if found}


@LIMITS
@given(
    steps=STEPS,
    cuts=CUTS,
    fates=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40),
)
def test_any_kill_gives_the_same_rows(steps: list[Step], cuts: list[int], fates: list[tuple[int, int, int]]) -> None:
    """Killed anywhere, restored from the states written and replayed from the barrier: the same rows, once each."""
    records = make_log(steps)
    disk = Disk()
    reader, one, writer = Reader(), core(), None
    writer = Writer(reader)
    position, turn = 0, 0
    while position < len(records):
        piece = records[position : position + cuts[turn % len(cuts)]]
        outputs = one.process(piece)
        kill, keep, older = fates[turn] if turn < len(fates) else (0, 0, 0)
        turn += 1
        if kill == 1:  # some outputs were written, no state
            outputs.md = outputs.md[:keep]
            writer.write(outputs)
        else:
            writer.write(outputs)
            position += len(piece)
            if kill:
                disk.write(one, writer, records[:position], skip=keep)
        if kill in {1, 2}:
            one = core()
            one.restore(disk.states)
            writer = Writer(reader, disk.prev)
            position = max(disk.next - older, 0)
    assert reader.rows == whole(records)


class Disk:
    """Keep what survives a kill: states by key, and a barrier."""

    def __init__(self) -> None:
        """Start empty."""
        self.states: dict[str, tuple[int, bytes]] = {}
        self.prev: dict[str, int] = {}
        self.next = 0

    def write(self, one: PartitionCore, writer: Writer, done: Sequence[Record], skip: int) -> None:
        """Write the dirty states but those at place `skip`, then the barrier that follows from them."""
        written = [state for place, state in enumerate(one.dirty()) if place != skip]
        self.states.update({key: (offset, state) for key, offset, state in written})
        one.clear_dirty(key for key, _, _ in written)
        needed = [
            offset
            for offset, key, _ in done
            if key is not None and offset > self.states.get(key.decode(), (-1, b""))[0]
        ]
        self.next = min(needed, default=len(done))
        self.prev = dict(writer.prev)
