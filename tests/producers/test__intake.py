"""The intake is one door: order in is order out."""

from __future__ import annotations

import msgspec
import pytest

from producers import _intake
from schemas import GapEvidence, encode_frame
from tests.doubles.memory_log import MemoryLog


def test_data_gaps_and_own_frames_leave_in_the_order_they_entered(memory_log: MemoryLog) -> None:
    """A gap written between two frames stands between them in the log."""
    lane = memory_log.lane("AAAUSDT")
    take = memory_log.intake.take
    take(lane, "trades", encode_frame("c", 1, 1, "trades", b"1"), 1)
    memory_log.intake.gap(lane, GapEvidence(cause="disconnect", streams=("trades",), from_ns=1))
    take(lane, "trades", encode_frame("d", 1, 2, "trades", b"2"), 2)
    memory_log.intake.own(lane, "alive", b"{}")
    frames = memory_log.frames("AAAUSDT")
    assert [frame.k for frame in frames] == ["trades", "gap", "trades", "alive"]
    assert msgspec.json.decode(frames[1].payload(), type=GapEvidence).from_ns == 1
    assert {key.kind: count for key, count in memory_log.balance.received.items()} == {"gap": 1, "alive": 1}


def test_a_tick_sends_what_waited_long_enough(memory_log: MemoryLog) -> None:
    """Without a further frame the linger ends the wait."""
    memory_log.intake.own(memory_log.lane("AAAUSDT"), "alive", b"{}")
    memory_log.intake.tick()
    assert len(memory_log.client.delivered) == 1


def test_gaps_are_counted_per_lane_and_kind_within_a_bound(
    memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the cause of the last one; other lines of the process count in the same place."""
    monkeypatch.setattr(_intake, "GAPS_MAX", 3)
    lane, other = memory_log.lane("AAAUSDT"), memory_log.lane("BBBUSDT")
    memory_log.intake.gap(lane, GapEvidence(cause="disconnect", streams=("trades", "book"), from_ns=1))
    memory_log.intake.line("b").gap(lane, GapEvidence(cause="silence", streams=("trades",), from_ns=1))
    memory_log.intake.gap(other, GapEvidence(cause="restart", streams=("trades", "quotes"), from_ns=1))
    memory_log.intake.gap(other, GapEvidence(cause="removed", streams=("trades",), from_ns=1))
    assert memory_log.intake.gaps == {
        (lane.key, "trades"): (2, "silence"),
        (lane.key, "book"): (1, "disconnect"),
        (other.key, "trades"): (2, "removed"),
    }


def test_connections_that_ended_are_known_for_a_while(memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their frames may still come out of the spool; those that are open, and our own, are never forgotten."""
    monkeypatch.setattr(_intake, "ENDED_MAX_CONNECTIONS", 2)
    intake = memory_log.intake
    own, line = set(intake.conns), intake.line("b")
    intake.conns.update("abcde")
    for ended in "abcd":
        line.ended(ended)
    assert intake.conns == {*own, *line.conns, "c", "d", "e"} >= own


def test_the_rest_of_a_gap_is_written_once_and_only_after_one(memory_log: MemoryLog) -> None:
    """It has the cause of the gap that it goes on; a kind without a gap was missed by nobody."""
    lane, intake = memory_log.lane("AAAUSDT"), memory_log.intake
    intake.rest(lane, "funding", 1, 2)
    intake.gap(lane, GapEvidence(cause="restart", streams=("funding", "book"), from_ns=1))
    intake.line("b").rest(lane, "funding", 3, 4)
    intake.rest(lane, "funding", 5, 6)
    found = [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in memory_log.frames("AAAUSDT")]
    assert found[1:] == [GapEvidence("restart", ("funding",), 3, 4, detail=_intake.PARTLY)]
