"""Frames of our own have an identity and say what they mean."""

from __future__ import annotations

import msgspec

from producers._own import OwnFrames
from schemas import GapEvidence, RawFrame


def test_own_frames_are_numbered_under_one_connection() -> None:
    """Numbers rise by one, so that a frame delivered twice is recognised."""
    own = OwnFrames()
    frames = [msgspec.json.decode(own.encode("alive", b"{}", at_ns=5), type=RawFrame) for _ in range(3)]
    assert [(frame.c, frame.n) for frame in frames] == [(own.conn, number) for number in (1, 2, 3)]
    assert OwnFrames().conn != own.conn


def test_a_gap_frame_carries_its_evidence() -> None:
    """The evidence comes back as it was written, at the time it is given."""
    evidence = GapEvidence(cause="disconnect", streams=("book", "quotes"), from_ns=17)
    frame, at_ns = OwnFrames().gap(evidence, at_ns=99)
    decoded = msgspec.json.decode(frame, type=RawFrame)
    assert (decoded.k, decoded.t, at_ns) == ("gap", 99, 99)
    assert msgspec.json.decode(decoded.payload(), type=GapEvidence) == evidence
