"""Envelopes made as a producer makes them: frames enter one by one and leave together."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from producers._envelope import Envelope, Envelopes, Lane


def sealed(lane: Lane, frames: Iterable[tuple[str, bytes, int]]) -> Envelope:
    """Return one envelope of frames: kind, encoded bytes and receive time of each."""
    envelopes = Envelopes(sys.maxsize, sys.maxsize, 0.0, 0.0)
    for kind, frame, received_ns in frames:
        assert envelopes.add(lane, kind, frame, received_ns) is None
    (envelope,) = envelopes.all()
    return envelope
