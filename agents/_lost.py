"""Say of records that the log lost what their producers would have said: a gap in every stream heard before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agents._messages import GAP
from schemas import FEED_SEPARATOR, GapEvidence, RawFrame, RawRecord, feed_of

RETENTION = "retention"
"""The cause of the gap."""

_OWN = "lost"


def with_hole(record: RawRecord, offset: int, streams: Sequence[str], conns: Iterable[str], from_ns: int) -> RawRecord:
    """Return a symbol's next record with evidence of the hole before it, one frame for each feed heard.

    What follows in the log ends the gap. The frames are numbered by the offset, so they are known again.
    """
    if not streams or not record.frames:
        return record
    at_ns = max(record.frames[0].t, from_ns)
    told = msgspec.Raw(msgspec.json.encode(GapEvidence(RETENTION, tuple(streams), from_ns)))
    feeds = sorted({feed_of(conn) for conn in conns})
    labels = [f"{feed}{FEED_SEPARATOR}{_OWN}" if feed else _OWN for feed in feeds]
    hole = [RawFrame(c=label, n=offset, t=at_ns, k=GAP, raw=told) for label in labels]
    return msgspec.structs.replace(record, frames=[*hole, *record.frames])
