"""Make the frames a producer writes of its own: gaps, life signs, definitions, REST snapshots."""

from __future__ import annotations

import uuid

import msgspec

from cryptoflow import clock
from schemas import FEED_SEPARATOR, GapEvidence, encode_frame

GAP = "gap"
ALIVE = "alive"
INSTRUMENT = "instrument"
SWITCH = "switch"
BOOK_SNAPSHOT = "book_snapshot"


def connection_id(feed: str) -> str:
    """Draw the name of a connection: a uuid, after the label of its redundant feed where it has one."""
    drawn = str(uuid.uuid4())
    return f"{feed}{FEED_SEPARATOR}{drawn}" if feed else drawn


class OwnFrames:
    """Number frames under a connection of their own, so that each has an identity."""

    def __init__(self, feed: str = "") -> None:
        """Draw the connection."""
        self.conn = connection_id(feed)
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
