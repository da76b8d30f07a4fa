"""Make the frames a producer writes of its own: gaps, life signs, definitions, REST snapshots."""

from __future__ import annotations

import uuid

import msgspec

from cryptoflow import clock
from schemas import GapEvidence, encode_frame

GAP = "gap"
ALIVE = "alive"
INSTRUMENT = "instrument"
BOOK_SNAPSHOT = "book_snapshot"


class OwnFrames:
    """Number frames under a connection uuid of their own, so that each has an identity."""

    def __init__(self) -> None:
        """Draw the uuid."""
        self.conn = str(uuid.uuid4())
        self._number = 0

    def encode(
        self, kind: str, raw: bytes, *, at_ns: int, meta: dict[str, str | int] | None = None, valid: bool = True
    ) -> bytes:
        """Encode the next frame."""
        self._number += 1
        return encode_frame(self.conn, self._number, at_ns, kind, raw, meta=meta, valid_json=valid)

    def gap(self, evidence: GapEvidence, *, at_ns: int | None = None) -> tuple[bytes, int]:
        """Encode evidence of a gap; return the frame and its time."""
        at_ns = clock.now_ns() if at_ns is None else at_ns
        return self.encode(GAP, msgspec.json.encode(evidence), at_ns=at_ns), at_ns
