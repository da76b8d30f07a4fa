"""One sample of a maintained book every 100 ms of event time."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="books",
    topic="md.books",
    doc="One sample of a maintained book every 100 ms of event time.",
    fields=(
        Field(100, "valid", Type.BOOL, "false after a gap until a new snapshot"),
        Field(101, "why", Type.SYMBOLIC, "what made the book invalid"),
        Field(102, "mid", Type.DECIMAL, "middle of the best prices", "quote per base"),
        Field(103, "microprice", Type.DECIMAL, "size-weighted middle", "quote per base"),
        Field(104, "spread", Type.DECIMAL, "best ask less best bid", "quote per base", signed=True),
        Field(105, "spread_bps", Type.DECIMAL, "spread over mid", "basis points", signed=True),
        Field(
            106, "imbalance", Type.DECIMAL, "bid size share less ask size share at the top", "ratio -1..1", signed=True
        ),
        Field(107, "bids", Type.LEVELS, "best bids, best first"),
        Field(108, "asks", Type.LEVELS, "best asks, best first"),
        Field(109, "last_update_id", Type.LONG, "the update id the book stands at"),
    ),
)
