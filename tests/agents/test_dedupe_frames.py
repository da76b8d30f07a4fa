"""Frames delivered twice."""

from __future__ import annotations

from agents.dedupe_frames import CONNECTIONS_MAX, OPERATOR, FramesSeen
from tests.doubles.raw_frames import Log, core, rows


def funding(log: Log, number: int, conn: str = "a", **meta: int) -> None:
    """Append a frame of a kind without ids."""
    log.put("funding", {"mark": f"{number}.5"}, conn=conn, number=number, **meta)


def test_a_spool_that_delivers_twice_adds_nothing() -> None:
    """A frame's identity is connection, number and part, also for kinds without ids."""
    log = Log()
    for number in (0, 1, 2, 1, 2, 3):
        funding(log, number)
    funding(log, 1, "b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.funding", "conn", "frame_no") == [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert outputs.duplicates == {("invented", "m", "funding"): 2}


def test_parts_of_one_frame_are_different_frames() -> None:
    """A frame sliced into parts has one number and is taken part by part."""
    log = Log()
    for part in (0, 1, 1):
        funding(log, 7, part=part)
    assert len(rows(core().process(log.records), "md.funding")) == 2


def test_a_repeat_of_a_dead_frame_is_no_second_dead_letter() -> None:
    """The spool repeats garbage too."""
    log = Log()
    frame = log.frame("funding", b"\xff")
    log.add(frame)
    log.add(frame)
    assert len(rows(core().process(log.records), "md.dead_letters")) == 1


def test_connections_remembered_are_bounded() -> None:
    """The least recently used connection is forgotten, by either path."""
    log = Log()
    funding(log, 0, "kept")
    for number in range(CONNECTIONS_MAX + 9):
        funding(log, 0, f"c{number}")
        funding(log, 1 + number, "kept")
    both = []
    for size in (1, len(log.records)):
        one = core()
        for start in range(0, len(log.records), size):
            one.process(log.records[start : start + size])
        both.append(one.dirty()[0][2])
    assert both[0] == both[1]
    assert OPERATOR.state is FramesSeen
    assert both[0].count(b"c1") > 0
    assert b"\xa2c0" not in both[0]
    assert b"kept" in both[0]
