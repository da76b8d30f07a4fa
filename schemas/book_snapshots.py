"""One level of a book snapshot that came from the venue."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="book_snapshots",
    topic="md.book",
    doc="One level of a book snapshot that came from the venue.",
    fields=(
        Field(100, "side", Type.SYMBOLIC, "bid or ask"),
        Field(101, "price", Type.DECIMAL, "price of the level", "quote per base"),
        Field(102, "size", Type.DECIMAL, "absolute size of the level; 0 deletes it", "venue unit"),
        Field(103, "level", Type.INT, "ordinal of the level within its side of the frame"),
        Field(105, "last_update_id", Type.LONG, "the update id the snapshot stands at"),
        Field(107, "reason", Type.SYMBOLIC, "why it was asked for: subscribe, resync or periodic"),
        Field(108, "checksum", Type.LONG, "the venue's sum over the book after this frame, where it sends one"),
    ),
    per_frame=frozenset({"exchange_ns", "last_update_id", "reason", "checksum"}),
)
