"""What could not be kept is remembered until a gap frame has said so."""

from __future__ import annotations

import pytest

from producers import _holes
from producers._envelope import Envelope, Lane
from producers._holes import Holes
from producers._own import OwnFrames
from schemas import GapEvidence

LANE = Lane("binance", "usdm", "AAAUSDT", "test")


def kept(holes: Holes, last_ns: int, *, announces: bool = False) -> None:
    """Pass an envelope that is on its way."""
    envelope = Envelope(LANE, last_ns)
    envelope.announces = announces
    holes.kept(envelope)


def test_a_hole_reaches_from_the_last_kept_frame_to_the_last_dropped_one() -> None:
    """Bounds, streams and count are those of what was dropped."""
    holes = Holes()
    kept(holes, 100)
    holes.drop(LANE, ["trades", "quotes"], [b"", b""], 110, 120)
    hole = holes.drop(LANE, ["book", "control"], [b"", b""], 130, 140)
    evidence = hole.evidence("spool full")
    assert (evidence.cause, evidence.from_ns, evidence.to_ns, evidence.frames_missing) == ("drop", 100, 140, 3)
    assert evidence.streams == ("book", "quotes", "trades")


def test_lanes_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole of one that is not begins with the first frame dropped."""
    monkeypatch.setattr(_holes, "LANES_MAX", 1)
    holes, other = Holes(), Lane("binance", "usdm", "BBBUSDT", "test")
    holes.kept(Envelope(other, 90))
    kept(holes, 100)
    assert holes.drop(LANE, ["trades"], [b""], 110, 120).from_ns == 110
    assert holes.drop(other, ["trades"], [b""], 110, 120).from_ns == 90


def test_only_an_envelope_that_announces_closes_the_hole() -> None:
    """Frames kept in between do not hide the hole."""
    holes = Holes()
    holes.drop(LANE, ["trades"], [b""], 10, 20)
    kept(holes, 30)
    assert holes.lanes() == [LANE]
    kept(holes, 40, announces=True)
    assert not holes


def test_a_dropped_gap_frame_hands_its_streams_and_bound_over() -> None:
    """Evidence is never lost with the frame that carried it."""
    holes = Holes()
    kept(holes, 500)
    frame, _ = OwnFrames().gap(GapEvidence(cause="disconnect", streams=("funding",), from_ns=50), at_ns=510)
    hole = holes.drop(LANE, ["gap", "book_snapshot"], [frame, b""], 510, 520)
    assert hole.evidence("").streams == ("book", "funding")
    assert hole.from_ns == 50
    assert hole.kinds == {"gap", "book_snapshot"}
