"""Remember, per symbol, which frames could not be kept, until a gap frame has said so. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from exchanges import StreamKind
from producers._balance import frame_kind
from producers._envelope import Envelope, Lane
from producers._own import BOOK_SNAPSHOT, GAP
from schemas import GapEvidence, RawFrame

_frame = msgspec.json.Decoder(RawFrame)
_evidence = msgspec.json.Decoder(GapEvidence)
DROP = "drop"
LANES_MAX = 65_536
"""Lanes whose last frame is remembered; there are more only where a venue names ever new symbols."""

STREAM_KINDS = frozenset(kind.value for kind in StreamKind)


class Hole(msgspec.Struct):
    """Collect what one lane lost since its last frame that was kept."""

    from_ns: int
    to_ns: int
    frames: int
    streams: set[str]
    kinds: set[str]
    sampled: bool = True

    def evidence(self, reason: str) -> GapEvidence:
        """Say it as the log does."""
        return GapEvidence(
            cause=DROP,
            streams=tuple(sorted(self.streams)),
            from_ns=self.from_ns,
            to_ns=self.to_ns,
            frames_missing=self.frames,
            detail=reason,
        )


class Holes:
    """Keep one open hole per lane."""

    def __init__(self) -> None:
        """Start whole."""
        self._kept_ns: dict[Lane, int] = {}
        self._open: dict[Lane, Hole] = {}

    def __bool__(self) -> bool:
        """Tell whether any lane has a hole that no gap frame declares yet."""
        return bool(self._open)

    def lanes(self) -> list[Lane]:
        """List the lanes with a hole."""
        return list(self._open)

    def get(self, lane: Lane) -> Hole | None:
        """Return the hole of a lane."""
        return self._open.get(lane)

    def kept(self, envelope: Envelope) -> None:
        """Note that these frames are on their way, and with them the gap frame if they announce one."""
        if envelope.lane in self._kept_ns or len(self._kept_ns) < LANES_MAX:
            self._kept_ns[envelope.lane] = envelope.last_ns
        if envelope.announces:
            self._open.pop(envelope.lane, None)

    def drop(self, lane: Lane, kinds: Iterable[str], frames: Iterable[bytes], first_ns: int, last_ns: int) -> Hole:
        """Widen the lane's hole by frames that were dropped; return it."""
        hole = self._open.get(lane)
        if hole is None:
            hole = self._open[lane] = Hole(self._kept_ns.get(lane, first_ns), last_ns, 0, set(), set())
        hole.to_ns = max(hole.to_ns, last_ns)
        for kind, frame in zip(kinds, frames, strict=True):
            widen(hole, kind, frame)
        return hole


def widen(hole: Hole, kind: str, frame: bytes) -> None:
    """Take one dropped frame into the hole; a dropped gap frame hands its streams over."""
    kind = frame_kind(kind)
    hole.kinds.add(kind)
    if kind in STREAM_KINDS:
        hole.streams.add(kind)
        hole.frames += 1
    elif kind == BOOK_SNAPSHOT:
        hole.streams.add(StreamKind.BOOK.value)
    elif kind == GAP:
        lost = _evidence.decode(_frame.decode(frame).payload())
        hole.streams.update(lost.streams)
        hole.from_ns = min(hole.from_ns, lost.from_ns)
