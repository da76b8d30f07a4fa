"""Decide what happens to frames while the broker is behind: wait, drop_oldest, sample or spill. Pure.

Order within a symbol is never touched: `sample` thins frames before they reach the spool,
`drop_oldest` thins the oldest part of a full spool and leaves a gap frame in the place of what it
takes out, `spill` keeps everything until the spool is full, `wait` stops reading the sockets that
bring the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from producers._balance import counted_as, frame_kind
from producers._envelope import Envelope
from producers._holes import Hole, widen
from producers._own import OwnFrames
from schemas import RawRecord, decode_raw, encode_frame, encode_raw

WAIT, DROP_OLDEST, SAMPLE, SPILL = "wait", "drop_oldest", "sample", "spill"


def waits(policies: Mapping[str, str], kinds: Iterable[str]) -> bool:
    """Tell whether a connection that carries these kinds is not read meanwhile: one that waits holds up the others."""
    return any(policies.get(kind) == WAIT for kind in kinds)


class Policies:
    """Apply the policy of each frame kind; kinds not named spill."""

    def __init__(self, policies: Mapping[str, str], sample_every: int) -> None:
        """Take the policy per kind."""
        self._sampled = {kind for kind, policy in policies.items() if policy == SAMPLE}
        self._oldest = {kind for kind, policy in policies.items() if policy == DROP_OLDEST}
        self._every = sample_every
        self._seen: Counter[str] = Counter()

    @property
    def drops_oldest(self) -> bool:
        """Tell whether a full spool may be thinned."""
        return bool(self._oldest)

    def sample(self, envelope: Envelope) -> list[tuple[str, bytes]]:
        """Take frames of sampled kinds out of an envelope but for one in `sample_every`; return them."""
        if self._sampled.isdisjoint(map(frame_kind, envelope.kinds)):
            return []
        kept: list[tuple[str, bytes]] = []
        dropped: list[tuple[str, bytes]] = []
        for pair in zip(envelope.kinds, envelope.frames, strict=True):
            if frame_kind(pair[0]) in self._sampled:
                self._seen[pair[0]] += 1
                (dropped if self._seen[pair[0]] % self._every else kept).append(pair)
            else:
                kept.append(pair)
        envelope.kinds = [kind for kind, _ in kept]
        envelope.frames = [frame for _, frame in kept]
        return dropped

    def thin(self, value: bytes, own: OwnFrames) -> tuple[bytes, Counter[str]] | None:
        """Take `drop_oldest` frames out of a spooled record; return the rest and what was taken, as it was counted.

        A gap frame stands where the first of them stood. None when there is nothing to take.
        """
        record = decode_raw(value)
        taken = Counter(counted_as(frame) for frame in record.frames if frame.k in self._oldest)
        if not taken:
            return None
        return _rebuild(record, self._oldest, own), taken


def _rebuild(record: RawRecord, kinds: set[str], own: OwnFrames) -> bytes:
    taken = [frame for frame in record.frames if frame.k in kinds]
    hole = Hole(taken[0].t, taken[-1].t, 0, set(), set())
    for frame in taken:
        widen(hole, frame.k, b"")
    frames: list[bytes] = []
    for frame in record.frames:
        if frame.k not in kinds:
            frames.append(
                encode_frame(
                    frame.c, frame.n, frame.t, frame.k, frame.payload(),
                    valid_json=not frame.raw_b64, part=frame.p, meta=frame.m,
                )
            )  # fmt: skip
        elif frame is taken[0]:
            frames.append(own.gap(hole.evidence("spool full: oldest dropped"), at_ns=frame.t)[0])
    return encode_raw(record.exchange, record.market, record.symbol, record.source, frames, record.origin)
